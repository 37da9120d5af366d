import type { LeaseVersion } from "../lease/record.ts";
import type { Elector } from "./elector-state.ts";
import { versionOf } from "./elector-state.ts";
import { isHeldNow } from "./observation.ts";

/**
 * How long each shard has been without a live owner, as this replica sees it, and what is to be said about it. Pure.
 *
 * Promises: an outage is said once when it has lasted for the bound, and once when it is over; it gets one Event at most, by one
 * replica; however many shards fail at once, no more than `MOST_EVENTS` Events a minute, the rest later if it lasts.
 */
export interface Outages {
  /** By shard id. */
  readonly byShard: ReadonlyMap<string, Outage>;
  /** Monotonic times of the last Events. */
  readonly toldMs: readonly number[];
}

export interface Outage {
  readonly sinceMs: number;
  /** It has lasted for the bound, and the log says so. */
  readonly said: boolean;
  /** An Event of ours was sent for it. */
  readonly told: boolean;
}

export const NO_OUTAGES: Outages = { byShard: new Map(), toldMs: [] };

export interface Look {
  readonly monotonicMs: number;
  /** Every shard of this replica that has no live owner now. */
  readonly unowned: readonly string[];
  readonly boundMs: number;
  /** Since when the view has not been behind; `undefined` while it is. What an old view shows is not told to the world. */
  readonly freshSinceMs: number | undefined;
  /** Whether it is for this replica to tell the world about a shard. */
  mayTell(shard: string): boolean;
}

/** What one look found, beside the next state. */
export interface Findings {
  readonly outages: Outages;
  /** Without an owner for the bound since this look. */
  readonly lost: readonly string[];
  /** Owned again, of those that were lost. */
  readonly regained: readonly string[];
  /** An Event is to be sent for each, now. */
  readonly tell: readonly string[];
}

const MOST_EVENTS = 10;
const EVENTS_WITHIN_MS = 60_000;

export function look({ byShard, toldMs }: Outages, now: Look): Findings {
  const { monotonicMs, unowned, boundMs, freshSinceMs = monotonicMs } = now;
  const recentMs = toldMs.filter((atMs) => atMs > monotonicMs - EVENTS_WITHIN_MS);
  const next = new Map<string, Outage>();
  const lost: string[] = [];
  const tell: string[] = [];
  for (const shard of unowned) {
    const known = byShard.get(shard) ?? { sinceMs: monotonicMs, said: false, told: false };
    const isLong = monotonicMs - known.sinceMs >= boundMs;
    if (isLong && !known.said) lost.push(shard);
    const isCertain = monotonicMs - Math.max(known.sinceMs, freshSinceMs) >= boundMs;
    const tells = isCertain && !known.told && recentMs.length + tell.length < MOST_EVENTS && now.mayTell(shard);
    if (tells) tell.push(shard);
    next.set(shard, { ...known, said: isLong || known.said, told: tells || known.told });
  }
  const over = [...byShard].filter(([shard, { said }]) => said && !next.has(shard));
  const outages = { byShard: next, toldMs: [...recentMs, ...tell.map(() => monotonicMs)] };
  return { outages, lost, regained: over.map(([shard]) => shard), tell };
}

/** True while some replica, perhaps this one, may work for the shard. */
export function hasLiveOwner(
  { elector, term }: { readonly elector: Elector; readonly term: object | undefined },
  identity: string,
  live: ReadonlySet<string>,
  monotonicMs: number,
): boolean {
  if (term !== undefined) return true;
  const holder = versionOf(elector)?.record.holder ?? "";
  // What names us without a term of ours is ours to take, and nobody works for it.
  if (holder === identity || !isHeldNow(elector.observation, monotonicMs)) return false;
  return !elector.observation.standsByMember || live.has(holder);
}

/** Why nobody has a shard, as its Lease says. */
export function causeOf(version: LeaseVersion | undefined, isStatic: boolean): string {
  const remedy = isStatic ? ", and with lease.static replicas make none: make it again, as helm upgrade does" : "";
  if (version === undefined) return `its Lease is missing${remedy}`;
  const { holder } = version.record;
  return holder === "" ? "its Lease names nobody" : `its Lease names ${holder}, which does not renew it`;
}
