import { type ElectorateError, hasCode } from "../runtime/errors.ts";
import type { Randomness } from "../runtime/randomness.ts";
import { isFutureVersion } from "./answer.ts";
import { type BackOff, delayOf } from "./back-off.ts";

/**
 * The decisions of a list+watch, as pure arithmetic over how the last list or watch ended.
 *
 *             listed                     ended, cut, silent: resume from the newest resourceVersion
 *   ( list ) -------------> ( watch ) ----+
 *      ^  ^                   |  ^        |
 *      |  |  410, silent twice|  +--------+
 *      |  +-------------------+
 *      +-- list failed: back off
 *
 * Promises: a watch that was healthy is resumed at once, whatever ended it; failures in a row back off, and only a healthy watch, never
 * a list that succeeded, ends their row (a server that answers every watch with 410 is not listed in a tight loop);
 * a position from which nothing can be read is given up for a list after a few tries.
 */

/** What to do next, and what led to it. */
export interface Course {
  readonly next: "list" | "watch";
  /** Wait before it. */
  readonly delayMs: number;
  /** Failures since the feed was last healthy. */
  readonly failures: number;
  /** Watches in a row from which nothing new was read. */
  readonly barren: number;
}

/** A feed begins with a list. */
export const FIRST_COURSE: Course = { next: "list", delayMs: 0, failures: 0, barren: 0 };

/** What was seen of a watch before it ended. */
export interface WatchLife {
  /** Any event or bookmark came. */
  readonly heard: boolean;
  /** The position moved. */
  readonly progressed: boolean;
  /** It stood open for the healthy period. */
  readonly stood: boolean;
}

/** How a list or a watch ended. */
export type Ending =
  | { readonly how: "listed" }
  | { readonly how: "list-failed"; readonly error: ElectorateError }
  /** The watch was not opened: no answer, or one that is no success. */
  | { readonly how: "refused"; readonly error: ElectorateError }
  /** Ended by the server, as it should at its time-out; `error` says what is wrong if that happens at once again and again. */
  | { readonly how: "ended"; readonly error: ElectorateError; readonly life: WatchLife }
  /** The line broke. */
  | { readonly how: "cut"; readonly error: ElectorateError; readonly life: WatchLife }
  /** No bytes for longer than the limit: perhaps half-open. */
  | { readonly how: "silent"; readonly life: WatchLife }
  /** An ERROR event, a line that cannot be understood, or a position that went back. */
  | { readonly how: "rejected"; readonly error: ElectorateError; readonly life: WatchLife }
  /** Somebody asked for a list. */
  | { readonly how: "demanded" };

/** Barren watches after which the position is given up. */
const BARREN_LIMIT = 3;
const SILENT_LIMIT = 2;
/** A server that asks for a longer wait is asked again after this long all the same. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** The next course after `ending`. */
export function courseAfter(course: Course, ending: Ending, backOff: BackOff, randomness: Randomness): Course {
  const failed = (next: Course["next"], error: ElectorateError, from: Course, firstIsFree = false): Course => {
    const failures = from.failures + 1;
    if (firstIsFree && failures === 1) return { ...from, next, failures, delayMs: 0 };
    return { ...from, next, failures, delayMs: waitOf(error, failures, backOff, randomness) };
  };
  switch (ending.how) {
    case "listed":
      return { next: "watch", delayMs: 0, failures: course.failures, barren: 0 };
    case "list-failed":
      return failed("list", ending.error, course);
    case "demanded":
      return { ...course, next: "list", delayMs: 0 };
    case "refused":
      if (positionIsLost(ending.error)) return failed("list", ending.error, course, true);
      return failed("watch", ending.error, course);
    case "silent": {
      const barren = ending.life.heard ? 1 : course.barren + 1;
      return { ...after(course, ending.life), barren, next: barren >= SILENT_LIMIT ? "list" : "watch", delayMs: 0 };
    }
    case "ended":
    case "cut":
      return afterStop(course, ending, failed);
    case "rejected": {
      const from = after(course, ending.life);
      if (positionIsLost(ending.error)) return failed("list", ending.error, from, true);
      const barren = ending.life.progressed ? 1 : course.barren + 1;
      return failed(barren >= BARREN_LIMIT ? "list" : "watch", ending.error, { ...from, barren });
    }
    default:
      return ending satisfies never;
  }
}

type Failed = (next: Course["next"], error: ElectorateError, from: Course) => Course;

/** A watch that stopped without saying anything wrong. */
function afterStop(course: Course, ending: Extract<Ending, { how: "ended" | "cut" }>, failed: Failed): Course {
  const { life } = ending;
  if (isHealthy(life)) return { next: "watch", delayMs: 0, failures: 0, barren: 0 };
  const barren = course.barren + 1;
  // A server that restarts ends young watches; one that ends every watch at once must not be asked in a tight loop.
  if (ending.how === "ended" && barren < BARREN_LIMIT) return { ...course, next: "watch", delayMs: 0, barren };
  return failed("watch", ending.error, { ...course, barren });
}

function after(course: Course, life: WatchLife): Course {
  return isHealthy(life) ? { ...course, failures: 0 } : course;
}

function isHealthy(life: WatchLife): boolean {
  return life.progressed || life.stood;
}

/** A list is needed: the position is too old, unknown to the server, or its resource is not the one we knew. */
function positionIsLost(error: ElectorateError): boolean {
  return hasCode(error, "gone", "not-found", "invalid-request") || isFutureVersion(error);
}

function waitOf(error: ElectorateError, failures: number, backOff: BackOff, randomness: Randomness): number {
  const waitMs = delayOf(backOff, failures, randomness);
  return Math.max(waitMs, Math.min(error.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS));
}
