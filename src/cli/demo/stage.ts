import { type Clock, sleep } from "../../runtime/clock.ts";
import { messageOf } from "../../runtime/errors.ts";
import { type GateTerm, gateTerms, openTerms } from "./history.ts";
import type { Journal } from "./journal.ts";
import type { ReplicaProcess } from "./replica-process.ts";
import type { StepRecord } from "./summary.ts";
import type { StepView } from "./view.ts";

/** Where the story plays: the replicas, what they were seen to do, and the steps with what each of them brought. */

/** A step did not reach its condition, or a replica ended unasked. The story ends here, and the message says why. */
export class StoryFailure extends Error {
  override readonly name = "StoryFailure";
}

export interface StoryStep {
  title: string;
  state: StepView["state"];
  note: string;
  startedNs: bigint;
  endedNs: bigint | undefined;
}

export interface StageOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly shards: readonly string[];
  /** Starts the replica of that name. */
  readonly launch: (name: string) => Promise<ReplicaProcess>;
  /** Aborts when somebody wants the demo to end. */
  readonly signal: AbortSignal;
  /** Called when a step begins and when it ends. */
  readonly onStep: (step: StoryStep) => void;
}

const POLL_MS = 40;

export class Stage {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly shards: readonly string[];
  readonly replicas: ReplicaProcess[] = [];
  readonly steps: StoryStep[] = [];
  readonly #options: StageOptions;
  #backgroundFailure: { readonly error: unknown } | undefined;

  constructor(options: StageOptions) {
    this.clock = options.clock;
    this.journal = options.journal;
    this.shards = options.shards;
    this.#options = options;
  }

  /** Announces a step; the order of announcement is the order of the story. */
  announce(title: string): StoryStep {
    const step: StoryStep = { title, state: "waiting", note: "", startedNs: 0n, endedNs: undefined };
    this.steps.push(step);
    return step;
  }

  /** Plays a step. What `play` answers is noted beside it. */
  async play(step: StoryStep, play: () => Promise<string>): Promise<void> {
    step.state = "active";
    step.startedNs = this.clock.monotonicNs();
    this.#options.onStep(step);
    try {
      step.note = await play();
      step.state = "done";
    } catch (error) {
      step.state = "failed";
      step.note = messageOf(error);
      throw error;
    } finally {
      step.endedNs = this.clock.monotonicNs();
      this.#options.onStep(step);
    }
  }

  async launch(): Promise<ReplicaProcess> {
    const replica = await this.#options.launch(`replica-${this.replicas.length + 1}`);
    this.replicas.push(replica);
    return replica;
  }

  /** Work beside the steps, such as the changes that keep coming: its failure fails the step that is played. */
  async beside(work: (signal: AbortSignal) => Promise<void>, signal = this.#options.signal): Promise<void> {
    try {
      await work(signal);
    } catch (error) {
      this.#backgroundFailure ??= { error };
    }
  }

  /**
   * Waits for a condition, for at most `boundMs`.
   * @throws StoryFailure when it does not come to hold, or when a replica ends unasked meanwhile.
   */
  async until(
    what: string,
    boundMs: number,
    condition: () => boolean | Promise<boolean>,
    pollMs = POLL_MS,
  ): Promise<void> {
    const endMs = this.clock.monotonicMs() + boundMs;
    for (;;) {
      this.#check();
      if (await condition()) return;
      if (this.clock.monotonicMs() >= endMs)
        throw new StoryFailure(`did not come to pass within ${boundMs / 1000} s: ${what}`);
      await sleep(this.clock, pollMs, this.#options.signal);
    }
  }

  #check(): void {
    this.#options.signal.throwIfAborted();
    const ended = this.replicas.find((replica) => replica.state === "gone" && replica.asked === undefined);
    if (ended !== undefined) {
      const { code, signal } = ended.exit ?? { code: null, signal: null };
      throw new StoryFailure(`${ended.name} ended unasked with ${signal ?? `exit code ${code}`}`);
    }
    if (this.#backgroundFailure === undefined) return;
    const { error } = this.#backgroundFailure;
    throw new StoryFailure(`the changes broke off: ${messageOf(error)}`, { cause: error });
  }

  terms(): GateTerm[] {
    return gateTerms(this.journal.transitions, this.journal.deaths);
  }

  /** True when every shard has an owner that is alive and not leaving. */
  allOwned(): boolean {
    const owners = openTerms(this.terms());
    const present = new Set(
      this.replicas.filter(({ state }) => state === "starting" || state === "running").map(({ name }) => name),
    );
    return this.shards.every((shard) => present.has(owners.get(shard)?.replica ?? ""));
  }

  /** Shards that the replica owns now. */
  owned(replica: ReplicaProcess): number {
    return [...openTerms(this.terms()).values()].filter((term) => term.replica === replica.name).length;
  }

  /** True when every shard is owned and no running replica has two more than another. */
  balanced(): boolean {
    const held = this.replicas.filter(({ state }) => state === "running").map((replica) => this.owned(replica));
    return this.allOwned() && Math.max(...held) - Math.min(...held) <= 1;
  }

  /** The running replica with the most shards, among `candidates`. */
  busiest(candidates: readonly ReplicaProcess[]): ReplicaProcess {
    const [busiest] = candidates
      .filter(({ state }) => state === "running")
      .sort((a, b) => this.owned(b) - this.owned(a));
    if (busiest === undefined) throw new StoryFailure("no replica is left to leave");
    return busiest;
  }

  /** The steps that were played, as the summary takes them. */
  records(): StepRecord[] {
    return this.steps
      .filter((step) => step.state !== "waiting")
      .map(({ title, startedNs, endedNs, note }) => ({
        title,
        startedNs,
        endedNs: endedNs ?? this.clock.monotonicNs(),
        note,
      }));
  }
}
