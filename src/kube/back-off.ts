import type { Randomness } from "../runtime/randomness.ts";

/** Exponential back-off with jitter: pure arithmetic. */

/** The first wait, and the longest. */
export interface BackOff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * The wait after the `failures`-th failure in a row (from 1): doubled each time up to the maximum, of which between half
 * and all is taken, so that clients that failed together do not come back together.
 */
export function delayOf(backOff: BackOff, failures: number, randomness: Randomness): number {
  const full = Math.min(backOff.maxMs, backOff.baseMs * 2 ** Math.min(failures - 1, 30));
  return full * (1 - randomness.next() / 2);
}
