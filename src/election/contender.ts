import type { LeaseTimings } from "../config/timings.ts";
import { LABEL_COORDINATOR, type Shard } from "../lease/names.ts";
import { changedLease, type LeaseVersion, newLease } from "../lease/record.ts";
import type { Renewal } from "../lease/renewal.ts";
import type { LeaseStore } from "../lease/store.ts";
import type { Clock, Timer } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { type GateClock, type Instant, instantOf } from "../runtime/gate-clock.ts";
import type { Telemetry, TransitionEvent } from "../runtime/telemetry.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import type { Acknowledged } from "./acknowledged.ts";
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
  versionOf,
  type WriteOutcome,
  wakeAtMs,
} from "./elector.ts";
import type { LeaseMarks } from "./marks.ts";
import { place } from "./ranking.ts";
import { Gate, Term } from "./term.ts";

/** What lives and dies with the ownership of a shard; the shard room implements it. */
export interface ShardLife {
  open(term: Term): void;
  /** Work of the term that was told to stop and does not is left to itself; its keys are not run again before it has ended. */
  forsake(term: Term): void;
  /** No new work; `vacated` once what runs has ended. */
  drain(term: Term): void;
  /** Stop everything now; `vacated` once nothing runs any more. */
  lose(term: Term): void;
}

/** Makes the life of a shard. */
export type LifeOf = (shard: Shard, owner: LifeOwner) => ShardLife;

/** Where a shard's life reports. */
export interface LifeOwner {
  /** Nothing of the draining or ended term runs any more. */
  vacated(): void;
  /** A gate was found closed by time. */
  look(): void;
  /** Work of the draining term goes on although its signal was aborted a while ago. */
  stuck(): void;
  /** Work of terms that were forsaken is over. */
  relieved(): void;
}

/** What all contenders of a coordinator share. */
export interface ContenderContext {
  readonly coordinator: string;
  readonly namespace: string;
  readonly identity: string;
  readonly timings: LeaseTimings;
  readonly renewal: Renewal;
  /** See {@link ElectorContext.isStatic}. */
  readonly isStatic: boolean;
  readonly store: LeaseStore;
  readonly clock: Clock;
  readonly gateClock: GateClock;
  readonly telemetry: Telemetry;
  readonly trouble: TroubleLog;
  /** Acknowledged writes of this replica to any Lease of the coordinator. */
  readonly acknowledged: Acknowledged;
  /** See {@link ElectorContext.memberValidUntilMs}. */
  readonly memberValidUntilMs: () => number;
  marksOf(shard: Shard): LeaseMarks;
  standingOf(shard: Shard, elector: Elector, now: Instant): Standing;
  /** Something of this contender has changed that others may wait for. */
  changed(contender: Contender): void;
}

/**
 * The shell of one elector: it owns the timer, performs effects, feeds results back as events, and holds the gate at what the
 * elector's state says. `#elector` has one writer, `dispatch`.
 */
export class Contender implements LifeOwner {
  readonly shard: Shard;
  readonly #shared: ContenderContext;
  readonly #marks: LeaseMarks;
  readonly #life: ShardLife;
  readonly #waiting: ElectorEvent[] = [];
  #elector: Elector = NEW_ELECTOR;
  #term: Term | undefined;
  #timer: Timer | undefined;
  #lastEpoch = "";
  #saidRelease = 0;
  #dispatching = false;
  #stopped = false;

  constructor(shard: Shard, shared: ContenderContext, lifeOf: LifeOf) {
    this.shard = shard;
    this.#shared = shared;
    this.#marks = shared.marksOf(shard);
    // As client-go does: a Lease that nobody leads shows zeros everywhere, and can be alerted on.
    shared.telemetry.meter.set("leader_election_master_status", { name: shard.leaseName }, 0);
    this.#life = lifeOf(shard, this);
  }

  vacated(): void {
    this.dispatch({ type: "vacated" });
  }

  look(): void {
    this.dispatch({ type: "tick" });
  }

  stuck(): void {
    this.dispatch({ type: "stuck" });
  }

  relieved(): void {
    this.dispatch({ type: "relieved" });
  }

  get elector(): Elector {
    return this.#elector;
  }

  get term(): Term | undefined {
    return this.#term;
  }

