import { isFenced } from "../lease/fence.ts";
import { memberLeaseNameOf } from "../lease/names.ts";
import type { Roster } from "./roster.ts";

/** Member Leases that were here and are not any more: since when, on our monotonic clock, and what each declared last. */
export type Departures = ReadonlyMap<string, { readonly sinceMs: number; readonly declaredMs: number }>;

export const NO_DEPARTURES: Departures = new Map();

/** Takes in that the roster has changed from `before` to `after`. A member that is back has not departed. */
export function noteDepartures(departures: Departures, before: Roster, after: Roster, monotonicMs: number): Departures {
  const left = [...before.values()].filter(({ leaseName }) => !after.has(leaseName));
  const back = [...departures.keys()].filter((leaseName) => after.has(leaseName));
  if (left.length === 0 && back.length === 0) return departures;
  const next = new Map([...departures].filter(([leaseName]) => !after.has(leaseName)));
  for (const { leaseName, lease } of left) {
    next.set(leaseName, { sinceMs: monotonicMs, declaredMs: lease.record.durationMs });
  }
  return next;
}

/** Who was there and who is not any more, as one list+watch has shown it. */
export interface Presence {
  readonly roster: Roster;
  readonly departures: Departures;
}

/**
 * Monotonic time from which on the holder of a Lease that stands by its member is gone, infinite while it may act. It counts only
 * for a version of the shard Lease that the same list+watch has come to: by then it has shown that its holder joined.
 * - Its member Lease is there: gone only when fenced.
 * - It was there: when it has been missing for as long as its holder could act.
 * - It never was: then it went before we came, and the wait for the shard Lease's own record is all there is to wait for.
 */
export function goneFromMs(coordinator: string, holder: string, presence: Presence, leaseDurationMs: number): number {
  const leaseName = memberLeaseNameOf(coordinator, holder) ?? "";
  const member = presence.roster.get(leaseName);
  if (member !== undefined) return isFenced(member.lease) ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const departure = presence.departures.get(leaseName);
  if (departure === undefined) return Number.NEGATIVE_INFINITY;
  return departure.sinceMs + Math.max(departure.declaredMs, leaseDurationMs);
}
