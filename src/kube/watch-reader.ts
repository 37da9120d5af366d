import type { Clock, Timer } from "../runtime/clock.ts";

/**
 * Reads the lines of one watch, and stops waiting for the next one when told to or when the line has been silent too long.
 *
 * Promises: a line is pulled only when it is asked for, so a slow consumer slows the server down instead of filling memory;
 * the limit on silence counts only while we wait; neither timers nor reads are waited for after `interrupt`.
 */

/** What came of waiting for a line. */
export type Reading =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "end" }
  | { readonly kind: "silent" }
  | { readonly kind: "interrupted" }
  | { readonly kind: "cut"; readonly error: unknown };

/** One watch, read line by line. */
export class WatchReader {
  readonly #lines: AsyncIterator<string>;
  readonly #clock: Clock;
  readonly #idleLimitMs: number;
  /** Settles the read that is waited for; undefined while none is. */
  #settle: ((reading: Reading) => void) | undefined;
  #interrupted = false;

  constructor(lines: AsyncIterable<string>, clock: Clock, idleLimitMs: number) {
    this.#lines = lines[Symbol.asyncIterator]();
    this.#clock = clock;
    this.#idleLimitMs = idleLimitMs;
  }

  /** One at a time. */
  next(): Promise<Reading> {
    if (this.#interrupted) return Promise.resolve({ kind: "interrupted" });
    return new Promise((resolve) => {
      let idle: Timer | undefined;
      const settle = (reading: Reading): void => {
        if (this.#settle !== settle) return;
        this.#settle = undefined;
        idle?.cancel();
        resolve(reading);
      };
      this.#settle = settle;
      idle = this.#clock.timer(this.#idleLimitMs, () => settle({ kind: "silent" }));
      this.#lines.next().then(
        (result) => settle(result.done === true ? { kind: "end" } : { kind: "line", text: result.value }),
        (error: unknown) => settle({ kind: "cut", error }),
      );
    });
  }

  /** Ends the wait for a line now, and every later one. The caller closes the connection by the signal of its request. */
  interrupt(): void {
    this.#interrupted = true;
    this.#settle?.({ kind: "interrupted" });
  }

  /** Lets go of the lines; a read that is still under way ends with its connection. */
  leave(): void {
    const left = this.#lines.return?.();
    left?.then(undefined, () => {});
  }
}
