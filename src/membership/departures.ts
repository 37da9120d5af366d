import { isFenced } from "../lease/fence.ts";
import { memberLeaseNameOf } from "../lease/names.ts";
import type { Roster } from "./roster.ts";

/** Since when a member is missing, on our monotonic clock, and the longest that it declared. */
export interface Departure {
  readonly sinceMs: number;
  readonly declaredMs: number;
}

/** Member Leases that were here and are not any more. */
export type Departures = ReadonlyMap<string, Departure>;

export const NO_DEPARTURES: Departures = new Map();

const IS_HERE: Departure = { sinceMs: Number.POSITIVE_INFINITY, declaredMs: 0 };
const IS_GONE: Departure = { sinceMs: Number.NEGATIVE_INFINITY, declaredMs: 0 };

/** Takes in that the roster has changed from `before` to `after`. A member that is back has not departed. */
export function noteDepartures(departures: Departures, before: Roster, after: Roster, monotonicMs: number): Departures {
  const left = [...before.values()].filter(({ leaseName }) => !after.has(leaseName));
  const back = [...departures.keys()].filter((leaseName) => after.has(leaseName));
  if (left.length === 0 && back.length === 0) return departures;
  const next = new Map([...departures].filter(([leaseName]) => !after.has(leaseName)));
  for (const { leaseName, declaredMs } of left) next.set(leaseName, { sinceMs: monotonicMs, declaredMs });
  return next;
}

/** Who was there and who is not any more, as one list+watch has shown it. */
export interface Presence {
  readonly roster: Roster;
  readonly departures: Departures;
}

/**
 * Since when the holder of a Lease that stands by its member is missing, infinite while it is here. It counts only for a version of
 * the shard Lease that the same list+watch has come to: by then it has shown that its holder joined.
 * - Its member Lease is there: gone only when fenced.
 * - It was there: it has departed.
 * - It never was: then it went before we came, and the wait for the shard Lease's own record is all there is to wait for.
 */
export function departureOf(coordinator: string, holder: string, { roster, departures }: Presence): Departure {
  const leaseName = memberLeaseNameOf(coordinator, holder) ?? "";
  const member = roster.get(leaseName);
  if (member !== undefined) return isFenced(member.lease) ? IS_GONE : IS_HERE;
  return departures.get(leaseName) ?? IS_GONE;
}

/** Monotonic time from which on the holder that departed cannot act any more for a Lease that declares `declaredMs`. */
export function goneFromMs(departure: Departure, declaredMs: number, leaseDurationMs: number): number {
  return departure.sinceMs + Math.max(departure.declaredMs, declaredMs, leaseDurationMs);
}
