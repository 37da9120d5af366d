import { Acknowledged } from "../../src/election/acknowledged.ts";
import {
  type Elector,
  type ElectorContext,
  type ElectorEvent,
  NEW_ELECTOR,
  type SentWrite,
  type Standing,
  step,
  validUntilMs,
  versionOf,
  type WriteOutcome,
  wakeAtMs,
} from "../../src/election/elector.ts";
import { ANNOTATION_TRANSFER } from "../../src/lease/names.ts";
import { type LeaseRecord, type LeaseVersion, nextRenewTime } from "../../src/lease/record.ts";
import { transferText } from "../../src/lease/transfer.ts";
import { CLOCK_RATIO, L, lease, PER_SHARD, Q, R, transferAnnotation, UNHINDERED, V } from "./elector-driver.ts";

/** One stored change of the Lease; `version` is undefined for a deletion. */
interface Change {
  readonly rv: number;
  readonly version: LeaseVersion | undefined;
}

interface Request {
  readonly write: SentWrite;
  /** What the server did; undefined while it has not been applied. */
  outcome: WriteOutcome | undefined;
}

/** One Lease on an API server, outsiders with kubectl included. */
class Server {
  readonly history: Change[] = [{ rv: 1, version: undefined }];
  /** Of all Leases: others than this one are written, too. */
  rv = 1;

  get newest(): Change {
    return this.history.at(-1) ?? { rv: 1, version: undefined };
  }

  store(record: LeaseRecord | undefined, annotations = {}): LeaseVersion | undefined {
    this.rv += 1;
    const { rv } = this;
    const uid = this.newest.version?.uid ?? `uid-${rv}`;
    const version = record === undefined ? undefined : lease({ ...record, rv, uid, annotations });
    this.history.push({ rv, version });
    return version;
  }

  apply(write: SentWrite): WriteOutcome {
    const { version } = this.newest;
    if (write.uid === "") return version === undefined ? this.#stored(write) : { type: "conflict" };
    if (version?.uid !== write.uid || version.resourceVersion !== write.replaces) return { type: "conflict" };
    return this.#stored(write);
  }

  /** Only our own claims take the annotation of a transfer off; a release leaves it. */
  #annotationsOf(write: SentWrite): Readonly<Record<string, string>> {
    if (write.kind === "transfer") return transferAnnotation(write);
    return write.kind === "release" ? (this.newest.version?.annotations ?? {}) : {};
  }

  #stored(write: SentWrite): WriteOutcome {
    const version = this.store(write.record, this.#annotationsOf(write));
    return version === undefined ? { type: "conflict" } : { type: "ok", version };
  }
}

/** One replica: its elector, its clocks, its watch, its requests, and the work of its term. */
class Replica {
  readonly identity: string;
  /** How many of its milliseconds pass in one of true time. */
  readonly rate: number;
  elector: Elector = NEW_ELECTOR;
  standing: Standing = UNHINDERED;
  readonly acknowledged = new Acknowledged(V);
  /** A write of its member Lease that is on its way: when it was sent, on the gate clock, and as what it was stored. */
  memberWrite: { readonly sentMs: number; rv: number | undefined } | undefined;
  /** Position in the server's history; -1 before the first list. */
  position = -1;
  request: Request | undefined;
  /** Given up by the client, and perhaps still on their way to the server. */
  readonly abandoned: Request[] = [];
  readOf: Change | undefined;
  paused = false;
  /** The monotonic clock stood still for so long. */
  suspendedMs = 0;
  /** Gate time until which the work of the newest term may run; undefined when nothing runs. */
  worksUntilMs: number | undefined;

  constructor(identity: string, rate: number) {
    this.identity = identity;
    this.rate = rate;
  }
}

export type Trouble = "overlap" | "busy timer" | "second request" | "wrong base" | "unsettled timer";

/**
 * Several electors around one Lease, with everything between them that can be late, lost or wrong. It is told what happens next, one
 * word at a time, and checks after each that never two replicas work for the shard.
 */
