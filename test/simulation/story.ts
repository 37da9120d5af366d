import { Cluster, type Move, Violation } from "./cluster.ts";
import type { Scene } from "./faults.ts";
import { Outsider } from "./outsider.ts";
import {
  FASTEST_RATE,
  type HandlerManners,
  type Renewal,
  type Replica,
  type ReplicaLease,
  type ReplicaOptions,
  SLOWEST_RATE,
  USUAL_LEASE,
} from "./replica.ts";
import { type SeededRandomness, World } from "./world.ts";

/** How the shard Leases of a story are renewed; `mixed`: both ways, beside each other or one after the other. */
export type RenewalOfStory = Renewal | "mixed";

/** Of ordinary machines, or as different as the lease settings promise to survive. */
export type Clocks = "alike" | "apart";

export interface Story {
  readonly name: string;
  readonly manners: HandlerManners;
  /** `either`: decided by the seed. */
  readonly clocks: Clocks | "either";
  /** Plays the story; throws a {@link Violation} when something is not as it must be. */
  play(stage: Stage): Promise<void>;
}

export interface Outcome {
  readonly story: string;
  readonly seed: number;
  /** What went wrong; undefined for a run as it must be. */
  readonly problem: string | undefined;
  readonly trace: readonly string[];
  readonly reconciles: number;
  readonly moves: number;
}

export interface TellOptions {
  /** Makes the run wrong on purpose, so that the checks can be seen to work. */
  readonly sabotage?: (stage: Stage) => void;
  /** Default: each a third of the seeds. */
  readonly renewal?: RenewalOfStory;
}

/** Handlers that are quick enough to end within the drain time-out, and listen. */
export const CALM_MANNERS: HandlerManners = { slowRate: 0.05, slowestMs: 1_500, deafRate: 0 };

/** Longest time without an owner of a shard that is handed over: its drain, and some round trips. */
export const LONGEST_HANDOFF_MS = 2_500;

/** Longest time until an even spread after any single change: an expiry, and what follows. */
export const SETTLES_WITHIN_MS = 40_000;

/** So long after its last going a member that came and went too often is given nothing. */
export const PROBATION_MS = 5 * 60_000;

/** How often the kubelet asks. */
const PROBE_MS = 1_000;

const RENEWALS = ["per-shard", "per-member", "mixed"] as const;

/** One run of a whole cluster, decided by its seed alone. */
export async function tell(story: Story, seed: number, options: TellOptions = {}): Promise<Outcome> {
  const renewal = options.renewal ?? RENEWALS[seed % RENEWALS.length] ?? "per-shard";
  const stage = new Stage(seed, story, renewal);
  let problem: string | undefined;
  try {
    options.sabotage?.(stage);
    await story.play(stage);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    problem = error.message;
  }
  return { story: story.name, seed, problem, ...stage.end() };
}

/** Where a story is played: a cluster, its outsider, and what a story can do and expect. */
export class Stage implements Scene {
  readonly world: World;
  readonly cluster: Cluster;
  readonly outsider: Outsider;
  readonly renewal: RenewalOfStory;
  readonly clocks: Clocks;
  /** What replicas join with, beside the options of each. */
  usually: Partial<ReplicaOptions> = {};
  readonly #check: () => void;
  #isChanging = false;
  /** Faults that are not over. */
  #pending = 0;

  constructor(seed: number, { manners, clocks }: Story, renewal: RenewalOfStory) {
    this.world = new World(seed);
    this.cluster = new Cluster(this.world, manners);
    this.clocks = clocks === "either" ? this.world.randomness.pick(["alike", "apart"] as const) : clocks;
    this.outsider = new Outsider(this.cluster);
    this.renewal = renewal;
    this.#check = () => this.cluster.check();
    this.world.note(`renewal ${renewal}, clocks ${this.clocks}`);
    this.outsider.createObjects();
  }

