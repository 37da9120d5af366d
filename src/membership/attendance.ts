import { nameOf } from "../lease/names.ts";
import type { Member } from "./roster.ts";

/**
 * Comings and goings of members, by name, because a restarted process has a new identity. One that comes and goes again and
 * again costs two moves of its share each time, so that a name that went more than twice within five minutes is on probation until
 * the third last time is past: whoever bears it keeps what it has and gets nothing. Only who hears of its own renewals may tell: to
 * one that is cut off everybody seems to go.
 */
export interface Attendance {
  /** Identities that are there. */
  readonly present: ReadonlySet<string>;
  /** Monotonic times of the latest goings by name, newest first, as many as decide. */
  readonly departures: ReadonlyMap<string, readonly number[]>;
}

const DEPARTURES_ALLOWED = 2;
const WINDOW_MS = 5 * 60_000;

export const NOBODY_YET: Attendance = { present: new Set(), departures: new Map() };

/**
 * Takes in who is live now. What is known from a list only may be a Lease that somebody left behind: it neither comes nor goes. Who says that
 * it leaves has gone: its successor may be there before its Lease is deleted.
 */
export function observeAttendance(
  before: Attendance,
  live: readonly Pick<Member, "identity" | "seenToChange" | "state">[],
  nowMs: number,
): Attendance {
  const there = live.filter(({ seenToChange, state }) => seenToChange && state !== "draining");
  const present = new Set(there.map(({ identity }) => identity));
  const departures = new Map([...before.departures].filter(([, [lastMs = 0]]) => nowMs < lastMs + WINDOW_MS));
  for (const identity of before.present) {
    if (present.has(identity)) continue;
    const name = nameOf(identity);
    departures.set(name, [nowMs, ...(departures.get(name) ?? [])].slice(0, DEPARTURES_ALLOWED + 1));
  }
  return { present, departures };
}

/** Monotonic time until which a member is on probation; minus infinity when it is not. */
export function probationEndMs({ departures }: Attendance, identity: string): number {
  const decisiveMs = departures.get(nameOf(identity))?.[DEPARTURES_ALLOWED];
  return decisiveMs === undefined ? Number.NEGATIVE_INFINITY : decisiveMs + WINDOW_MS;
}
