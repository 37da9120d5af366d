/**
 * The durations of a Lease, checked together once at the door. Derived intervals are computed here and nowhere else.
 */

export interface LeaseSettings {
  /** L: how long a Lease stands after its last change was seen. Whole seconds, because the API has no finer field. Default 15,000. */
  readonly durationMs?: number;
  /** V: how long the holder acts after it *sent* its last acknowledged renewal. Default 10,000. */
  readonly renewDeadlineMs?: number;
  /** R: time between two renewals of one Lease, and the deadline of every coordination request. Default 2,000. */
  readonly retryPeriodMs?: number;
  /** rho: the worst ratio of two replicas' clock rates that is survived. Default 1.25. */
  readonly clockRatio?: number;
  /**
   * `per-shard` (default): every shard Lease is renewed each retry period; client-go electors may contend for it too. `per-member`: only
   * the member Lease is, whatever the number of shards; for hundreds of shards and more.
   */
  readonly renewal?: "per-shard" | "per-member";
  /**
   * Whether the Pod of a dead member may prove its death before its Lease has expired. Needs `get` and `watch` on pods, and `POD_NAME`,
   * `POD_NAMESPACE` and `CONTAINER_NAME` in the environment. Default false.
   */
  readonly proofOfDeath?: boolean;
  /**
   * Whether shard Leases are made by somebody else, such as the Helm chart: replicas then never create or delete one, and a shard
   * whose Lease is missing has no owner until it is made. Member Leases come and go as ever. Default false.
   */
  readonly static?: boolean;
}

export interface LeaseTimings {
  readonly durationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
  readonly clockRatio: number;
  /** Q = L / rho - V: how long work may still run after its gate closed by time. */
  readonly quiesceMs: number;
}

export const DEFAULT_LEASE_TIMINGS = {
  durationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
  clockRatio: 1.25,
} as const;

/** A setting that is wrong: where it stands (`lease.duration`) and a text that names the values and the remedy. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** The smallest quiesce time that is worth having: below it, ordinary scheduling delay ends the process. */
function leastQuiesceMs(durationMs: number): number {
  return Math.max(200, durationMs * 0.02);
}

/** Completes the settings with defaults and checks every relation; returns the timings or all problems at once. */
export function leaseTimings(
  settings: LeaseSettings = {},
): { readonly timings: LeaseTimings } | { readonly problems: readonly Problem[] } {
  const { durationMs, renewDeadlineMs, retryPeriodMs, clockRatio } = { ...DEFAULT_LEASE_TIMINGS, ...settings };
  const problems: Problem[] = [];
  const refuse = (path: string, message: string): void => void problems.push({ path: `lease.${path}`, message });

  for (const [path, value] of [
    ["duration", durationMs],
    ["renewDeadline", renewDeadlineMs],
    ["retryPeriod", retryPeriodMs],
  ] as const) {
    if (!Number.isFinite(value) || value <= 0) refuse(path, `must be longer than 0, but is ${value} ms`);
  }
  if (!Number.isFinite(clockRatio) || clockRatio < 1 || clockRatio > 2) {
    refuse("clockRatio", `must be between 1 and 2, but is ${clockRatio}; 1.25 suits ordinary machines`);
  }
  const { renewal = "per-shard" } = settings;
  if (renewal !== "per-shard" && renewal !== "per-member") {
    refuse("renewal", `must be "per-shard" or "per-member", but is ${JSON.stringify(renewal)}`);
  }
  if (problems.length > 0) return { problems };

  if (durationMs % 1000 !== 0 || durationMs < 1000) {
    refuse(
      "duration",
      `must be whole seconds and at least 1s, because a Lease has no finer field, but is ${durationMs} ms`,
    );
  }
  if (retryPeriodMs * 1.2 >= renewDeadlineMs) {
    refuse(
      "renewDeadline",
      `must be longer than 1.2 x retryPeriod, or one slow renewal loses the Lease: renewDeadline is ${renewDeadlineMs} ms, retryPeriod ${retryPeriodMs} ms`,
    );
  }
  const quiesceMs = durationMs / clockRatio - renewDeadlineMs;
  if (quiesceMs < leastQuiesceMs(durationMs)) {
    refuse(
      "duration",
      `leaves too little time to stop work: duration / clockRatio - renewDeadline = ${durationMs} ms / ${clockRatio} - ${renewDeadlineMs} ms = ` +
        `${Math.round(quiesceMs)} ms, and at least ${leastQuiesceMs(durationMs)} ms is needed; lengthen lease.duration or shorten lease.renewDeadline`,
    );
  }
  if (problems.length > 0) return { problems };
  return { timings: { durationMs, renewDeadlineMs, retryPeriodMs, clockRatio, quiesceMs } };
}
