import type { MemberTraits } from "../config/settings.ts";
import type { LeaseTimings } from "../config/timings.ts";
import {
  ANNOTATION_ADDRESS,
  ANNOTATION_CONTAINER,
  ANNOTATION_FENCE,
  ANNOTATION_IDENTITY,
  ANNOTATION_PROTOCOL,
  ANNOTATION_RESOURCES,
  ANNOTATION_STATE,
  ANNOTATION_VERSION,
  ANNOTATION_WEIGHT,
  ANNOTATION_ZONE,
  type Identity,
  LABEL_COORDINATOR,
  LABEL_ROLE,
  memberLeaseName,
  PROTOCOL,
} from "../lease/names.ts";
import { changedLease, type LeaseChange, type LeaseVersion, newLease, nextRenewTime } from "../lease/record.ts";
import type { Renewal } from "../lease/renewal.ts";
import type { LeaseStore } from "../lease/store.ts";
import { type Clock, sleep } from "../runtime/clock.ts";
import { hasCode } from "../runtime/errors.ts";
import type { GateClock } from "../runtime/gate-clock.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import {
  type Membership,
  memberValidUntilMs,
  noteAbsent,
  noteMissing,
  noteRefused,
  noteSent,
  noteVersion,
  OUTSIDE,
} from "./membership.ts";

export interface MemberKeeperOptions {
  readonly coordinator: string;
  readonly namespace: string;
  readonly identity: Identity;
  readonly timings: LeaseTimings;
  /** With `per-member` an identity that has ended is never taken up again; else the Lease is simply made again. */
  readonly renewal: Renewal;
  readonly traits: MemberTraits;
  /** Where this replica serves `/metrics`, for people and programs; empty when it serves nothing. */
  readonly address: string;
  readonly store: LeaseStore;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly trouble: TroubleLog;
  readonly gateClock: GateClock;
  /** Told of every acknowledged write: its resourceVersion, and when it was sent on the gate clock. */
  acknowledged(resourceVersion: string, sentMs: number): void;
  /** The validity that shards stand by has changed. */
  extended(): void;
  /** The list+watch keeps back what must have come: it is to list again. */
  relist(): void;
  /** Per-member only: this identity has ended. Nothing is written any more. */
  died(cause: string): void;
}

const SHORTEST_PAUSE_MS = 10;

/** Errors by which the API server says that it did nothing; after any other one a write may have been applied. */
const REFUSALS = ["unauthorized", "forbidden", "not-found", "invalid-request", "too-many-requests"] as const;

/**
 * Keeps this replica's member Lease: written after the first list, renewed every R, written at once when what it says
 * changes, deleted at a clean end. How strictly it is judged is said in `membership.ts`.
 */
export class MemberKeeper {
  readonly leaseName: string;
  readonly #options: MemberKeeperOptions;
  #state: "ready" | "draining" = "ready";
  #resources: Readonly<Record<string, string>> = {};
  #membership: Membership = OUTSIDE;
  #container: string | null = null;
  #renewTime = "";
  #wake = new AbortController();
  #dirty = false;
  /** Gate clock: when a list of Leases was complete last, and when one was demanded last. */
  #listedMs = Number.NEGATIVE_INFINITY;
  #demandedMs = Number.NEGATIVE_INFINITY;

  constructor(options: MemberKeeperOptions) {
    this.#options = options;
    this.leaseName = memberLeaseName(options.coordinator, options.identity.uuid);
  }

