import { isHeld, isRelease, type LeaseVersion, sameRecord } from "../lease/record.ts";
import { renewalOf } from "../lease/renewal.ts";
import { transferOf } from "../lease/transfer.ts";

/**
 * What one replica has seen of one Lease, and from when on it may be taken.
 *
 * Expiry counts on our own monotonic clock from when the change was seen, for the duration that the holder declared. Promises:
 * - free at once is only a release; any other empty or changed record is waited out for max(declared, declared before, own L);
 * - a holder that appears where another one may still act raises an embargo, which no later change, not even a release, shortens;
 * - a missing Lease is an embargo from when its absence was seen, anew at each relist: it forbids opening, not only creating;
 * - a holder that stands by its member Lease holds for as long as it is not known to be gone, however old the record is. Whether a
 *   Lease is such a one is what its mark says, and a mark that changes is waited out like a record that changes.
 */
export interface Observation {
  readonly sight: Sight;
  /** Monotonic. The record in sight is waited out until then; a renewal moves it on. */
  readonly heldUntilMs: number;
  /** The holder in sight stands by its member Lease, and nobody knows yet that it is gone: see {@link observeGone}. */
  readonly standsByMember: boolean;
  /** Monotonic. Somebody who is in no record any more may act until then. */
  readonly embargoUntilMs: number;
}

export type Sight =
  /** No list has been complete yet. */
  | { readonly type: "unseen" }
  /** `firstInstall`: the first list showed no Lease of this coordinator at all, so there is nobody to wait for. */
  | { readonly type: "absent"; readonly firstInstall: boolean; readonly channel: Channel }
  | { readonly type: "present"; readonly version: LeaseVersion };

/** How a version came to us. Only the watch shows every version; anything else may have jumped over some. */
export type Channel = "watch" | "list" | "read";

export const UNSEEN: Observation = {
  sight: { type: "unseen" },
  heldUntilMs: 0,
  standsByMember: false,
  embargoUntilMs: 0,
};

/** It is dead, by proof: what it holds by renewals of its own is waited for no longer. */
export function observeDeath(before: Observation, monotonicMs: number): Observation {
  return { ...before, heldUntilMs: Math.min(before.heldUntilMs, monotonicMs) };
}

export interface Arrival {
  readonly channel: Channel;
  readonly monotonicMs: number;
  /** Who looks: a version that names us stands by nobody else's word. */
  readonly identity: string;
  /** Own lease duration L. */
  readonly leaseDurationMs: number;
  /** How long an absence is waited out: the longest of own L and what live members declare. */
  readonly absenceMs: number;
}

/** The Lease is not there, as a complete list or a deletion on the watch showed. */
export function observeAbsence(firstInstall: boolean, arrival: Arrival): Observation {
  const { monotonicMs, absenceMs, channel } = arrival;
  const sight: Sight = { type: "absent", firstInstall, channel };
  return { sight, heldUntilMs: monotonicMs, standsByMember: false, embargoUntilMs: monotonicMs + absenceMs };
}

/** The holder in sight is certainly gone: what is left to wait for is the record's own change, if that was lately. */
export function observeGone(before: Observation): Observation {
  return { ...before, standsByMember: false };
}

/**
 * A version that is newer than the one in sight and that this replica did not write. Calling it for our own writes would
 * only be slow, never wrong.
 */