export class ElectorCluster {
  readonly server = new Server();
  readonly replicas: readonly Replica[];
  readonly story: string[] = [];
  opened = 0;
  /** Of those, by a transfer and without a write. */
  granted = 0;
  nowMs = 0;

  constructor(rates: readonly number[]) {
    this.replicas = rates.map((rate, index) => new Replica(`r${index}_uuid-${index}`, rate));
  }

  /** True time passes; replicas that are not paused are woken when they asked to be. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (let wakes = 0; ; wakes += 1) {
      if (wakes > 2_000) throw this.#trouble("busy timer", "2,000 wakes");
      const due = this.#nextWake(untilMs);
      if (due === undefined) break;
      this.nowMs = Math.max(this.nowMs, due.atMs);
      this.#check();
      this.dispatch(due.replica, { type: "tick" });
    }
    this.nowMs = untilMs;
    this.#check();
  }

  deliver(replica: Replica): void {
    const change = replica.position < 0 ? undefined : this.server.history[replica.position + 1];
    if (change === undefined || replica.paused) return;
    replica.position += 1;
    if (change.version === undefined) this.dispatch(replica, { type: "absent", channel: "watch", firstInstall: false });
    else this.dispatch(replica, { type: "seen", version: change.version, channel: "watch" });
  }

  relist(replica: Replica): void {
    if (replica.paused) return;
    const first = replica.position < 0;
    replica.position = this.server.history.length - 1;
    const { version } = this.server.newest;
    const firstInstall = first && this.server.history.length === 1;
    if (version === undefined) this.dispatch(replica, { type: "absent", channel: "list", firstInstall });
    else this.dispatch(replica, { type: "seen", version, channel: "list" });
  }

  /** The server does what the replica asked for; nobody is told. */
  apply(replica: Replica): void {
    const { request } = replica;
    if (request !== undefined) request.outcome ??= this.server.apply(request.write);
    if (replica.elector.request === "read") replica.readOf ??= this.server.newest;
  }

  answer(replica: Replica): void {
    if (replica.paused) return;
    if (replica.elector.request === "read" && replica.readOf !== undefined) {
      const { version } = replica.readOf;
      replica.readOf = undefined;
      const answer =
        version === undefined ? ({ type: "missing" } as const) : ({ type: "ok", version, labelled: true } as const);
      this.dispatch(replica, { type: "read", answer });
      return;
    }
    const { request } = replica;
    if (request?.outcome === undefined) return;
    replica.request = undefined;
    this.#acknowledge(replica, request);
    this.dispatch(replica, { type: "written", write: request.write, answer: request.outcome });
  }

  /** The replica renews its member Lease: sent, stored, acknowledged, one after the other. */
  renewMember(replica: Replica): void {
    const { memberWrite } = replica;
    if (memberWrite === undefined) {
      if (!replica.paused) replica.memberWrite = { sentMs: this.nowMs * replica.rate, rv: undefined };
    } else if (memberWrite.rv === undefined) {
      this.server.rv += 1;
      memberWrite.rv = this.server.rv;
    } else if (!replica.paused) {
      replica.memberWrite = undefined;
      replica.acknowledged.note(String(memberWrite.rv), memberWrite.sentMs);
    }
  }

  /** The plan wants the shard to be with `to`, as `replica` sees it. */
  wants(replica: Replica, to: Replica | undefined): void {
    const target = to === undefined || to === replica ? undefined : { identity: to.identity, leaseDurationMs: L };
    this.become(replica, { target });
  }

  /** Its handlers were told to stop a while ago. */
  getStuck(replica: Replica): void {
    if (!replica.paused && replica.elector.phase.name === "draining") this.dispatch(replica, { type: "stuck" });
  }