  /** See {@link memberValidUntilMs}. */
  get validUntilMs(): number {
    return memberValidUntilMs(this.#membership, this.#options.timings.renewDeadlineMs);
  }

  /** This replica's source of `resource` has its first list complete. */
  announce(resource: string, keyMap: string): void {
    this.#resources = { ...this.#resources, [resource]: keyMap };
    this.#changed();
  }

  /** Which container this replica runs in, for others to see when it has ended. */
  claim(container: string): void {
    this.#container = container;
    this.#changed();
  }

  /** From now on it wants nothing. */
  drain(): void {
    this.#state = "draining";
    this.#changed();
  }

  /** The list+watch has come to this version of our Lease. */
  see(version: LeaseVersion): void {
    const { echoed } = this.#membership;
    this.#take(noteVersion(this.#membership, version, "feed"));
    if (this.#membership.echoed !== echoed) this.#options.extended();
  }

  /** The list+watch shows, at this resourceVersion, that our Lease is not there. */
  missed(resourceVersion: string): void {
    this.#take(noteAbsent(this.#membership, resourceVersion));
    this.#changed();
  }

  /** A list is complete: whatever was kept back has come. */
  listed(): void {
    this.#listedMs = this.#options.gateClock.latestMs();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, timings } = this.#options;
    signal.addEventListener("abort", () => this.#wake.abort(), { once: true });
    while (!signal.aborted && !this.#isOver) {
      this.#dirty = false;
      const startedMs = clock.monotonicMs();
      if (!this.#isCutOff()) await this.#joinOrRenew();
      // What changed while the write was on its way goes out next, but a Lease that somebody fights over is not written in a loop.
      const pauseMs = this.#dirty ? SHORTEST_PAUSE_MS : startedMs + timings.retryPeriodMs - clock.monotonicMs();
      this.#wake = new AbortController();
      if (signal.aborted) return;
      await sleep(clock, Math.max(SHORTEST_PAUSE_MS, pauseMs), this.#wake.signal).catch(() => {});
    }
  }

  /** Deletes the Lease; for a clean end, when nothing names this replica any more. */
  async remove(): Promise<void> {
    const { store, trouble } = this.#options;
    try {
      const answer = await store.get(this.leaseName);
      if (answer.type === "ok") await store.remove(this.leaseName, answer.version);
    } catch (error) {
      trouble.report("member-remove", `deleting member Lease ${this.leaseName}`, error);
    }
  }

  get #isStrict(): boolean {
    return this.#options.renewal === "per-member";
  }

  get #isOver(): boolean {
    return this.#isStrict && this.#membership.phase === "dead";
  }

  #changed(): void {
    this.#dirty = true;
    this.#wake.abort();
  }

  #take(next: Membership): void {
    const { phase } = this.#membership;
    this.#membership = next;
    if (next.phase !== "dead" || phase === "dead") return;
    // A dead identity writes nothing, not even a release: everything of it closes at once, not one after the other.
    if (this.#isStrict) this.#options.died(next.cause);
    else this.#options.extended();
  }

  /**
   * True while what we write does not come back, and no list either: nobody can tell then what was taken from us, and others are to
   * fence us. Long before that a list is demanded.
   */
  #isCutOff(): boolean {
    const { gateClock, timings } = this.#options;
    const { phase, echoed, sent } = this.#membership;
    if (!this.#isStrict || phase !== "member") return false;
    const nowMs = gateClock.latestMs();
    // Before the first echo: since it joined.
    const heardMs = echoed?.sentMs ?? sent[0]?.sentMs ?? nowMs;
    const silentMs = nowMs - Math.max(heardMs, this.#listedMs);
    const overdueMs = timings.renewDeadlineMs / 2;
    const overdue = sent.some(({ sentMs }) => nowMs - sentMs > overdueMs) || silentMs > overdueMs;
    if (overdue && nowMs - this.#demandedMs > overdueMs) {
      this.#demandedMs = nowMs;
      this.#options.relist();
    }
    return silentMs >= timings.renewDeadlineMs;
  }

  async #joinOrRenew(): Promise<void> {
    const { phase, version } = this.#membership;
    // A creation whose answer was lost is not sent again: two of one name could end one after the other.
    if (phase !== "joining" || version !== undefined) return this.#write();
    try {
      await this.#lookAgain();
    } catch (error) {
      this.#options.trouble.report("member-write", `reading member Lease ${this.leaseName}`, error);
    }
  }

  async #write(): Promise<void> {
    const { store, clock, gateClock, telemetry, trouble, namespace } = this.#options;
    const role = { role: "member" };
    const startedMs = clock.monotonicMs();
    const sentMs = gateClock.earliestMs();
    const on = this.#membership.version;
    const change = this.#change(on);
    this.#membership = noteSent(this.#membership, { uid: on?.uid ?? "", record: change.record, sentMs });
    try {
      const answer =
        on === undefined
          ? await store.create(newLease(this.leaseName, namespace, change))
          : await store.update(changedLease(on, change));
      telemetry.meter.increment("electorate_renewals_total", { ...role, result: answer.type });
      if (answer.type === "ok") {
        const tookMs = clock.monotonicMs() - startedMs;
        telemetry.meter.observe("electorate_renewal_duration_seconds", role, tookMs / 1000);
        this.#options.acknowledged(answer.version.resourceVersion, sentMs);
        this.#take(noteVersion(this.#membership, answer.version, "answer"));
      } else {
        await this.#lookAgain();
      }
      trouble.clear("member-write");
    } catch (error) {
      telemetry.meter.increment("electorate_renewals_total", { ...role, result: "failed" });
      trouble.report("member-write", `writing member Lease ${this.leaseName}`, error);
      if (hasCode(error, ...REFUSALS)) this.#membership = noteRefused(this.#membership);
      else if (on === undefined) await this.#lookAgain().catch(() => {});
    }
  }

  /** Somebody else wrote, or an answer was lost: go on from what is there. */
  async #lookAgain(): Promise<void> {
    const answer = await this.#options.store.get(this.leaseName);
    this.#take(
      answer.type === "ok" ? noteVersion(this.#membership, answer.version, "answer") : noteMissing(this.#membership),
    );
    this.#dirty = true;
  }

  #change(on: LeaseVersion | undefined): LeaseChange {
    const { coordinator, identity, timings, clock, traits, address } = this.#options;
    this.#renewTime = nextRenewTime(clock.wallMs(), on?.record.renewTime ?? this.#renewTime);
    return {
      record: {
        holder: identity.text,
        durationMs: timings.durationMs,
        acquireTime: on?.record.acquireTime ?? this.#renewTime,
        renewTime: this.#renewTime,
        transitions: on?.record.transitions ?? 0,
      },
      labels: { [LABEL_COORDINATOR]: coordinator, [LABEL_ROLE]: "member" },
      annotations: {
        [ANNOTATION_IDENTITY]: identity.text,
        [ANNOTATION_PROTOCOL]: PROTOCOL,
        [ANNOTATION_STATE]: this.#state,
        [ANNOTATION_WEIGHT]: String(traits.weight),
        [ANNOTATION_ZONE]: traits.zone,
        [ANNOTATION_VERSION]: traits.version,
        [ANNOTATION_CONTAINER]: this.#container,
        [ANNOTATION_ADDRESS]: address === "" ? null : address,
        [ANNOTATION_RESOURCES]: JSON.stringify(this.#resources),
        [ANNOTATION_FENCE]: null,
      },
    };
  }
}