export function observeVersion(before: Observation, version: LeaseVersion, arrival: Arrival): Observation {
  const sight: Sight = { type: "present", version };
  const nowMs = arrival.monotonicMs;
  const { record } = version;
  const standsByMember = isHeld(record) && renewalOf(version) === "per-member" && record.holder !== arrival.identity;

  if (before.sight.type !== "present") {
    const heldUntilMs = isRelease(record) ? nowMs : nowMs + Math.max(record.durationMs, arrival.leaseDurationMs);
    // A relist that finds what was missing before: others may have been made and deleted in between.
    const relisted = before.sight.type === "absent" && arrival.channel === "list";
    const embargoUntilMs = Math.max(before.embargoUntilMs, relisted ? nowMs + arrival.absenceMs : 0);
    return { sight, heldUntilMs, standsByMember, embargoUntilMs };
  }

  const known = before.sight.version;
  const waitMs = Math.max(record.durationMs, known.record.durationMs, arrival.leaseDurationMs);
  if (version.uid !== known.uid) {
    // Deleted and made again while we could not look: both the missing Lease and the new record are waited out.
    return { sight, standsByMember, ...embargo(before, nowMs + Math.max(waitMs, arrival.absenceMs)) };
  }
  if (sameRecord(record, known.record))
    return observeMetadata(before, known, { sight, standsByMember }, nowMs + waitMs);

  const sameTransitions = record.transitions === known.record.transitions;
  if (isRelease(record)) {
    const byItsHolder = isHeld(known.record) && sameTransitions;
    if (byItsHolder || isRelease(known.record)) return { ...before, sight, standsByMember, heldUntilMs: nowMs };
    return { sight, standsByMember, ...embargo(before, nowMs + waitMs) };
  }
  if (!isHeld(record)) return { sight, standsByMember, ...embargo(before, nowMs + waitMs) };

  const heldUntilMs = Math.max(before.heldUntilMs, nowMs + waitMs);
  const renewal = record.holder === known.record.holder && sameTransitions;
  // Who handed over had ended its work, and nobody was named between the version that it replaced and this one.
  const handedOver = transferOf(version)?.replaced === known.resourceVersion;
  if (renewal || handedOver) return { ...before, sight, standsByMember, heldUntilMs };
  const changedOnce = record.transitions === known.record.transitions + 1;
  if (isRelease(known.record) && (arrival.channel === "watch" || changedOnce)) {
    return { ...before, sight, standsByMember, heldUntilMs };
  }
  // The watch jumps over nothing: whoever was named before this version cannot act longer than was counted for him. What
  // came otherwise may have jumped over somebody who was named in between, and counts from now.
  const counted = arrival.channel === "watch" && !before.standsByMember;
  const othersUntilMs = counted ? takeableFromMs(before) : nowMs + waitMs;
  return { sight, standsByMember, heldUntilMs, embargoUntilMs: Math.max(before.embargoUntilMs, othersUntilMs) };
}

/** Nothing but metadata is new. The mark is metadata too, but a holder learns of a change of it only when it sees it. */
function observeMetadata(
  before: Observation,
  known: LeaseVersion,
  now: { readonly sight: Extract<Sight, { type: "present" }>; readonly standsByMember: boolean },
  untilMs: number,
): Observation {
  if (renewalOf(known) === renewalOf(now.sight.version)) return { ...before, sight: now.sight };
  return { ...before, ...now, heldUntilMs: Math.max(before.heldUntilMs, untilMs) };
}

function embargo(before: Observation, untilMs: number): { heldUntilMs: number; embargoUntilMs: number } {
  const latestMs = Math.max(before.heldUntilMs, before.embargoUntilMs, untilMs);
  return { heldUntilMs: latestMs, embargoUntilMs: latestMs };
}

/** Monotonic time from which on the Lease may be taken and its shard opened. */
export function takeableFromMs(observation: Observation): number {
  const { sight, heldUntilMs, standsByMember, embargoUntilMs } = observation;
  if (standsByMember) return Number.POSITIVE_INFINITY;
  switch (sight.type) {
    case "unseen":
      return Number.POSITIVE_INFINITY;
    case "absent":
      return sight.firstInstall ? heldUntilMs : embargoUntilMs;
    case "present":
      return Math.max(heldUntilMs, embargoUntilMs);
    default:
      return sight satisfies never;
  }
}

/** True while the holder in sight, if there is one, may still act. */
export function isHeldNow(observation: Observation, monotonicMs: number): boolean {
  return (
    observation.sight.type === "present" &&
    isHeld(observation.sight.version.record) &&
    monotonicMs < takeableFromMs(observation)
  );
}
