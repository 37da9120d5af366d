import type { Shard } from "../lease/names.ts";
import type { Contender } from "./contender.ts";
import type { Elector, Target } from "./elector.ts";
import type { Targets } from "./targets.ts";

/** How many shards of one replica move at once: enough to hide a round trip, few enough to leave the API server to others. */
const MOST_MOVES = 32;

export interface MovesOptions {
  readonly retryPeriodMs: number;
  readonly targets: Targets;
  readonly contenders: () => Iterable<Contender>;
}

/** Which of our shards may go to whom now: what the plan wants, as long as not too many are on their way and none has just come. */
export class Moves {
  readonly #options: MovesOptions;

  constructor(options: MovesOptions) {
    this.#options = options;
  }

  targetFor(shard: Shard, elector: Elector, monotonicMs: number): Target | undefined {
    const { targets, retryPeriodMs } = this.#options;
    const target = targets.targetFor(shard);
    if (target === undefined) return undefined;
    switch (elector.phase.name) {
      case "leading": {
        const restMs = elector.phase.heldSinceMs + retryPeriodMs - monotonicMs;
        if (restMs > 0) targets.lookAgainIn(restMs);
        return targets.isCurrent && restMs <= 0 && this.#moving() < MOST_MOVES ? target : undefined;
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

  #moving(): number {
    let moving = 0;
    for (const { elector } of this.#options.contenders()) {
      const { name } = elector.phase;
      if (name === "draining" || name === "releasing") moving += 1;
    }
    return moving;
  }
}
