import type { Clock, Timer } from "../runtime/clock.ts";
import type { WatchdogSlot } from "../runtime/watchdog.ts";
import type { Gate } from "./term.ts";

export interface OverrunGuardOptions {
  readonly clock: Clock;
  /** Q: how long work may still run after its gate closed by time. */
  readonly quiesceMs: number;
  /** Watches from a thread of its own, for work that never yields. */
  readonly slot: WatchdogSlot;
  /** Work outlived its validity and the quiesce time. */
  overrun(): void;
}

/** Stands over running work: by the deadline of its gate plus the quiesce time it must have ended. */
export class OverrunGuard {
  readonly #options: OverrunGuardOptions;
  #timer: Timer | undefined;

  constructor(options: OverrunGuardOptions) {
    this.#options = options;
  }

  /** Work runs under `gate`; called again whenever the gate's deadline has moved. */
  watch(gate: Gate): void {
    this.rest();
    if (gate.deadlineMs === Number.POSITIVE_INFINITY) return;
    const { clock, quiesceMs, slot } = this.#options;
    const remainingMs = gate.remainingMs() + quiesceMs;
    slot.arm(remainingMs);
    this.#timer = clock.timer(Math.max(1, remainingMs), () => {
      if (gate.remainingMs() + quiesceMs > 0) this.watch(gate);
      else this.#options.overrun();
    });
  }

  /** Nothing runs any more. */
  rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#options.slot.disarm();
  }
}
