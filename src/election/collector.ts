import { LABEL_ROLE } from "../lease/names.ts";
import type { LeaseVersion } from "../lease/record.ts";
import type { LeaseFeedEvent, LeaseStore } from "../lease/store.ts";
import type { Roster } from "../membership/roster.ts";
import { type Clock, sleep } from "../runtime/clock.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import { collectable, type Stray } from "./collectable.ts";

export interface CollectorOptions {
  readonly coordinator: string;
  readonly identity: string;
  readonly leaseDurationMs: number;
  /** Shard Leases are deleted by somebody else: those of members alone are ours to clear. */
  readonly isStatic: boolean;
  /** Names of the Leases of our own shards: never litter. */
  readonly ownLeases: ReadonlySet<string>;
  readonly store: LeaseStore;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly trouble: TroubleLog;
  readonly roster: () => Roster;
  /** Whom the Leases of our own shards name. */
  readonly holders: () => Iterable<string>;
  /** True while the watch has lately shown a write of ours: an old view shows the living as dead. */
  readonly isFresh: () => boolean;
}

const LOOK_EVERY_MS = 30_000;
/** One after the other, so that a large clean-up stands in front of nobody's renewal. */
const MOST_AT_ONCE = 20;

/** Deletes what `collectable` finds, each by uid and resourceVersion: a Lease that anybody has written meanwhile stays. */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #strays = new Map<string, Stray>();

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Takes in one event of the feed. */
  apply(event: LeaseFeedEvent): void {
    switch (event.type) {
      case "snapshot": {
        const listed = new Set(event.versions.map(({ name }) => name));
        for (const name of this.#strays.keys()) if (!listed.has(name)) this.#strays.delete(name);
        for (const version of event.versions) this.#see(version);
        return;
      }
      case "changed":
        this.#see(event.version);
        return;
      case "deleted":
        this.#strays.delete(event.version.name);
        return;
      case "bookmark":
        return;
      default:
        event satisfies never;
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.#options.clock, LOOK_EVERY_MS, signal);
      for (const version of this.#litter().slice(0, MOST_AT_ONCE)) {
        if (!signal.aborted) await this.#delete(version);
      }
    }
  }

  #see(version: LeaseVersion): void {
    const { ownLeases, clock, leaseDurationMs } = this.#options;
    if (version.labels[LABEL_ROLE] !== "shard" || ownLeases.has(version.name)) return;
    const known = this.#strays.get(version.name)?.version;
    if (known?.uid === version.uid && known.resourceVersion === version.resourceVersion) return;
    const waitMs = Math.max(version.record.durationMs, known?.record.durationMs ?? 0, leaseDurationMs);
    this.#strays.set(version.name, { version, sinceMs: clock.monotonicMs(), waitMs });
  }

  #litter(): LeaseVersion[] {
    const { coordinator, identity, isStatic, clock, roster, holders, isFresh } = this.#options;
    if (!isFresh()) return [];
    const strays = [...this.#strays.values()];
    const named = new Set([...holders(), ...strays.map(({ version }) => version.record.holder)]);
    const about = { coordinator, identity, monotonicMs: clock.monotonicMs(), roster: roster() };
    // Who holds them counts in any case: a member's Lease stays while a shard names the member.
    return collectable({ ...about, strays: isStatic ? [] : strays, holders: named });
  }

  async #delete(version: LeaseVersion): Promise<void> {
    const { store, telemetry, trouble } = this.#options;
    const role = version.labels[LABEL_ROLE];
    try {
      const { type } = await store.remove(version.name, version);
      trouble.clear("lease-collect");
      const why = role === "member" ? "its member is long dead" : "nobody serves its shard any more";
      if (type === "ok") telemetry.log.info({ lease: version.name }, `deleted Lease ${version.name}: ${why}`);
    } catch (error) {
      trouble.report("lease-collect", `deleting the unused Lease ${version.name}`, error);
    }
  }
}