  #acknowledge(replica: Replica, { write, outcome }: Request): void {
    if (outcome?.type === "ok") replica.acknowledged.note(outcome.version.resourceVersion, write.sentAt.earliestMs);
  }

  /** The client gives up; the server may still do it. */
  giveUp(replica: Replica): void {
    if (replica.paused) return;
    if (replica.elector.request === "read") {
      replica.readOf = undefined;
      this.dispatch(replica, { type: "read", answer: { type: "unknown" } });
      return;
    }
    const { request } = replica;
    if (request === undefined) return;
    replica.request = undefined;
    if (request.outcome === undefined) replica.abandoned.push(request);
    this.dispatch(replica, { type: "written", write: request.write, answer: { type: "unknown", retryAfterMs: 0 } });
  }

  applyAbandoned(replica: Replica): void {
    const request = replica.abandoned.shift();
    if (request !== undefined) this.server.apply(request.write);
  }

  delete(): void {
    if (this.server.newest.version !== undefined) this.server.store(undefined);
  }

  /** Somebody edits the Lease by hand: anything but a lie about a release. */
  edit(change: Partial<LeaseRecord>): void {
    const { version } = this.server.newest;
    if (version === undefined) return;
    const record = { ...version.record, ...change };
    if (record.holder === "" && record.durationMs === 1000) return;
    this.server.store(record, { ...version.annotations, edited: String(this.server.newest.rv) });
  }

  /** Somebody puts an older transfer's annotation on a Lease that names `to`: all of it fits, but for the version that it replaced. */
  forge(to: Replica): void {
    const { version } = this.server.newest;
    if (version === undefined) return;
    const transitions = version.record.transitions + 1;
    const record = { ...version.record, holder: to.identity, transitions, renewTime: laterRenewTime(this) };
    const transfer = transferText({ to: to.identity, transitions, replaced: "1" });
    this.server.store(record, { [ANNOTATION_TRANSFER]: transfer });
  }

  pause(replica: Replica): void {
    replica.paused = true;
  }

  resume(replica: Replica): void {
    if (!replica.paused) return;
    replica.paused = false;
    this.#endOverrun(replica);
    this.dispatch(replica, { type: "tick" });
  }

  suspend(replica: Replica, ms: number): void {
    replica.suspendedMs += ms * replica.rate;
    this.advance(ms);
  }

  become(replica: Replica, standing: Partial<Standing>): void {
    replica.standing = { ...replica.standing, ...standing };
    if (!replica.paused) this.dispatch(replica, { type: "tick" });
  }

  /** The last handler of an ended or draining term has ended. */
  vacate(replica: Replica): void {
    const { name } = replica.elector.phase;
    if (replica.paused) return;
    const ends = name === "draining" || name === "stuck" || name === "vacating";
    if (!ends && !replica.elector.burdened) return;
    // A term that works goes on: what has ended is what an older one had left behind.
    if (name !== "leading") replica.worksUntilMs = undefined;
    this.dispatch(replica, { type: ends ? "vacated" : "relieved" });
  }

  /** For a while `replicas` get every answer and event at once; the others are cut off. */
  serve(replicas: readonly Replica[], ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      // Twice: what is applied for one of them is an event for the others.
      for (const replica of [...replicas, ...replicas]) {
        this.apply(replica);
        this.answer(replica);
        while (!replica.paused && replica.position >= 0 && replica.position < this.server.history.length - 1) {
          this.deliver(replica);
        }
      }
      if (this.nowMs >= untilMs) return;
      const wakeMs = this.#nextWake(untilMs)?.atMs ?? untilMs;
      this.advance(Math.min(Math.max(wakeMs - this.nowMs, 0.001), untilMs - this.nowMs));
    }
  }

  /** Nothing is lost any more: every replica that wants to takes part, every message arrives. */
  settle(ms: number): void {
    for (const replica of this.replicas) {
      this.resume(replica);
      replica.abandoned.length = 0;
      this.relist(replica);
    }
    for (let passed = 0; passed < ms; passed += 100) {
      this.serve(this.replicas, 100);
      for (const replica of this.replicas) this.vacate(replica);
    }
  }

  get leaders(): readonly string[] {
    return this.replicas.filter(({ elector }) => elector.phase.name === "leading").map(({ identity }) => identity);
  }

  dispatch(replica: Replica, event: ElectorEvent): void {
    const context = this.#contextOf(replica);
    const { elector, effects } = step(replica.elector, event, context);
    const before = replica.elector;
    replica.elector = elector;
    this.story.push(
      `${this.nowMs.toFixed(1)} ${replica.identity} ${event.type}: ${before.phase.name} -> ${elector.phase.name}`,
    );
    for (const effect of effects) {
      if (effect.type === "write") {
        if (replica.request !== undefined) throw this.#trouble("second request", replica.identity);
        const base = versionOf(elector);
        if (effect.write.replaces !== (base?.resourceVersion ?? ""))
          throw this.#trouble("wrong base", replica.identity);
        replica.request = { write: effect.write, outcome: undefined };
      }
      if (effect.type === "open") this.opened += 1;
      if (effect.type === "open" && elector.own?.kind === "granted") this.granted += 1;
      this.story.push(`    ${effect.type}`);
    }
    if (isTerm(elector.phase.name)) {
      replica.worksUntilMs = Math.max(replica.worksUntilMs ?? 0, validUntilMs(elector, context) + Q);
    }
    if (wakeAtMs(elector, context) <= context.now.monotonicMs) throw this.#trouble("unsettled timer", replica.identity);
    this.#check();
  }

  #contextOf(replica: Replica): ElectorContext {
    const gateMs = this.nowMs * replica.rate;
    const now = { monotonicMs: gateMs - replica.suspendedMs, earliestMs: gateMs, latestMs: gateMs, wallMs: gateMs };
    const timings = { leaseDurationMs: L, renewDeadlineMs: V, retryPeriodMs: R, clockRatio: CLOCK_RATIO, quiesceMs: Q };
    const { identity, standing, acknowledged } = replica;
    const sentBefore = (resourceVersion: string) => acknowledged.sentBefore(resourceVersion);
    return { now, identity, ...timings, ...PER_SHARD, phaseShift: 0.5, standing, sentBefore };
  }

  #nextWake(untilMs: number): { readonly replica: Replica; readonly atMs: number } | undefined {
    let next: { readonly replica: Replica; readonly atMs: number } | undefined;
    for (const replica of this.replicas) {
      if (replica.paused) continue;
      const context = this.#contextOf(replica);
      const atMs = this.nowMs + (wakeAtMs(replica.elector, context) - context.now.monotonicMs) / replica.rate;
      // A hair later, as a real timer would be: divisions by the rate do not come out even.
      const firesAtMs = atMs + 1e-6;
      if (firesAtMs <= untilMs && (next === undefined || firesAtMs < next.atMs)) next = { replica, atMs: firesAtMs };
    }
    return next;
  }

  /** Work that outlives V + Q ends the process; here it ends in time, which is the worst that is allowed. */
  #endOverrun(replica: Replica): void {
    const { worksUntilMs } = replica;
    if (worksUntilMs === undefined || this.nowMs * replica.rate < worksUntilMs) return;
    replica.worksUntilMs = undefined;
    if (!replica.paused) this.vacate(replica);
  }

  #check(): void {
    const working = this.replicas.filter(
      ({ worksUntilMs, rate }) => worksUntilMs !== undefined && this.nowMs * rate < worksUntilMs - 1e-3,
    );
    if (working.length > 1) throw this.#trouble("overlap", working.map(({ identity }) => identity).join(" and "));
    for (const replica of this.replicas) if (!working.includes(replica)) this.#endOverrun(replica);
  }

  #trouble(what: Trouble, who: string): Error {
    const { newest } = this.server;
    return new Error(`${what}: ${who} at ${this.nowMs} with rv ${newest.rv}\n${this.story.slice(-60).join("\n")}`);
  }
}

/** A later renewTime than any so far, for edits by hand. */
export function laterRenewTime(cluster: ElectorCluster): string {
  return nextRenewTime(Date.UTC(2026, 1, 1) + cluster.server.newest.rv, "");
}

/** Phases in which work of the shard may run. */
function isTerm(phase: string): boolean {
  return phase === "leading" || phase === "draining" || phase === "stuck";
}
