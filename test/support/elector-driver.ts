import { expect } from "vitest";
import { Acknowledged } from "../../src/election/acknowledged.ts";
import {
  type Elector,
  type ElectorContext,
  type ElectorEffect,
  type ElectorEvent,
  NEW_ELECTOR,
  type ReadOutcome,
  type SentWrite,
  type Standing,
  step,
  validUntilMs,
  type WriteOutcome,
  wakeAtMs,
} from "../../src/election/elector.ts";
import { ANNOTATION_RENEWAL, ANNOTATION_TRANSFER } from "../../src/lease/names.ts";
import { type LeaseVersion, nextRenewTime, parseLease } from "../../src/lease/record.ts";
import type { Renewal } from "../../src/lease/renewal.ts";
import { transferText } from "../../src/lease/transfer.ts";

/** Default timings: L 15 s, V 10 s, R 2 s. */
export const L = 15_000;
/** Nobody keeps an elector from anything. */
export const UNHINDERED: Standing = {
  leaves: false,
  contends: true,
  mayOpen: true,
  mayClaim: true,
  mayDrain: true,
  target: undefined,
  rankDelayMs: 0,
  absenceMs: L,
};
/** What an elector is told where no Lease stands by a member Lease. */
export const PER_SHARD = {
  renewal: "per-shard",
  memberValidUntilMs: Number.NEGATIVE_INFINITY,
  isStatic: false,
} as const;
export const V = 10_000;
export const R = 2_000;
export const CLOCK_RATIO = 1.25;
/** Quiesce time, as `leaseTimings` computes it: 2 s. */
export const Q = L / CLOCK_RATIO - V;
export const WE = "r1_uuid-of-r1";

const WALL_AT_START_MS = Date.UTC(2026, 0, 1);

export interface Described {
  readonly rv: number | string;
  readonly holder?: string;
  readonly uid?: string;
  readonly durationMs?: number;
  readonly transitions?: number;
  /** A time of its own for each version when left out. */
  readonly renewTime?: string;
  readonly acquireTime?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A version of the Lease as the API server would show it. */
export function lease(described: Described): LeaseVersion {
  const { rv, holder = "r9_uuid-of-r9", uid = "uid-1", durationMs = L, transitions = 1 } = described;
  const renewTime = described.renewTime ?? nextRenewTime(WALL_AT_START_MS + (Number(rv) % 1e9 || 0), "");
  return parseLease({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: "shop-configmaps-00",
      namespace: "default",
      uid,
      resourceVersion: String(rv),
      annotations: described.annotations ?? {},
    },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: durationMs / 1000,
      leaseTransitions: transitions,
      renewTime,
      acquireTime: described.acquireTime ?? renewTime,
    },
  });
}

/** The same version, marked to stand by the member Lease of its holder. */
export function standing(version: LeaseVersion): LeaseVersion {
  return { ...version, annotations: { ...version.annotations, [ANNOTATION_RENEWAL]: "per-member" } };
}

/** A release as a holder writes it: nobody, one second, transitions unchanged. */
export function released(described: Described): LeaseVersion {
  return lease({ holder: "", durationMs: 1000, ...described });
}

/** A transfer to us as a holder of version `replaced` writes it. */
export function transferred(described: Described & { readonly replaced: number | string }): LeaseVersion {
  const { holder = WE, transitions = 2, replaced } = described;
  const transfer = transferText({ to: holder, transitions, replaced: String(replaced) });
  return lease({ annotations: { [ANNOTATION_TRANSFER]: transfer }, ...described, holder, transitions });
}

/**
 * One elector and its surroundings, told in the words of the domain. Time stands still unless it `advances`; every moment at which
 * the elector wants to be woken is kept, as its shell would.
 */
export class ElectorDriver {
  elector: Elector = NEW_ELECTOR;
  readonly effects: ElectorEffect[] = [];
  standing: Standing;
  /** What was acknowledged to this replica, on whatever Lease. */
  readonly acknowledged = new Acknowledged(V);
  readonly #timings: Pick<
    ElectorContext,
    "leaseDurationMs" | "renewDeadlineMs" | "retryPeriodMs" | "clockRatio" | "quiesceMs"
  >;
  #monotonicMs = 100_000;
  #gateAheadMs = 0;
  #wallMs = WALL_AT_START_MS;
  #rv = 0;
  #pending: { readonly write: SentWrite; readonly on: LeaseVersion | undefined } | undefined;

