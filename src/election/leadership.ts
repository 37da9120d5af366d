import type { LeaseTimings } from "../config/timings.ts";
import { LeaseEvents, type LeaseEventsOptions, type OwnPod } from "../lease/events.ts";
import type { Lock } from "../lease/locks.ts";
import { leaderNews, TransitionEvents } from "../lease/transition-events.ts";
import type { Clock } from "../runtime/clock.ts";
import { Condition } from "../runtime/condition.ts";
import { type GateClock, sampleClocks } from "../runtime/gate-clock.ts";
import { Scope } from "../runtime/scope.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import { Candidate } from "./candidate.ts";
import type { LifeOwner, ShardLife } from "./contender.ts";
import type { Standing } from "./elector.ts";
import { Gate, Term } from "./term.ts";

export interface LeadershipOptions {
  /** Of the object of every lock. */
  readonly name: string;
  readonly namespace: string;
  readonly identity: string;
  readonly timings: LeaseTimings;
  readonly labels: Readonly<Record<string, string>>;
  /** All of them must be held to lead; they are taken in this order, by every candidate, so that no two wait for each other. */
  readonly locks: readonly Lock[];
  readonly releaseOnCancel: boolean;
  /** Makes the work of the leader; called once. */
  lifeOf(owner: LifeOwner): ShardLife;
  /** Another identity leads as far as can be seen; empty while nobody is known to. */
  leaderSeen(identity: string): void;
  /** A term was lost, and its work has ended. */
  lost(): void;
  readonly clock: Clock;
  readonly gateClock: GateClock;
  readonly telemetry: Telemetry;
  readonly trouble: TroubleLog;
  /** At which things are told, where this process runs in one. */
  readonly ownPod: OwnPod | undefined;
  /** Where Events are written: never in front of a renewal. */
  readonly eventApi: LeaseEventsOptions["api"];
}

/** What is done for the leader now: nothing, its work, or the end of it. */
type Work =
  | { readonly name: "none" }
  | { readonly name: "running"; readonly term: Term }
  | { readonly name: "ending"; readonly term: Term; readonly lost: boolean };

