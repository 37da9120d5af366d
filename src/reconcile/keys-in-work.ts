/** A handler that runs now. */
export interface KeyInWork {
  readonly key: string;
  readonly shard: string;
  readonly epoch: string;
  /** On the monotonic clock. */
  readonly startedMs: number;
}

/**
 * The keys of one shard whose handlers run, over all its terms: it outlives them, because a handler can. A new term asks it
 * before it runs a key, so that a handler abandoned by an older term never meets a second one for its key.
 *
 * Invariant: at most one handler per key, as every worker begins a key only when it is free and begins it in the same step.
 */
export class KeysInWork {
  readonly #running = new Map<string, KeyInWork>();
  readonly #waiting = new Map<string, (() => void)[]>();

  get size(): number {
    return this.#running.size;
  }

  has(key: string): boolean {
    return this.#running.has(key);
  }

  /** Every key in work, the longest first. */
  list(): readonly KeyInWork[] {
    return [...this.#running.values()];
  }

  begin(work: KeyInWork): void {
    this.#running.set(work.key, work);
  }

  /** Ends a piece of work and tells those who wait for its key. */
  end(work: KeyInWork): void {
    if (this.#running.get(work.key) !== work) return;
    this.#running.delete(work.key);
    const waiting = this.#waiting.get(work.key) ?? [];
    this.#waiting.delete(work.key);
    for (const tell of waiting) tell();
  }

  /** Calls `tell` once, when the handler of a key in work has ended. */
  whenFree(key: string, tell: () => void): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, [tell]);
    else waiting.push(tell);
  }
}