  /** Without a renewal of its own, a replica of a mixed story has either. */
  readonly join = (options: Partial<ReplicaOptions> = {}): Replica => {
    const lease = { ...USUAL_LEASE, renewal: this.#anyRenewal(), ...this.usually.lease, ...options.lease };
    const clockRate = clockRateOf(this.clocks, this.world.randomness);
    return this.cluster.join({ clockRate, ...this.usually, ...options, lease });
  };

  readonly later = (delayMs: number, action: () => void): void => {
    this.#pending += 1;
    this.world.after(delayMs, () => {
      this.#pending -= 1;
      action();
    });
  };

  /** Replicas that start within a while of each other. */
  joinAll(count: number, withinMs: number): void {
    for (let number = 0; number < count; number += 1)
      this.world.after(this.world.randomness.between(0, withinMs), () => void this.join());
  }

  /** An outsider changes an object every so often, until the end is near. */
  keepChanging(everyMs: number): void {
    this.#isChanging = true;
    const change = (): void => {
      if (!this.#isChanging) return;
      this.outsider.changeObject();
      this.world.after(everyMs, change);
    };
    this.world.after(everyMs, change);
  }

  async advance(ms: number): Promise<void> {
    await this.world.run(this.world.nowMs + ms, this.#check);
  }

  /** As the kubelet would find out; false when it takes longer. */
  async becomesReady(replica: Replica, withinMs: number): Promise<boolean> {
    const untilMs = this.world.nowMs + withinMs;
    do {
      await this.advance(PROBE_MS);
      if (!replica.isRunning) return false;
      if (await replica.isReady()) return true;
    } while (this.world.nowMs < untilMs);
    return false;
  }

  /** Until every shard is owned, evenly, and stays so for some seconds. */
  async settle(withinMs: number, evenWithinMs = withinMs): Promise<void> {
    const startMs = this.world.nowMs;
    for (let calm = 0; calm < 3; ) {
      await this.advance(1_000);
      const tookMs = this.world.nowMs - startMs;
      const unsettled = this.#unsettled();
      if (unsettled !== undefined && tookMs >= withinMs) this.fail(`${unsettled} after ${withinMs} ms`);
      const uneven = this.#uneven();
      if (uneven !== undefined && tookMs >= evenWithinMs) this.fail(`${uneven} after ${evenWithinMs} ms`);
      calm = unsettled === undefined && uneven === undefined ? calm + 1 : 0;
    }
  }

  /** Once things are settled nothing moves any more, and in the end everything that was asked for was done. */
  async expectRest(forMs: number): Promise<void> {
    this.#isChanging = false;
    const before = this.cluster.moves.length;
    const writes = this.cluster.shardWrites;
    await this.advance(forMs);
    this.expectMoves(before, 0, "although everything was settled");
    const written = this.cluster.shardWrites - writes;
    // That is what it is for: a Lease that stands by its member is written when its holder changes.
    if (this.renewal === "per-member" && written > 0)
      this.fail(`shard Leases were written ${written} times although nothing moved`);
    if (this.#lost !== undefined) this.fail(this.#lost);
  }

  /** Exactly so many moves since there were `before`, or up to `most`. */
  expectMoves(before: number, count: number, why: string, most = count): void {
    const moves = this.cluster.moves.slice(before);
    if (moves.length >= count && moves.length <= most) return;
    const due = most === count ? `${count}` : `${count} to ${most}`;
    this.fail(`${moves.length} moves instead of ${due} ${why}: ${textOfMoves(moves)}`);
  }

  fail(problem: string): never {
    this.world.note(`VIOLATION: ${problem}`);
    throw new Violation(problem);
  }

  end(): Pick<Outcome, "trace" | "reconciles" | "moves"> {
    for (const replica of this.cluster.running) replica.kill();
    this.cluster.core.close();
    return {
      trace: this.world.trace,
      reconciles: this.cluster.sink.reconciles,
      moves: this.cluster.moves.length,
    };
  }

  #anyRenewal(): Renewal {
    return this.renewal === "mixed" ? this.world.randomness.pick(["per-shard", "per-member"] as const) : this.renewal;
  }

  get #lost(): string | undefined {
    const lost = this.outsider.unreconciled();
    return lost.length === 0 ? undefined : `${lost.length} keys are not reconciled: ${lost.join(", ")}`;
  }

  #unsettled(): string | undefined {
    if (this.#pending > 0) return "a fault goes on";
    // Its gates look open as long as nobody asks them.
    const resting = this.cluster.running.find(({ machine }) => machine.isResting);
    if (resting !== undefined) return `${resting.name} still sleeps`;
    const unowned = this.cluster.ownership.unowned();
    if (unowned.length > 0) return `${unowned.length} shards have no owner: ${unowned.join(", ")}`;
    return this.#isChanging ? undefined : this.#lost;
  }

  #uneven(): string | undefined {
    const loads = [...this.cluster.loads()];
    const counts = loads.map(([, load]) => load);
    if (Math.max(...counts) - Math.min(...counts) > 1)
      return `shards are spread unevenly: ${loads.map((load) => load.join(" ")).join(", ")}`;
    return undefined;
  }
}

/** Often at the edges of what is promised, where an off-by-a-little shows. */
function clockRateOf(clocks: Clocks, randomness: SeededRandomness): number {
  if (clocks === "alike") return randomness.between(0.9995, 1.0005);
  if (randomness.chance(0.2)) return SLOWEST_RATE;
  return randomness.chance(0.25) ? FASTEST_RATE : randomness.between(SLOWEST_RATE, FASTEST_RATE);
}

/** True time that a Lease can stand at most after it was renewed for the last time. */
export function longestLifeMs({ durationMs = USUAL_LEASE.durationMs }: ReplicaLease): number {
  return durationMs / SLOWEST_RATE;
}

function textOfMoves(moves: readonly Move[]): string {
  return moves
    .map(({ shard, from, to, how }) => `${shard} ${how} ${from.split("_")[0]} > ${to.split("_")[0]}`)
    .join(", ");
}
