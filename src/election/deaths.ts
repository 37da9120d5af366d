import { isHeld, type LeaseVersion } from "../lease/record.ts";
import { transferOf } from "../lease/transfer.ts";
import { type Departure, departureOf, goneFromMs, type Presence } from "../membership/departures.ts";
import type { Fencing } from "../membership/fencing.ts";

/** A Lease that somebody else holds. */
export interface HeldLease {
  readonly holder: string;
  /** It stands by its holder's member Lease; else by its own renewals. */
  readonly standsByMember: boolean;
  /** What the Lease itself declares: more than its holder does, if somebody with longer durations handed it over. */
  readonly declaredMs: number;
  /** The holder is certainly gone; `proven` when its Pod shows that it is dead. */
  readonly gone: (proven: boolean) => void;
}

export interface DeathsOptions {
  readonly coordinator: string;
  readonly leaseDurationMs: number;
  readonly presence: () => Presence;
  readonly fencing: Pick<Fencing, "look">;
  /** True for an identity whose Pod shows that it is dead. */
  readonly isProven: (identity: string) => boolean;
}

/** Sees to it that holders whose time is over are fenced, and says which of them are gone. */
export class Deaths {
  readonly #options: DeathsOptions;

  constructor(options: DeathsOptions) {
    this.#options = options;
  }

  /** Looks at every Lease that somebody else holds; answers when to look again, on the monotonic clock. */
  look(held: Iterable<HeldLease>, nowMs: number): number {
    const { coordinator, leaseDurationMs, presence, fencing, isProven } = this.#options;
    const departureBy = new Map<string, Departure>();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { holder, standsByMember, declaredMs, gone } of held) {
      if (!standsByMember) {
        if (isProven(holder)) gone(true);
        continue;
      }
      // A dead one is fenced all the same: nobody takes what stands by a member Lease that anybody may still believe in.
      const departure = departureBy.get(holder) ?? departureOf(coordinator, holder, presence());
      departureBy.set(holder, departure);
      const goneMs = goneFromMs(departure, declaredMs, leaseDurationMs);
      if (goneMs <= nowMs) gone(false);
      else nextMs = Math.min(nextMs, goneMs);
    }
    return Math.min(nextMs, fencing.look(new Set(departureBy.keys()), nowMs));
  }
}

/** Taken from a holder that neither handed it over nor let it go: by somebody's clock that holder's time was over. */
export function wasWaitedOut(before: LeaseVersion | undefined, now: LeaseVersion): before is LeaseVersion {
  if (before === undefined || !isHeld(before.record) || !isHeld(now.record)) return false;
  return before.record.holder !== now.record.holder && transferOf(now) === undefined;
}
