import { ABSURD_MS, type Roster } from "../membership/roster.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Contender } from "./contender.ts";
import { versionOf } from "./elector-state.ts";
import type { Arrival } from "./observation.ts";

/** Durations of a shard Lease up to so long, or up to so many times what members declare, may be meant. */
const SANE_MS = 120_000;
const SANE_TIMES = 4;

export interface AbsencesOptions {
  readonly identity: string;
  readonly clock: Clock;
  /** Own L. */
  readonly leaseDurationMs: number;
  readonly roster: () => Roster;
  readonly contenders: () => Iterable<Contender>;
}

/**
 * How long a missing Lease is waited out: as long as anybody may have declared in it, which is what members declare now, what those
 * that vanished declared last, until that has passed, and what other Leases of the coordinator say. A declaration that is
 * absurd beside those of the members counts for nothing: it was written by hand, and its remedy is to delete the Lease.
 */
export class Absences {
  readonly #options: AbsencesOptions;
  /** By member Lease: what it declared last, and when it was there last. */
  readonly #declared = new Map<string, { readonly durationMs: number; readonly seenMs: number }>();

  constructor(options: AbsencesOptions) {
    this.#options = options;
  }

  /** How something that is seen now comes to us. */
  arrival(channel: "watch" | "list"): Arrival {
    const { identity, clock, leaseDurationMs } = this.#options;
    const monotonicMs = clock.monotonicMs();
    const waitMs = (): number => this.waitMs(monotonicMs);
    return {
      channel,
      monotonicMs,
      identity,
      leaseDurationMs,
      // Asked for only when a Lease is missing: every Lease of the coordinator has a say in it.
      get absenceMs() {
        return waitMs();
      },
    };
  }

  waitMs(monotonicMs: number): number {
    const { roster, contenders, leaseDurationMs } = this.#options;
    for (const { leaseName, lease } of roster().values()) {
      this.#declared.set(leaseName, { durationMs: lease.record.durationMs, seenMs: monotonicMs });
    }
    let longestMs = leaseDurationMs;
    for (const [leaseName, { durationMs, seenMs }] of this.#declared) {
      if (monotonicMs > seenMs + durationMs) this.#declared.delete(leaseName);
      else if (durationMs <= ABSURD_MS) longestMs = Math.max(longestMs, durationMs);
    }
    const saneMs = Math.max(SANE_MS, SANE_TIMES * longestMs);
    for (const { elector } of contenders()) {
      const durationMs = versionOf(elector)?.record.durationMs ?? 0;
      if (durationMs <= saneMs) longestMs = Math.max(longestMs, durationMs);
    }
    return longestMs;
  }
}
