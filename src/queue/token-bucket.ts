export interface TokenBucketSettings {
  /** Tokens that come back per second. */
  readonly perSecond: number;
  /** The most tokens that are kept, and the number at the start. */
  readonly burst: number;
}

/**
 * Overall rate limit of a queue's retries. A token is always taken; when none is left it is borrowed from the future, and
 * the borrower waits until it would have come: so the n-th of many retries waits n / `perSecond`, in order.
 */
export class TokenBucket {
  readonly #settings: TokenBucketSettings;
  #tokens: number;
  #countedMs: number;

  constructor(settings: TokenBucketSettings, nowMs: number) {
    this.#settings = settings;
    this.#tokens = settings.burst;
    this.#countedMs = nowMs;
  }

  /** Takes one token and says how long its taker must wait, in milliseconds. */
  take(nowMs: number): number {
    const { perSecond, burst } = this.#settings;
    const refilled = this.#tokens + ((nowMs - this.#countedMs) * perSecond) / 1000;
    this.#countedMs = nowMs;
    this.#tokens = Math.min(burst, refilled) - 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens * 1000) / perSecond;
  }
}
