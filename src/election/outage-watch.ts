import type { EventPlace, LeaseEvent } from "../lease/events.ts";
import { liveIdentities, type Roster } from "../membership/roster.ts";
import { type Clock, sleep } from "../runtime/clock.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { Contender } from "./contender.ts";
import { versionOf } from "./elector-state.ts";
import { causeOf, hasLiveOwner, look, NO_OUTAGES, type Outages } from "./outages.ts";
import { rankOf } from "./ranking.ts";

export interface OutageWatchOptions {
  readonly identity: string;
  readonly leaseDurationMs: number;
  /** Shard Leases are made by somebody else, who is to be told when one is missing. */
  readonly isStatic: boolean;
  readonly contenders: readonly Contender[];
  readonly roster: () => Roster;
  /** True while the shards of a resource wait for those who hold its keys under another key map. */
  readonly isBlocked: (resource: string) => boolean;
  /** True while the watch has lately shown a write of ours: an old view shows the living as dead. */
  readonly isFresh: () => boolean;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Sends an Event. */
  tell(event: LeaseEvent, at: EventPlace): void;
}

const LOOK_EVERY_MS = 1_000;
/** After a death a shard is owned again within L and some round trips; after twice that long somebody must look. */
const BOUND_TIMES = 2;
/** So many shards are named in one line of the log. */
const MOST_NAMED = 20;

/** Says when a shard is without a live owner for too long: in the metrics, in the log, and as an Event. */
export class OutageWatch {
  readonly #options: OutageWatchOptions;
  #outages: Outages = NO_OUTAGES;
  #freshSinceMs: number | undefined;

  constructor(options: OutageWatchOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      this.#look();
      await sleep(this.#options.clock, LOOK_EVERY_MS, signal);
    }
  }

  /** Brings the gauge up to date. */
  sample(): void {
    const { clock, telemetry, contenders } = this.#options;
    const nowMs = clock.monotonicMs();
    const longestMs = new Map<string, number>();
    for (const { shard } of contenders) {
      const sinceMs = this.#outages.byShard.get(shard.id)?.sinceMs ?? nowMs;
      longestMs.set(shard.resource, Math.max(longestMs.get(shard.resource) ?? 0, nowMs - sinceMs));
    }
    for (const [resource, ms] of longestMs) {
      telemetry.meter.set("electorate_shards_unowned_seconds", { resource }, ms / 1000);
    }
  }

  #look(): void {
    const { identity, clock, leaseDurationMs, contenders, roster, isFresh, isBlocked } = this.#options;
    const monotonicMs = clock.monotonicMs();
    this.#freshSinceMs = isFresh() ? (this.#freshSinceMs ?? monotonicMs) : undefined;
    const live = liveIdentities(roster(), monotonicMs);
    const unowned = contenders.filter(
      (contender) => !hasLiveOwner(contender, identity, live, monotonicMs) && !isBlocked(contender.shard.resource),
    );
    const { byShard } = this.#outages;
    if (unowned.length === 0 && byShard.size === 0) return;
    const byId = new Map(contenders.map((contender) => [contender.shard.id, contender]));
    const mayTell = (id: string): boolean => {
      const shard = byId.get(id)?.shard;
      return shard !== undefined && rankOf(shard, identity, roster(), monotonicMs, "") === 0;
    };
    const found = look(this.#outages, {
      monotonicMs,
      unowned: unowned.map(({ shard }) => shard.id),
      boundMs: BOUND_TIMES * leaseDurationMs,
      freshSinceMs: this.#freshSinceMs,
      mayTell,
    });
    this.#outages = found.outages;
    const lengthMs = (id: string): number =>
      monotonicMs - (found.outages.byShard.get(id)?.sinceMs ?? byShard.get(id)?.sinceMs ?? monotonicMs);
    const named = (ids: readonly string[]): Contender[] => ids.flatMap((id) => byId.get(id) ?? []);
    this.#say(named(found.lost), lengthMs, "lost");
    this.#say(named(found.regained), lengthMs, "regained");
    this.#tell(named(found.tell).map((contender) => this.#eventOf(contender, lengthMs(contender.shard.id))));
  }

  /** One line for all shards of a resource, because they are often lost together. */
  #say(contenders: readonly Contender[], lengthMs: (id: string) => number, what: "lost" | "regained"): void {
    const { log } = this.#options.telemetry;
    for (const [resource, ofResource] of Map.groupBy(contenders, ({ shard }) => shard.resource)) {
      const ids = ofResource.map(({ shard }) => shard.id);
      const seconds = Math.round(Math.max(...ids.map(lengthMs)) / 1000);
      const count = `${ids.length} shard${ids.length === 1 ? "" : "s"} of ${resource}`;
      const fields = { resource, shards: ids.slice(0, MOST_NAMED), count: ids.length, seconds };
      if (what === "regained") log.info(fields, `${count} owned again, after ${seconds} s`);
      else if (this.#freshSinceMs !== undefined) log.error(fields, `${count} without a live owner for ${seconds} s`);
      else log.error(fields, `${count} without a live owner for ${seconds} s, by an old view: the watch is behind`);
    }
  }

  /** Each at its Lease, and all of them in one at the Pod. */
  #tell(events: readonly LeaseEvent[]): void {
    const [first, ...others] = events;
    if (first === undefined) return;
    for (const event of events) this.#options.tell(event, "lease");
    const leases = events.slice(0, MOST_NAMED).map(({ lease }) => lease);
    const more = events.length > leases.length ? ` and ${events.length - leases.length} more` : "";
    const note = `${events.length} shards have been without a live owner for long: ${leases.join(", ")}${more}`;
    const once = events.map((event) => event.once).join(" ");
    this.#options.tell(others.length === 0 ? first : { ...first, note, once }, "pod");
  }

  #eventOf({ shard, elector }: Contender, lengthMs: number): LeaseEvent {
    const version = versionOf(elector);
    const seconds = Math.round(lengthMs / 1000);
    return {
      lease: shard.leaseName,
      uid: version?.uid,
      reason: "ShardUnowned",
      action: "WatchShard",
      note: `Shard ${shard.id} has been without a live owner for ${seconds} s: ${causeOf(version, this.#options.isStatic)}.`,
      // Whoever tells it, an outage ends with a write.
      once: version === undefined ? "missing" : `${version.uid}/${version.resourceVersion}`,
    };
  }
}
