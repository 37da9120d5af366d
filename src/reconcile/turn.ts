import { type Clock, sleep, type Timer } from "../runtime/clock.ts";

/** How long workers may go on without the event loop having turned, in milliseconds. */
const LONGEST_TURN_MS = 10;

/**
 * Lets the event loop turn. Handlers that never wait for I/O would otherwise run one after the other in a single turn:
 * 100,000 keys of a promoted shard would starve the timers and sockets that keep its Lease.
 *
 * A timer that is armed at the first dequeue of a turn fires in the next one; if it has not fired after
 * `LONGEST_TURN_MS`, the loop has not turned, and the worker waits until it does. Handlers that do wait pay one timer per turn.
 */
export class Turn {
  readonly #clock: Clock;
  #began: { readonly atMs: number; readonly timer: Timer } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `undefined` when the caller may go on, else a promise to wait for. */
  next(): Promise<void> | undefined {
    if (this.#began === undefined) {
      const timer = this.#clock.timer(0, () => {
        this.#began = undefined;
      });
      this.#began = { atMs: this.#clock.monotonicMs(), timer };
      return undefined;
    }
    return this.#clock.monotonicMs() - this.#began.atMs < LONGEST_TURN_MS ? undefined : sleep(this.#clock, 0);
  }

  /** Leaves no timer behind. */
  end(): void {
    this.#began?.timer.cancel();
    this.#began = undefined;
  }
}