  /** True when no Lease names us for this shard and nothing of ours is on its way. */
  get isQuiet(): boolean {
    const { phase, request, burdened } = this.#elector;
    const named = versionOf(this.#elector)?.record.holder === this.#shared.identity;
    return phase.name === "standby" && request === "none" && !named && !burdened;
  }

  /** Ends the term at once, whatever the Lease says, and the contender with it. */
  abandon(reason: string): void {
    this.stop();
    if (this.#term !== undefined) this.#lose(this.#term.epoch, reason);
  }

  /** Ends the timer for good; nothing is written any more. What the Lease says is left to expire. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Takes an event in; one that arises while another is being handled waits its turn. */
  dispatch(event: ElectorEvent): void {
    if (this.#stopped) return;
    if (this.#dispatching) {
      this.#waiting.push(event);
      return;
    }
    this.#dispatching = true;
    try {
      for (let next: ElectorEvent | undefined = event; next; next = this.#waiting.shift()) this.#handle(next);
    } finally {
      this.#dispatching = false;
    }
  }

  #handle(event: ElectorEvent): void {
    const { name } = this.#elector.phase;
    if (event.type === "seen") this.#shared.trouble.clear("lease-missing", this.shard.leaseName);
    if (event.type === "vacated" && (name === "draining" || name === "stuck")) this.#end("drained");
    const context = this.#context();
    const { elector, effects } = step(this.#elector, event, context);
    this.#elector = elector;
    const untilMs = validUntilMs(elector, context);
    // Without any validity the term has been lost in this very step.
    if (untilMs > Number.NEGATIVE_INFINITY) this.#term?.gate.moveTo(untilMs);
    for (const effect of effects) this.#perform(effect, context);
    this.#arm(context);
    this.#shared.changed(this);
  }

  #context(): ElectorContext {
    const { clock, gateClock, identity, timings } = this.#shared;
    const now = instantOf(clock, gateClock);
    return {
      now,
      identity,
      leaseDurationMs: timings.durationMs,
      renewDeadlineMs: timings.renewDeadlineMs,
      retryPeriodMs: timings.retryPeriodMs,
      renewal: this.#shared.renewal,
      isStatic: this.#shared.isStatic,
      memberValidUntilMs: this.#shared.memberValidUntilMs(),
      clockRatio: timings.clockRatio,
      quiesceMs: timings.quiesceMs,
      sentBefore: (resourceVersion) => this.#shared.acknowledged.sentBefore(resourceVersion),
      phaseShift: place(this.shard.leaseName),
      standing: this.#shared.standingOf(this.shard, this.#elector, now),
    };
  }

  #arm(context: ElectorContext): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#stopped) return;
    const delayMs = wakeAtMs(this.#elector, context) - context.now.monotonicMs;
    if (delayMs === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#shared.clock.timer(Math.max(1, delayMs), () => this.dispatch({ type: "tick" }));
  }

  #perform(effect: ElectorEffect, context: ElectorContext): void {
    switch (effect.type) {
      case "write":
        void this.#write(effect.write, effect.on);
        return;
      case "read":
        void this.#read();
        return;
      case "label":
        void this.#label();
        return;
      case "acquired":
        this.#say("lease-acquired", effect.epoch, "taken");
        return;
      case "open":
        this.#open(effect.epoch, validUntilMs(this.#elector, context));
        return;
      case "drain":
        this.#term?.gate.drain();
        this.#say("gate-closed", effect.epoch, "drain");
        if (this.#term !== undefined) this.#life.drain(this.#term);
        return;
      case "lose":
        this.#lose(effect.epoch, effect.reason);
        return;
      case "released":
        this.#sayReleased(effect.write);
        return;
      case "keep":
        this.#keep(effect.reason);
        return;
      default:
        effect satisfies never;
    }
  }

  #open(epoch: string, deadlineMs: number): void {
    const term = new Term(this.shard.id, epoch, new Gate(this.#shared.gateClock, deadlineMs));
    this.#term = term;
    this.#lastEpoch = epoch;
    this.#say("gate-opened", epoch, "taken", term.gate.remainingMs());
    this.#shared.telemetry.meter.set("leader_election_master_status", { name: this.shard.leaseName }, 1);
    this.#life.open(term);
  }

  #keep(reason: "stuck" | "no-target"): void {
    const term = this.#end(reason);
    this.#shared.telemetry.log.warn({ shard: this.shard.id, reason }, "a move came to nothing; the shard stays here");
    if (term !== undefined) this.#life.forsake(term);
  }

  #lose(epoch: string, reason: string): void {
    const marginMs = this.#term?.gate.remainingMs();
    // A drain has closed it already, and said so.
    const wasOpen = this.#term?.gate.isDraining === false;
    const term = this.#end(reason);
    if (term === undefined) return;
    if (wasOpen) this.#say("gate-closed", epoch, reason, marginMs);
    this.#say("lease-lost", epoch, reason);
    this.#life.lose(term);
  }

  /** Nothing of the term may act any more, from here on. */
  #end(reason: string): Term | undefined {
    const term = this.#term;
    this.#term = undefined;
    term?.end(new ElectorateError("gate-closed", `term ${term.epoch} of shard ${this.shard.id} has ended: ${reason}`));
    this.#shared.telemetry.meter.set("leader_election_master_status", { name: this.shard.leaseName }, 0);
    return term;
  }

  async #write(write: SentWrite, on: LeaseVersion | undefined): Promise<void> {
    const answer = await this.#send(write, on);
    if (answer.type === "ok") this.#noteAcknowledged(write, answer.version);
    this.dispatch({ type: "written", write, answer });
  }

  #noteAcknowledged(write: SentWrite, version: LeaseVersion): void {
    this.#shared.acknowledged.note(version.resourceVersion, write.sentAt.earliestMs);
    if (write.kind === "release" || write.kind === "transfer") this.#sayReleased(write);
  }

