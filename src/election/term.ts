import type { GateClock } from "../runtime/gate-clock.ts";

/**
 * One unbroken ownership of a shard. Everything that works for the shard belongs to its term and dies with it: nobody asks
 * "am I the leader?", everybody compares the gate of the term that was handed to them.
 */
export class Term {
  readonly shard: string;
  readonly epoch: string;
  readonly gate: Gate;
  /** Made when somebody asks for its signal: a shard with nothing to do has no handler that would. */
  #abort: AbortController | undefined;
  #reason: Error | undefined;

  constructor(shard: string, epoch: string, gate: Gate) {
    this.shard = shard;
    this.epoch = epoch;
    this.gate = gate;
  }

  /** Aborts when work must stop: the term was lost, or its drain took too long. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#reason !== undefined) this.#abort.abort(this.#reason);
    }
    return this.#abort.signal;
  }

  /** Tells work to stop although the term may still be valid. */
  abort(reason: Error): void {
    this.#reason ??= reason;
    this.#abort?.abort(reason);
  }

  /** The term is over: no write passes any more, and work is told to stop. */
  end(reason: Error): void {
    this.gate.end();
    this.abort(reason);
  }
}

type Admission = "open" | "draining" | "ended";

/**
 * The deadline that says whether this process may act for a shard now. It is compared at every dequeue and before every
 * write; nothing remembers the result.
 */
export class Gate {
  readonly #clock: GateClock;
  #deadlineMs: number;
  #admission: Admission = "open";
  #moved: readonly (() => void)[] = [];

  constructor(clock: GateClock, deadlineMs: number) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
  }

  /** Gate clock: when the newest acknowledged renewal stops being enough. Infinite without leader election. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /**
   * An acknowledged renewal moves the deadline on, and a write that may change how the Lease is kept alive may move it back until it is
   * answered; an ended gate stays shut.
   */
  moveTo(deadlineMs: number): void {
    if (deadlineMs === this.#deadlineMs) return;
    this.#deadlineMs = deadlineMs;
    for (const tell of this.#moved) tell();
  }

  /** Calls `moved` after each move of the deadline, for what else hangs on the deadline. */
  whenMoved(moved: () => void): void {
    this.#moved = [...this.#moved, moved];
  }

  /** True while a key may be taken into work now. */
  admits(): boolean {
    return this.#admission === "open" && this.remainingMs() > 0;
  }

  /** True while work that has begun may write now: also during a drain, when the Lease is still renewed for it. */
  permitsWrite(): boolean {
    return this.#admission !== "ended" && this.remainingMs() > 0;
  }

  /** True once no new key is taken although the term goes on. */
  get isDraining(): boolean {
    return this.#admission === "draining";
  }

  remainingMs(): number {
    return this.#deadlineMs - this.#clock.latestMs();
  }

  drain(): void {
    if (this.#admission === "open") this.#admission = "draining";
  }

  end(): void {
    this.#admission = "ended";
  }
}
