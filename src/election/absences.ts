import { ABSURD_MS, type Roster } from "../membership/roster.ts";

/** Durations of a shard Lease up to so long, or up to so many times what members declare, may be meant. */
const SANE_MS = 120_000;
const SANE_TIMES = 4;

/**
 * How long a missing Lease is waited out: as long as anybody may have declared in it, which is what members declare now, what those
 * that vanished declared last, until that has passed, and what other Leases of the coordinator say. A declaration that is
 * absurd beside those of the members counts for nothing: it was written by hand, and its remedy is to delete the Lease.
 */
export class Absences {
  readonly #leaseDurationMs: number;
  /** By member Lease: what it declared last, and when it was there last. */
  readonly #declared = new Map<string, { readonly durationMs: number; readonly seenMs: number }>();

  constructor(leaseDurationMs: number) {
    this.#leaseDurationMs = leaseDurationMs;
  }

  /** `shardDurationsMs`: what the shard Leases in sight declare. */
  waitMs(roster: Roster, shardDurationsMs: Iterable<number>, monotonicMs: number): number {
    for (const { leaseName, lease } of roster.values()) {
      this.#declared.set(leaseName, { durationMs: lease.record.durationMs, seenMs: monotonicMs });
    }
    let longestMs = this.#leaseDurationMs;
    for (const [leaseName, { durationMs, seenMs }] of this.#declared) {
      if (monotonicMs > seenMs + durationMs) this.#declared.delete(leaseName);
      else if (durationMs <= ABSURD_MS) longestMs = Math.max(longestMs, durationMs);
    }
    const saneMs = Math.max(SANE_MS, SANE_TIMES * longestMs);
    for (const durationMs of shardDurationsMs) {
      if (durationMs <= saneMs) longestMs = Math.max(longestMs, durationMs);
    }
    return longestMs;
  }
}
