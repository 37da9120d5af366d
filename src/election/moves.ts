import type { Shard } from "../lease/names.ts";
import type { Clock, Timer } from "../runtime/clock.ts";
import { MOST_WRITES } from "./claims.ts";
import type { Contender } from "./contender.ts";
import type { Elector, Target } from "./elector.ts";
import type { Targets } from "./targets.ts";

/** Shards of one replica that wait for their work to end at once, unless it leaves: then all of them do. */
const MOST_DRAINS = 32;

/** Idle work ends at once. What takes longer writes nothing meanwhile, and keeps nobody else from writing. */
const MOMENT_MS = 5;

/** Whatever moves: a shard's contender. */
export type Mover = Pick<Contender, "elector" | "dispatch">;

export interface MovesOptions {
  readonly retryPeriodMs: number;
  readonly clock: Clock;
  readonly targets: Pick<Targets, "targetFor" | "lookAgainIn" | "isCurrent">;
}

/**
 * Which of our shards may go to whom now: what the plan wants, as long as not too many are on their way and none has just come.
 * A shard is closed only when its write can be sent at once, or it would stand in a queue without an owner.
 */
export class Moves {
  readonly #options: MovesOptions;
  /** Closed a moment ago, or about to be written. */
  readonly #moving = new Set<Mover>();
  /** Their work takes its time. */
  readonly #draining = new Set<Mover>();
  /** Open, and to go as soon as there is room. */
  #waiting: Mover[] = [];
  #leaving = false;
  #timer: Timer | undefined;

  constructor(options: MovesOptions) {
    this.#options = options;
  }

  get mayDrain(): boolean {
    const { size } = this.#moving;
    return size < MOST_WRITES && (this.#leaving || size + this.#draining.size < MOST_DRAINS);
  }

  /** Everything goes. */
  leave(): void {
    this.#leaving = true;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Who is to go by the newest plan, in their order. */
  offer(contenders: readonly Mover[]): void {
    this.#waiting = contenders.toReversed();
    this.#letMove();
  }

  /** Keeps count, and lets the next one go when there is room. */
  note(contender: Mover): void {
    switch (contender.elector.phase.name) {
      case "draining":
        if (!this.#draining.has(contender)) this.#moving.add(contender);
        this.#timer ??= this.#options.clock.timer(MOMENT_MS, () => this.#sort());
        return;
      case "releasing":
        this.#draining.delete(contender);
        this.#moving.add(contender);
        return;
      case "stuck":
        this.#moving.delete(contender);
        this.#draining.add(contender);
        return;
      case "standby":
      case "claiming":
      case "leading":
      case "vacating":
        if (this.#moving.delete(contender) || this.#draining.delete(contender)) this.#letMove();
        return;
      default:
        contender.elector.phase satisfies never;
    }
  }

  targetFor(shard: Shard, elector: Elector, monotonicMs: number): Target | undefined {
    const { targets, retryPeriodMs } = this.#options;
    const target = targets.targetFor(shard);
    if (target === undefined || this.#leaving) return target;
    switch (elector.phase.name) {
      case "leading": {
        const restMs = elector.phase.heldSinceMs + retryPeriodMs - monotonicMs;
        if (restMs > 0) targets.lookAgainIn(restMs);
        return targets.isCurrent && restMs <= 0 ? target : undefined;
      }
      case "draining":
      case "stuck":
      case "releasing":
        return target;
      case "standby":
      case "claiming":
      case "vacating":
        // What is not open here is not moved from here.
        return undefined;
      default:
        return elector.phase satisfies never;
    }
  }

  #sort(): void {
    this.#timer = undefined;
    for (const contender of this.#moving) {
      if (contender.elector.phase.name !== "draining") continue;
      this.#moving.delete(contender);
      this.#draining.add(contender);
    }
    this.#letMove();
  }

  #letMove(): void {
    while (this.mayDrain) {
      const next = this.#waiting.pop();
      if (next === undefined) return;
      next.dispatch({ type: "tick" });
    }
  }
}