  async #send(write: SentWrite, on: LeaseVersion | undefined): Promise<WriteOutcome> {
    const { store, clock, telemetry, trouble } = this.#shared;
    const { leaseName } = this.shard;
    const role = { role: "shard" };
    try {
      const body = this.#body(write, on);
      const answer = on === undefined ? await store.create(body) : await store.update(body);
      telemetry.meter.increment("electorate_renewals_total", { ...role, result: answer.type });
      const tookMs = clock.monotonicMs() - write.sentAt.monotonicMs;
      if (answer.type === "ok") telemetry.meter.observe("electorate_renewal_duration_seconds", role, tookMs / 1000);
      else this.#noteSlowPath(write);
      trouble.clear("lease-write", leaseName);
      return answer;
    } catch (error) {
      telemetry.meter.increment("electorate_renewals_total", { ...role, result: "failed" });
      this.#noteSlowPath(write);
      trouble.report("lease-write", `writing Lease ${leaseName}`, error, leaseName);
      const retryAfterMs = error instanceof ElectorateError ? (error.retryAfterMs ?? 0) : 0;
      return { type: "unknown", retryAfterMs };
    }
  }

  /** Counted as client-go does: a leader's renewal that was not done with its one write. A race that was lost is none. */
  #noteSlowPath({ kind }: SentWrite): void {
    if (kind !== "renew") return;
    this.#shared.telemetry.meter.increment("leader_election_slowpath_total", { name: this.shard.leaseName });
  }

  #body(write: SentWrite, on: LeaseVersion | undefined) {
    const { phase } = this.#elector;
    if (phase.name === "releasing") this.#lastEpoch = phase.epoch;
    const inTerm = phase.name === "leading" || phase.name === "draining" || phase.name === "stuck";
    const { labels, annotations } = this.#marks;
    const change = { record: write.record, labels, annotations: annotations(write, inTerm ? phase.epoch : undefined) };
    return on === undefined ? newLease(this.shard.leaseName, this.#shared.namespace, change) : changedLease(on, change);
  }

  async #read(): Promise<void> {
    this.dispatch({ type: "read", answer: await this.#look() });
  }

  async #look(): Promise<ReadOutcome> {
    const { store, coordinator, trouble, isStatic } = this.#shared;
    const { leaseName } = this.shard;
    try {
      const answer = await store.get(leaseName);
      trouble.clear("lease-read", leaseName);
      if (answer.type === "missing") {
        if (isStatic) trouble.report("lease-missing", `taking shard ${this.shard.id}`, notMade(leaseName), leaseName);
        return answer;
      }
      const { labels } = answer.version;
      const owner = labels[LABEL_COORDINATOR];
      if (owner !== undefined && owner !== coordinator) {
        trouble.report("lease-refused", "taking a Lease", foreignName(leaseName, owner), leaseName);
        return { type: "foreign" };
      }
      trouble.clear("lease-refused", leaseName);
      const wanted = Object.entries(this.#marks.labels);
      return { ...answer, labelled: wanted.every(([label, value]) => labels[label] === value) };
    } catch (error) {
      trouble.report("lease-read", `reading Lease ${leaseName}`, error, leaseName);
      return { type: "unknown" };
    }
  }

  /** Another program made a Lease of our name: with our labels the watch shows it, and it is waited out like any other. */
  async #label(): Promise<void> {
    const { store, trouble } = this.#shared;
    try {
      await store.label(this.shard.leaseName, { labels: { ...this.#marks.labels } });
      trouble.clear("lease-label", this.shard.leaseName);
    } catch (error) {
      trouble.report("lease-label", `labelling Lease ${this.shard.leaseName}`, error, this.shard.leaseName);
    }
    this.dispatch({ type: "labelled" });
  }

  /** Said once, by the answer or, where that was lost or late, by the watch. */
  #sayReleased(write: SentWrite): void {
    if (write.number <= this.#saidRelease) return;
    this.#saidRelease = write.number;
    if (write.kind === "transfer") this.#say("lease-transferred", this.#lastEpoch, "planned");
    else this.#say("lease-released", this.#lastEpoch, "drained");
  }

  #say(event: TransitionEvent, epoch: string, reason: string, marginMs = this.#term?.gate.remainingMs()): void {
    const { telemetry, identity } = this.#shared;
    const margin = marginMs === undefined || event.startsWith("lease-") ? {} : { marginMs };
    telemetry.transition({ event, shard: this.shard.id, identity, epoch, reason, ...margin });
  }
}

/** What is to be done about a Lease that is missing where replicas make none. */
function notMade(leaseName: string): ElectorateError {
  return new ElectorateError(
    "not-found",
    `Lease ${leaseName} is missing, and with lease.static replicas make none; make it again, without a spec, as helm upgrade does`,
  );
}

/** The refusal of a Lease that carries another coordinator's label. */
export function foreignName(leaseName: string, owner: string): ElectorateError {
  return new ElectorateError(
    "lease-name-refused",
    `Lease ${leaseName} belongs to the coordinator "${owner}" by its label ${LABEL_COORDINATOR}; choose another coordinator name or namespace`,
  );
}