/**
 * One leader for a whole process, by one lock or by several that must all be held. Each lock has an elector of its own, the same that shards
 * have, so that each of them alone excludes everybody else who takes it. Promises:
 * - the work runs exactly while every lock's term is open, under a gate that closes with the first of theirs;
 * - a lock is contended for only while those before it are held, and given up when one of them is lost;
 * - no lock is released, and none is taken again after a loss, before the work has ended.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #candidates: readonly Candidate[];
  readonly #life: ShardLife;
  readonly #events: TransitionEvents;
  readonly #condition = new Condition();
  readonly #scope = new Scope();
  #work: Work = { name: "none" };
  #leader = "";
  #leaving = false;

  constructor({ telemetry, ...given }: LeadershipOptions) {
    const { identity, timings, locks } = given;
    const last = locks.at(-1);
    const events = new LeaseEvents({ ...given, api: given.eventApi, deadlineMs: timings.retryPeriodMs });
    this.#events = new TransitionEvents({
      ...given,
      identity,
      inPod: given.ownPod !== undefined,
      say: last === undefined ? () => undefined : leaderNews(last),
      tell: (event, at) => events.tell(event, at),
    });
    const options = { ...given, telemetry: this.#events.heardBy(telemetry) };
    this.#options = options;
    this.#life = options.lifeOf({
      vacated: () => this.#vacated(),
      look: () => this.#poke(),
      // Nothing is ever moved to somebody else, and a stop waits for work that does not end until its own time-out.
      stuck() {},
      relieved() {},
    });
    this.#candidates = options.locks.map((lock, index) => {
      const context = { ...options, standing: () => this.#standingOf(index) };
      const changed = (): void => this.#condition.changed();
      return new Candidate(lock, context, {
        opened: () => this.#opened(),
        drained: () => this.#drained(),
        lost: (reason) => this.#lose(reason),
        moved: () => this.#move(),
        seen: () => this.#noteLeader(),
        changed,
      });
    });
  }

  /** The term while it is open. */
  get term(): Term | undefined {
    return this.#work.name === "running" ? this.#work.term : undefined;
  }

  /** The gate of whatever work runs, also of work that was told to end. */
  get gate(): Gate | undefined {
    return this.#work.name === "none" ? undefined : this.#work.term.gate;
  }

  /** Who leads as far as can be seen; empty while nobody is known to, or two locks name two holders. */
  get leader(): string {
    return this.#leader;
  }

  /** Aborts when it cannot go on; `end` then says why. */
  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  start(): void {
    this.#scope.run((signal) => sampleClocks(this.#options.clock, this.#options.gateClock, signal));
    for (const candidate of this.#candidates) this.#scope.run((signal) => candidate.run(signal));
  }

  /** Ends the work, then frees the locks; false when `patience` aborted first, and what still runs keeps its locks. */
  async leave(patience: AbortSignal): Promise<boolean> {
    this.#leaving = true;
    this.#poke();
    try {
      await this.#condition.until(() => this.#candidates.every(({ isQuiet }) => isQuiet), patience);
    } catch {
      return false;
    }
    for (const candidate of this.#candidates) candidate.stop();
    await this.#scope.close();
    await this.#events.close();
    return true;
  }

  /** Closes the gate at once, without a write; rejects with the reason why it could not go on, where there is one. */
  async end(reason: string): Promise<void> {
    for (const candidate of this.#candidates) candidate.abandon(reason);
    this.#events.stop();
    await this.#scope.close();
  }

  #standingOf(index: number): Pick<Standing, "leaves" | "contends"> {
    const isNext = this.#candidates.slice(0, index).every(({ isOpen }) => isOpen);
    return { leaves: this.#leaving || !isNext, contends: isNext };
  }

  #poke(): void {
    for (const candidate of this.#candidates) candidate.poke();
  }

  #opened(): void {
    const { name, telemetry } = this.#options;
    const terms = this.#candidates.flatMap(({ term }) => term ?? []);
    const last = terms.at(-1);
    if (terms.length < this.#candidates.length || last === undefined || this.#work.name !== "none") {
      // One lock of several: its elector has said that it leads.
      telemetry.meter.set("leader_election_master_status", { name }, 0);
      this.#poke();
      return;
    }
    // The last lock is the one that candidates of the next step of a migration take, too: their epochs must be comparable.
    const term = new Term(name, last.epoch, new Gate(this.#options.gateClock, earliest(terms)));
    this.#work = { name: "running", term };
    this.#life.open(term);
  }

  #move(): void {
    const terms = this.#candidates.flatMap(({ term }) => term ?? []);
    if (this.#work.name !== "none" && terms.length === this.#candidates.length) {
      this.#work.term.gate.moveTo(earliest(terms));
    }
  }

  #drained(): void {
    if (this.#work.name === "running") {
      const { term } = this.#work;
      this.#work = { name: "ending", term, lost: false };
      term.gate.drain();
      this.#life.drain(term);
    } else if (this.#work.name === "none") this.#vacate();
  }

  #lose(reason: Error): void {
    if (this.#work.name !== "none") {
      const { term } = this.#work;
      this.#work = { name: "ending", term, lost: true };
      term.end(reason);
      this.#life.lose(term);
    } else this.#vacate();
    // A lock that was held for the sake of this one is given up, or contended for anew.
    this.#poke();
  }

  #vacated(): void {
    const lost = this.#work.name === "ending" && this.#work.lost;
    this.#work = { name: "none" };
    if (lost) this.#options.lost();
    this.#vacate();
  }

  #vacate(): void {
    if (this.#leaving && !this.#options.releaseOnCancel) {
      // Asked not to release: what names us is left to expire.
      for (const candidate of this.#candidates) candidate.abandon("not released, as configured");
    }
    for (const candidate of this.#candidates) candidate.vacated();
    this.#condition.changed();
  }

  #noteLeader(): void {
    const [first = "", ...others] = this.#candidates.map(({ holder }) => holder);
    const leader = others.every((holder) => holder === first) ? first : "";
    if (leader === this.#leader) return;
    this.#leader = leader;
    this.#options.leaderSeen(leader);
  }
}

function earliest(terms: readonly Term[]): number {
  return Math.min(...terms.map(({ gate }) => gate.deadlineMs));
}