  renewal: Renewal = "per-shard";
  isStatic = false;
  memberValidUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly durationMs?: number; readonly standing?: Partial<Standing> } = {}) {
    const leaseDurationMs = options.durationMs ?? L;
    const quiesceMs = leaseDurationMs / CLOCK_RATIO - V;
    this.#timings = { leaseDurationMs, renewDeadlineMs: V, retryPeriodMs: R, clockRatio: CLOCK_RATIO, quiesceMs };
    this.standing = { ...UNHINDERED, absenceMs: leaseDurationMs, ...options.standing };
  }

  get context(): ElectorContext {
    const gateMs = this.#monotonicMs + this.#gateAheadMs;
    const now = { monotonicMs: this.#monotonicMs, earliestMs: gateMs, latestMs: gateMs, wallMs: this.#wallMs };
    return {
      now,
      identity: WE,
      ...this.#timings,
      renewal: this.renewal,
      isStatic: this.isStatic,
      memberValidUntilMs: this.memberValidUntilMs,
      phaseShift: 1,
      standing: this.standing,
      sentBefore: (resourceVersion) => this.acknowledged.sentBefore(resourceVersion),
    };
  }

  get nowMs(): number {
    return this.#monotonicMs;
  }

  get phase(): string {
    return this.elector.phase.name;
  }

  /** True while the gate of the current term is open: by its phase, and by time. */
  get isOpen(): boolean {
    return ["leading", "draining", "stuck"].includes(this.phase) && this.validForMs > 0;
  }

  get validForMs(): number {
    return validUntilMs(this.elector, this.context) - this.context.now.latestMs;
  }

  /** The write that is on its way. */
  get pending(): SentWrite {
    if (this.#pending === undefined) throw new Error("no write is on its way");
    return this.#pending.write;
  }

  get hasPending(): boolean {
    return this.#pending !== undefined;
  }

  /** What happened since this was last asked, by name. */
  happened(): string[] {
    return this.effects.splice(0).map((effect) => {
      if (effect.type === "write") return effect.write.kind;
      if (effect.type === "lose" || effect.type === "keep") return `${effect.type} (${effect.reason})`;
      return effect.type;
    });
  }

  dispatch(event: ElectorEvent): this {
    const { elector, effects } = step(this.elector, event, this.context);
    this.elector = elector;
    for (const effect of effects) {
      this.effects.push(effect);
      if (effect.type === "write") {
        expect(this.#pending, "at most one write is on its way").toBeUndefined();
        this.#pending = effect;
      }
    }
    return this;
  }

  sees(version: LeaseVersion, channel: "watch" | "list" = "watch"): this {
    this.#note(version);
    return this.dispatch({ type: "seen", version, channel });
  }

  misses(channel: "watch" | "list" = "watch", firstInstall = false): this {
    return this.dispatch({ type: "absent", channel, firstInstall });
  }

  /** The pending write is applied: the version that it made. Nobody has been told yet. */
  applies(): LeaseVersion {
    const { write, on } = this.#pending ?? { write: this.pending, on: undefined };
    this.#rv += 1;
    const { record } = write;
    const version = lease({
      rv: this.#rv,
      uid: on?.uid ?? `uid-of-${this.#rv}`,
      holder: record.holder,
      durationMs: record.durationMs,
      transitions: record.transitions,
      renewTime: record.renewTime,
      acquireTime: record.acquireTime,
      annotations: write.kind === "transfer" ? transferAnnotation(write) : {},
    });
    return write.renewal === "per-member" ? standing(version) : version;
  }

  /** A write of our member Lease, sent `agoMs` before now, has come back by the watch. */
  memberEchoes(agoMs = 0): this {
    this.memberValidUntilMs = this.context.now.earliestMs - agoMs + V;
    return this.dispatch({ type: "tick" });
  }

  /** Our member Lease was fenced, deleted or edited. */
  identityDies(): this {
    this.memberValidUntilMs = Number.NEGATIVE_INFINITY;
    return this.dispatch({ type: "tick" });
  }

  learnsOfTheEndOf(holder: string): this {
    return this.dispatch({ type: "gone", holder, proven: false });
  }

  /** Another Lease was written now, say our member Lease, and the server stored that as `resourceVersion`. */
  acknowledges(resourceVersion: number | string): this {
    this.acknowledged.note(String(resourceVersion), this.context.now.earliestMs);
    return this;
  }

  /** The pending write is answered. */
  answers(answer: WriteOutcome | "conflict" | "missing" | "unknown"): this {
    const write = this.pending;
    this.#pending = undefined;
    if (typeof answer !== "string" && answer.type === "ok") {
      this.acknowledged.note(answer.version.resourceVersion, write.sentAt.earliestMs);
    }
    return this.dispatch({ type: "written", write, answer: outcome(answer) });
  }

  /** The pending write is applied, acknowledged, and shown by the watch. */
  succeeds(): LeaseVersion {
    const version = this.applies();
    this.answers({ type: "ok", version });
    this.sees(version);
    return version;
  }

  reads(answer: LeaseVersion | "missing" | "unknown", labelled = true): this {
    const read: ReadOutcome = typeof answer === "string" ? { type: answer } : { type: "ok", version: answer, labelled };
    if (typeof answer !== "string") this.#note(answer);
    return this.dispatch({ type: "read", answer: read });
  }

  /** Work of the draining term does not end although it was told to. */
  getsStuck(): this {
    return this.dispatch({ type: "stuck" });
  }

  /** Work of terms that were given up has ended at last. */
  isRelieved(): this {
    return this.dispatch({ type: "relieved" });
  }

  vacates(): this {
    return this.dispatch({ type: "vacated" });
  }

  becomes(standing: Partial<Standing>): this {
    this.standing = { ...this.standing, ...standing };
    return this.dispatch({ type: "tick" });
  }

  /** Time passes on all clocks; the elector is woken whenever it asked to be. */
  advances(ms: number): this {
    const untilMs = this.#monotonicMs + ms;
    for (let ticks = 0; ; ticks += 1) {
      const wakeMs = wakeAtMs(this.elector, this.context);
      if (wakeMs > untilMs) break;
      if (ticks > 1_000) throw new Error(`the elector is busy: ${ticks} ticks until ${wakeMs}`);
      this.passes(Math.max(0, wakeMs - this.#monotonicMs));
      this.dispatch({ type: "tick" });
    }
    this.passes(untilMs - this.#monotonicMs);
    return this;
  }

  /** Time passes and nobody wakes the elector: its process is stopped. */
  passes(ms: number): this {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
    return this;
  }

  /** The gate's clock alone runs ahead: the wall clock jumped, or the machine was suspended. */
  gateClockJumps(ms: number): this {
    this.#gateAheadMs += ms;
    return this;
  }

  wallClockJumps(ms: number): this {
    this.#wallMs += ms;
    return this;
  }

  expects(phase: string): this {
    expect(this.phase).toBe(phase);
    return this;
  }

  #note(version: LeaseVersion): void {
    const rv = Number(version.resourceVersion);
    if (rv > this.#rv) this.#rv = rv;
  }
}

/** What the shell writes beside the record of a transfer. */
export function transferAnnotation(write: SentWrite): Record<string, string> {
  const { record, replaces } = write;
  const transfer = { to: record.holder, transitions: record.transitions, replaced: replaces };
  return { [ANNOTATION_TRANSFER]: transferText(transfer) };
}

function outcome(answer: WriteOutcome | "conflict" | "missing" | "unknown"): WriteOutcome {
  if (typeof answer !== "string") return answer;
  return answer === "unknown" ? { type: "unknown", retryAfterMs: 0 } : { type: answer };
}

/** An elector that leads by an acknowledged and echoed write; version 10 was somebody's release. */
export function leading(options?: ConstructorParameters<typeof ElectorDriver>[0]): ElectorDriver {
  const driver = new ElectorDriver(options);
  driver.sees(released({ rv: 10 }), "list");
  driver.succeeds();
  driver.expects("leading").happened();
  return driver;
}
