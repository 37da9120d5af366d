import { setImmediate } from "node:timers/promises";
import type { Clock, Timer } from "../../src/runtime/clock.ts";

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that moves only when told to. Both clocks start at fixed values and run at the same rate until a test says
 * otherwise; promises that were resolved are followed to their end between two timers.
 */
export class VirtualClock implements Clock {
  #monotonicMs = 1_000;
  #wallOffsetMs: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(wallMs = Date.UTC(2026, 0, 1)) {
    this.#wallOffsetMs = wallMs - this.#monotonicMs;
  }

  wallMs(): number {
    return this.#monotonicMs + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  monotonicNs(): bigint {
    return BigInt(Math.round(this.#monotonicMs * 1e6));
  }

  timer(delayMs: number, callback: () => void): Timer {
    const pending: Pending = { dueMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** Sets the wall clock forward or back, as an operator or NTP would. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Lets promises run, then fires every timer due within `ms`, in order, each followed by the promises it resolved. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#monotonicMs + ms;
    await setImmediate();
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#monotonicMs = Math.max(this.#monotonicMs, next.dueMs);
      this.#pending.delete(next);
      next.callback();
      await setImmediate();
    }
    this.#monotonicMs = untilMs;
  }

  #next(untilMs: number): Pending | undefined {
    let next: Pending | undefined;
    for (const pending of this.#pending) {
      if (pending.dueMs > untilMs) continue;
      if (
        next === undefined ||
        pending.dueMs < next.dueMs ||
        (pending.dueMs === next.dueMs && pending.order < next.order)
      ) {
        next = pending;
      }
    }
    return next;
  }
}
