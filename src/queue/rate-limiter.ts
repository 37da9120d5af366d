import { TokenBucket } from "./token-bucket.ts";

/**
 * How long a failed key waits before it is tried again, in client-go's words. A limiter belongs to the queue of one shard: a bucket is
 * shared by its keys, not by other shards.
 */
export type RateLimiter =
  /** `baseDelayMs` after the first failure of a key, doubled at each further one, at most `maxDelayMs`. */
  | { readonly kind: "item-exponential-failure"; readonly baseDelayMs: number; readonly maxDelayMs: number }
  /** Always the same. */
  | { readonly kind: "item-fixed"; readonly delayMs: number }
  /** `fastDelayMs` after each of the first `maxFastAttempts` failures of a key, `slowDelayMs` after any more. */
  | {
      readonly kind: "item-fast-slow";
      readonly fastDelayMs: number;
      readonly slowDelayMs: number;
      readonly maxFastAttempts: number;
    }
  /** Over all keys: `burst` retries at once, `perSecond` of them in the long run. */
  | { readonly kind: "bucket"; readonly perSecond: number; readonly burst: number }
  /** The longest of what these say. */
  | { readonly kind: "max-of"; readonly limiters: readonly RateLimiter[] };

/** client-go's default: 5 ms, doubled up to 1,000 s, and 10 retries per second over all keys, 100 at once. */
export const DEFAULT_RATE_LIMITER: RateLimiter = {
  kind: "max-of",
  limiters: [
    { kind: "item-exponential-failure", baseDelayMs: 5, maxDelayMs: 1_000_000 },
    { kind: "bucket", perSecond: 10, burst: 100 },
  ],
};

/** What is wrong with a limiter, each with the place of the value below `path`. */
export function rateLimiterProblems(limiter: RateLimiter, path: string): { path: string; message: string }[] {
  const least = (field: string, value: number, atLeast: number): { path: string; message: string }[] => {
    if (Number.isFinite(value) && value >= atLeast) return [];
    return [{ path: `${path}.${field}`, message: `must be a finite number of at least ${atLeast}, but is ${value}` }];
  };
  switch (limiter.kind) {
    case "item-exponential-failure":
      return [
        // Without a delay a key that fails for ever would keep its worker busy for ever.
        ...least("baseDelayMs", limiter.baseDelayMs, 1),
        ...least("maxDelayMs", limiter.maxDelayMs, Math.max(1, limiter.baseDelayMs)),
      ];
    case "item-fixed":
      return least("delayMs", limiter.delayMs, 1);
    case "item-fast-slow":
      return [
        ...least("fastDelayMs", limiter.fastDelayMs, 1),
        ...least("slowDelayMs", limiter.slowDelayMs, Math.max(1, limiter.fastDelayMs)),
        ...least("maxFastAttempts", limiter.maxFastAttempts, 0),
      ];
    case "bucket":
      return [...least("perSecond", limiter.perSecond, Number.MIN_VALUE), ...least("burst", limiter.burst, 1)];
    case "max-of":
      if (limiter.limiters.length === 0) return [{ path: `${path}.limiters`, message: "must not be empty" }];
      return limiter.limiters.flatMap((one, index) => rateLimiterProblems(one, `${path}.limiters[${index}]`));
    default:
      limiter satisfies never;
      return [{ path: `${path}.kind`, message: `must be one of ${KINDS}, but is ${JSON.stringify(limiter)}` }];
  }
}

const KINDS = "item-exponential-failure, item-fixed, item-fast-slow, bucket and max-of";

/** Milliseconds to wait after a failure, given how many the key has had before. */
type Wait = (failures: number, nowMs: number) => number;

/** The failures of a queue's keys since they last succeeded, and how long each makes its key wait. */
export class Retries {
  readonly #wait: Wait;
  readonly #failures = new Map<string, number>();

  constructor(limiter: RateLimiter, nowMs: number) {
    this.#wait = waitOf(limiter, nowMs);
  }

  /** Counts one more failure of `key` and says how long to wait after it, in milliseconds. */
  next(key: string, nowMs: number): number {
    const failures = this.failures(key);
    this.#failures.set(key, failures + 1);
    return this.#wait(failures, nowMs);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Takes over what was counted elsewhere, except for keys that have failed here since. */
  restore(failures: ReadonlyMap<string, number>): void {
    for (const [key, count] of failures) if (!this.#failures.has(key)) this.#failures.set(key, count);
  }

  clear(): void {
    this.#failures.clear();
  }
}

/** Without jitter, as in client-go: keys fail at moments of their own, and a bucket spreads those that do not. */
function waitOf(limiter: RateLimiter, nowMs: number): Wait {
  switch (limiter.kind) {
    case "item-exponential-failure":
      // 2 ** failures grows to Infinity, never to a wrong number, so the cap also holds after very many failures.
      return (failures) => Math.min(limiter.baseDelayMs * 2 ** failures, limiter.maxDelayMs);
    case "item-fixed":
      return () => limiter.delayMs;
    case "item-fast-slow":
      return (failures) => (failures < limiter.maxFastAttempts ? limiter.fastDelayMs : limiter.slowDelayMs);
    case "bucket": {
      const bucket = new TokenBucket(limiter, nowMs);
      return (_, atMs) => bucket.take(atMs);
    }
    case "max-of": {
      const waits = limiter.limiters.map((one) => waitOf(one, nowMs));
      // Each of them is asked, also where one says more: a bucket counts every retry.
      return (failures, atMs) => Math.max(...waits.map((wait) => wait(failures, atMs)));
    }
    default:
      return limiter satisfies never;
  }
}
