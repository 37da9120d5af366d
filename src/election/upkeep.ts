import type { EventPlace, LeaseEvent } from "../lease/events.ts";
import type { Shard } from "../lease/names.ts";
import type { LeaseFeedEvent, LeaseStore } from "../lease/store.ts";
import type { Clock } from "../runtime/clock.ts";
import type { GateClock } from "../runtime/gate-clock.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import type { Acknowledged } from "./acknowledged.ts";
import type { Campaign } from "./campaign.ts";
import { Collector } from "./collector.ts";
import type { Desk } from "./desk.ts";
import { versionOf } from "./elector-state.ts";
import { Namesakes } from "./namesakes.ts";
import { OutageWatch } from "./outage-watch.ts";

export interface UpkeepOptions {
  readonly coordinator: string;
  /** Own identity. */
  readonly identity: string;
  readonly leaseDurationMs: number;
  /** Shard Leases are made and deleted by somebody else alone. */
  readonly isStatic: boolean;
  readonly shards: readonly Shard[];
  readonly desk: Desk;
  readonly campaign: Campaign;
  readonly acknowledged: Acknowledged;
  readonly store: LeaseStore;
  readonly clock: Clock;
  readonly gateClock: GateClock;
  readonly telemetry: Telemetry;
  readonly trouble: TroubleLog;
  /** Sends an Event. */
  tell(event: LeaseEvent, at?: EventPlace): void;
}

/** What a replica does for the whole fleet beside leading shards: it clears away Leases that nobody needs, and says what nobody owns or two are called. */
export class Upkeep {
  readonly #collector: Collector;
  readonly #outages: OutageWatch;
  readonly #namesakes: Namesakes;

  constructor(options: UpkeepOptions) {
    const { shards, desk, campaign, acknowledged, gateClock } = options;
    const contenders = [...campaign.contenders];
    const view = {
      ...options,
      roster: () => desk.roster,
      isFresh: () => acknowledged.isRecent(desk.own?.resourceVersion ?? "", gateClock.latestMs()),
    };
    this.#collector = new Collector({
      ...view,
      ownLeases: new Set(shards.map(({ leaseName }) => leaseName)),
      holders: () => contenders.map(({ elector }) => versionOf(elector)?.record.holder ?? ""),
    });
    this.#namesakes = new Namesakes({ ...options, log: options.telemetry.log });
    this.#outages = new OutageWatch({ ...view, contenders, isBlocked: (resource) => campaign.isBlocked(resource) });
  }

  /** Takes in one event of the feed. */
  apply(event: LeaseFeedEvent): void {
    this.#collector.apply(event);
    this.#namesakes.apply(event);
  }

  /** Brings the gauges that change with time alone up to date. */
  sample(): void {
    this.#outages.sample();
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#collector.run(signal), this.#outages.run(signal)]);
  }
}
