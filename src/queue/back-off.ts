export interface BackOffSettings {
  /** Delay after the first failure, in milliseconds. */
  readonly baseMs: number;
  /** No delay is longer, in milliseconds. */
  readonly maxMs: number;
}

/** client-go's defaults: 5 ms, doubled at each failure, up to 1,000 s. */
export const DEFAULT_BACK_OFF: BackOffSettings = { baseMs: 5, maxMs: 1_000_000 };

/**
 * Exponential back-off per key: `base * 2^failures`, capped. Without jitter, as in client-go: keys fail at moments of
 * their own, and the token bucket spreads those that do not.
 */
export class BackOff {
  readonly #settings: BackOffSettings;
  readonly #failures = new Map<string, number>();

  constructor(settings: BackOffSettings) {
    this.#settings = settings;
  }

  /** Counts one more failure of `key` and says how long to wait after it. */
  next(key: string): number {
    const failures = this.failures(key);
    this.#failures.set(key, failures + 1);
    // 2 ** failures grows to Infinity, never to a wrong number, so the cap also holds after very many failures.
    return Math.min(this.#settings.baseMs * 2 ** failures, this.#settings.maxMs);
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
