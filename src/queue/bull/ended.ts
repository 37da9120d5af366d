import type { Clock, Timer } from "../../runtime/clock.ts";
import type { EndedWork } from "./state.ts";

/** How long the word of ended work waits for a claim to take it along. */
const PATIENCE_MS = 50;

/** Work that has ended and of which Redis need not know at once: the next claim tells it for nothing, else `flush` is called soon. */
export class Ended {
  readonly #clock: Clock;
  readonly #flush: () => void;
  readonly #works = new Map<string, string>();
  #timer: Timer | undefined;

  constructor(clock: Clock, flush: () => void) {
    this.#clock = clock;
    this.#flush = flush;
  }

  get size(): number {
    return this.#works.size;
  }

  has(key: string): boolean {
    return this.#works.has(key);
  }

  add({ key, token }: EndedWork): void {
    this.#works.set(key, token);
    this.#timer ??= this.#clock.timer(PATIENCE_MS, this.#flush);
  }

  /** All of it; nothing is left. */
  take(): EndedWork[] {
    this.#timer?.cancel();
    this.#timer = undefined;
    const works = [...this.#works].map(([key, token]) => ({ key, token }));
    this.#works.clear();
    return works;
  }
}
