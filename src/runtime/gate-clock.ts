import { type Clock, sleep } from "./clock.ts";

/** Steps are committed this far apart; committing more often would count the wall clock's whole-millisecond ticks twice. */
const COMMIT_EVERY_MS = 100;

/**
 * Elapsed time that never runs slower than the monotonic or the wall clock, for deadlines that must not be missed.
 *
 * A suspended machine stops the monotonic clock and a wall clock may be set back; neither may keep a gate open. So time is the
 * sum of max(monotonic step, wall step, 0) over steps of at least 100 ms. Between two commits the two clocks may
 * disagree by less than such a step, and a moment is then an interval: `earliestMs` is for the beginning of what is measured,
 * `latestMs` for its end, so that latest - earliest is never less than what either clock counted between the two.
 */
export class GateClock {
  readonly #clock: Clock;
  #committedMs = 0;
  #monotonicMs: number;
  #wallMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#monotonicMs = clock.monotonicMs();
    this.#wallMs = clock.wallMs();
  }

  /** Now as the end of a measured time: what a deadline is compared with. */
  latestMs(): number {
    const { monotonicStepMs, wallStepMs } = this.#steps();
    return this.#committedMs + Math.max(monotonicStepMs, wallStepMs, 0);
  }

  /** Now as the beginning of a measured time: what validity counts from. */
  earliestMs(): number {
    const { monotonicStepMs, wallStepMs } = this.#steps();
    return this.#committedMs + Math.min(monotonicStepMs, wallStepMs);
  }

  /** Steps of both clocks since the last commit; commits when they are long enough, or when the clocks parted (a jump, a suspend). */
  #steps(): { readonly monotonicStepMs: number; readonly wallStepMs: number } {
    const monotonicMs = this.#clock.monotonicMs();
    const wallMs = this.#clock.wallMs();
    const monotonicStepMs = monotonicMs - this.#monotonicMs;
    const wallStepMs = wallMs - this.#wallMs;
    const longest = Math.max(monotonicStepMs, wallStepMs, 0);
    if (longest < COMMIT_EVERY_MS && wallStepMs > -COMMIT_EVERY_MS) return { monotonicStepMs, wallStepMs };
    this.#committedMs += longest;
    this.#monotonicMs = monotonicMs;
    this.#wallMs = wallMs;
    return { monotonicStepMs: 0, wallStepMs: 0 };
  }
}

const SAMPLE_EVERY_MS = 100;

/**
 * A wall clock that is set back and a machine that is suspended before anybody looked would cancel each other out: somebody
 * looks often enough, whether or not there is work. Ends by a rejection when `signal` aborts.
 */
export async function sampleClocks(clock: Clock, gateClock: GateClock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(clock, SAMPLE_EVERY_MS, signal);
    gateClock.latestMs();
  }
}

/** One moment on the scales that the protocol distinguishes. */
export interface Instant {
  /** For expiry: when a record was seen to change, and for how long that was. */
  readonly monotonicMs: number;
  /** For gates, as the beginning of a validity. */
  readonly earliestMs: number;
  /** For gates, as the moment that is compared with a deadline. */
  readonly latestMs: number;
  /** Only ever written into a Lease for people to read. */
  readonly wallMs: number;
}

export function instantOf(clock: Clock, gateClock: GateClock): Instant {
  return {
    monotonicMs: clock.monotonicMs(),
    earliestMs: gateClock.earliestMs(),
    latestMs: gateClock.latestMs(),
    wallMs: clock.wallMs(),
  };
}
