import { goneFromMs, type Presence } from "../membership/departures.ts";
import type { Fencing } from "../membership/fencing.ts";

/** A Lease whose holder stands by its member Lease. */
export interface StandsByMember {
  readonly holder: string;
  /** The holder is certainly gone. */
  readonly gone: () => void;
}

export interface DeathsOptions {
  readonly coordinator: string;
  readonly leaseDurationMs: number;
  readonly presence: () => Presence;
  readonly fencing: Pick<Fencing, "look">;
}

/** Sees to it that holders whose time is over are fenced, and says which of them are gone. */
export class Deaths {
  readonly #options: DeathsOptions;

  constructor(options: DeathsOptions) {
    this.#options = options;
  }

  /** Looks at every Lease that stands by a member; answers when to look again, on the monotonic clock. */
  look(standing: Iterable<StandsByMember>, nowMs: number): number {
    const { coordinator, leaseDurationMs, presence, fencing } = this.#options;
    const fromMs = new Map<string, number>();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { holder, gone } of standing) {
      const knownMs = fromMs.get(holder);
      const goneMs = knownMs ?? goneFromMs(coordinator, holder, presence(), leaseDurationMs);
      if (knownMs === undefined) fromMs.set(holder, goneMs);
      if (goneMs <= nowMs) gone();
      else nextMs = Math.min(nextMs, goneMs);
    }
    return Math.min(nextMs, fencing.look(new Set(fromMs.keys()), nowMs));
  }
}
