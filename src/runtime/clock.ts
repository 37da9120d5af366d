/**
 * Time as an argument. Everything in this project that reads a clock or sets a timer does it through a {@link Clock},
 * so that the same code runs in production and, under virtual time, in the simulator.
 */

/** A pending timer; `cancel` is idempotent and a cancelled timer never fires. */
export interface Timer {
  cancel(): void;
}

/** Both clocks of one process, and its timers. */
export interface Clock {
  /** Unix time in milliseconds. It may jump in both directions. */
  wallMs(): number;
  /** Milliseconds on a clock that never goes back, from an unspecified origin. It stops while the machine is suspended. */
  monotonicMs(): number;
  /** Nanoseconds of CLOCK_MONOTONIC, which all processes of a Linux machine share; only for log lines. */
  monotonicNs(): bigint;
  /** Calls `callback` once, at least `delayMs` from now on the monotonic clock. A throw in it is the caller's fault and ends the process. */
  timer(delayMs: number, callback: () => void): Timer;
}

/**
 * Resolves after `delayMs`, or rejects with the signal's reason as soon as `signal` aborts.
 * Neither a timer nor a listener outlives it.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.timer(delayMs, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** The longest delay that Node's timers keep (2^31 - 1 ms, 24.8 days); a longer one would fire at once. */
const LONGEST_DELAY_MS = 2_147_483_647;

/** The clocks of this process. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  monotonicNs: () => process.hrtime.bigint(),
  timer(delayMs, callback) {
    const dueMs = performance.now() + delayMs;
    let handle: NodeJS.Timeout;
    // Node cuts delays to whole milliseconds and counts them from a loop time of whole milliseconds, so that more than half of
    // all timers fire up to 2 ms early: too early for whoever compares the time then and waits for nothing else.
    const wait = (): void => {
      const remainingMs = Math.max(0, dueMs - performance.now());
      handle = setTimeout(fire, Math.min(Math.ceil(remainingMs), LONGEST_DELAY_MS));
    };
    const fire = (): void => (performance.now() < dueMs ? wait() : callback());
    wait();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** How far a precise reading may be from the wall clock before it is set to it again, in milliseconds. */
const MOST_DRIFT_MS = 2;

/**
 * A reader of Unix milliseconds with a microsecond fraction, for log lines that are compared with each other: the
 * monotonic clock moved by an offset, which is taken anew whenever the wall clock was set or has drifted away.
 */
export function preciseWall(clock: Clock): () => number {
  let offsetMs = clock === systemClock ? performance.timeOrigin : clock.wallMs() - clock.monotonicMs();
  return () => {
    const wallMs = clock.wallMs();
    const monotonicMs = clock.monotonicMs();
    if (Math.abs(monotonicMs + offsetMs - wallMs) > MOST_DRIFT_MS) offsetMs = wallMs - monotonicMs;
    return Math.round((monotonicMs + offsetMs) * 1000) / 1000;
  };
}
