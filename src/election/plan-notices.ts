import type { LeaseEvent } from "../lease/events.ts";
import type { Log } from "../runtime/telemetry.ts";

export interface PlanNoticesOptions {
  /** Name of the coordinator's control Lease. */
  readonly controlLease: string;
  readonly log: Log;
  announce(event: LeaseEvent): void;
}

/** What was planned, as far as people must know of it. */
export interface Planned {
  readonly voidPins: readonly string[];
  readonly pins: ReadonlyMap<string, string>;
  readonly rolloutOver: boolean;
  /** Of the live members. */
  readonly versions: readonly string[];
}

/** What people must be told of plans: each thing once, when it begins. */
export class PlanNotices {
  readonly #options: PlanNoticesOptions;
  #voidPins: ReadonlyMap<string, string> = new Map();
  #rolloutOver = false;

  constructor(options: PlanNoticesOptions) {
    this.#options = options;
  }

  tell({ voidPins, pins, rolloutOver, versions }: Planned): void {
    this.#tellPins(new Map(voidPins.map((shard) => [shard, pins.get(shard) ?? ""])));
    if (rolloutOver && !this.#rolloutOver) this.#tellRollout(versions);
    this.#rolloutOver = rolloutOver;
  }

  #tellPins(pins: ReadonlyMap<string, string>): void {
    const before = this.#voidPins;
    this.#voidPins = pins;
    for (const [shard, member] of pins) {
      if (before.get(shard) === member) continue;
      this.#options.log.warn(
        { shard, member },
        `the pin of ${shard} binds nothing: "${member}" is no ready member that serves its resource; start it, or unpin the shard`,
      );
    }
  }

  #tellRollout(versions: readonly string[]): void {
    const { log, controlLease } = this.#options;
    const named = versions.map((version) => (version === "" ? "(none)" : version)).join(", ");
    const note =
      `Members of the versions ${named} have been alive together for the whole rollout window: ` +
      "shards are spread over all of them from now on. Finish the rollout, or lengthen rolloutWindow.";
    log.warn({ versions }, note);
    this.#options.announce({
      lease: controlLease,
      uid: undefined,
      reason: "RolloutWindowOver",
      action: "Plan",
      note,
      once: versions.join(" "),
    });
  }
}
