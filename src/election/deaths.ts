import { type Departure, departureOf, goneFromMs, type Presence } from "../membership/departures.ts";
import type { Fencing } from "../membership/fencing.ts";

/** A Lease whose holder stands by its member Lease. */
export interface StandsByMember {
  readonly holder: string;
  /** What the Lease itself declares: more than its holder does, if somebody with longer durations handed it over. */
  readonly declaredMs: number;
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
    const departureBy = new Map<string, Departure>();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { holder, declaredMs, gone } of standing) {
      const departure = departureBy.get(holder) ?? departureOf(coordinator, holder, presence());
      departureBy.set(holder, departure);
      const goneMs = goneFromMs(departure, declaredMs, leaseDurationMs);
      if (goneMs <= nowMs) gone();
      else nextMs = Math.min(nextMs, goneMs);
    }
    return Math.min(nextMs, fencing.look(new Set(departureBy.keys()), nowMs));
  }
}
