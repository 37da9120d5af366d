import { InvalidArgumentError } from "@commander-js/extra-typings";
import { DEFAULT_LEASE_TIMINGS } from "../../config/timings.ts";

/** What the demo runs: fixed here, or chosen on the command line. */

export interface DemoSettings {
  /** Replicas at the start; one more joins later. */
  readonly replicas: number;
  /** Objects of both kinds together. */
  readonly objects: number;
  /** Buckets of the bucketed kind. The other kind has one shard. */
  readonly buckets: number;
  /** Leave everything running at the end, until Ctrl-C. */
  readonly keep: boolean;
  /** Print nothing but the summary, as JSON. */
  readonly json: boolean;
}

export const COORDINATOR = "demo";
export const NAMESPACE = "default";

/**
 * Short, so that the story with its crash is told in well under a minute. All replicas share the clock of one machine, so
 * little is kept back for clocks that run at different rates; what remains is time to stop work on a busy machine.
 */
export const DEMO_LEASE = { durationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 500, clockRatio: 1.05 } as const;

/** `3/2/0.5 s`. */
function timingsText(lease: { durationMs: number; renewDeadlineMs: number; retryPeriodMs: number }): string {
  return `${[lease.durationMs, lease.renewDeadlineMs, lease.retryPeriodMs].map((ms) => ms / 1000).join("/")} s`;
}

export const DEFAULT_TIMINGS_TEXT = timingsText(DEFAULT_LEASE_TIMINGS);
export const DEMO_TIMINGS_TEXT = timingsText(DEMO_LEASE);

/** How much slower than the demo's the default Lease timings are: renewals are that much rarer. */
export const DEFAULT_RENEWAL_FACTOR = DEFAULT_LEASE_TIMINGS.retryPeriodMs / DEMO_LEASE.retryPeriodMs;

/** Keys of one shard in work at once. */
export const WORKERS = 4;
/** Fresh changes per second that keep coming throughout. */
export const CHANGES_PER_SECOND = 50;
/** How long the handler works on one key: short, yet long enough that owners change in the middle of work. */
export const HANDLER_WORK_MS = 5;

/** Reads a whole number between `least` and `most` from the command line. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}
