import type { Term } from "./term.ts";

/**
 * Terms for those who iterate over them. Who iterates gets the term that stands, and each new one; while it is at one it is part of the
 * work, so that a Lease is not given up under the body of its loop.
 */
export class TermQueue {
  readonly #consumers = new Set<Consumer>();
  #term: Term | undefined;
  #isClosed = false;

  /** Hands `term` to everybody who waits, now and while it stands; resolves when it is over and all who took it are through with it. */
  async give(term: Term): Promise<void> {
    this.#term = term;
    for (const consumer of this.#consumers) consumer.offer(term);
    await new Promise<void>((resolve) => {
      if (term.signal.aborted) resolve();
      else term.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    if (this.#term === term) this.#term = undefined;
    await Promise.all([...this.#consumers].map((consumer) => consumer.through));
  }

  /** No term comes any more: every loop ends. */
  close(): void {
    this.#isClosed = true;
    for (const consumer of this.#consumers) consumer.close();
  }

  async *iterate(): AsyncGenerator<Term, void> {
    const consumer = new Consumer();
    this.#consumers.add(consumer);
    try {
      for (;;) {
        const next = consumer.next();
        if (this.#isClosed) consumer.close();
        else if (this.#term?.signal.aborted === false) consumer.offer(this.#term);
        const term = await next;
        if (term === undefined) return;
        yield term;
      }
    } finally {
      this.#consumers.delete(consumer);
      consumer.close();
    }
  }
}

/** One loop over terms. */
class Consumer {
  #waiting: ((term: Term | undefined) => void) | undefined;
  #last: Term | undefined;
  #leave: () => void = () => {};
  /** Resolves when the body of the loop has left the term that it is at. */
  through: Promise<void> = Promise.resolve();

  /** Leaves the last term and waits for another; `undefined` when none comes any more. */
  next(): Promise<Term | undefined> {
    this.#leave();
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  offer(term: Term): void {
    if (this.#waiting === undefined || term === this.#last) return;
    // At once, not when the loop goes on: whoever ends the term in between must wait for it already.
    const { promise, resolve } = Promise.withResolvers<void>();
    this.through = promise;
    this.#leave = resolve;
    this.#last = term;
    this.#waiting(term);
    this.#waiting = undefined;
  }

  close(): void {
    this.#leave();
    this.#waiting?.(undefined);
  }
}
