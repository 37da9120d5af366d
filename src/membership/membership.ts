import { compareResourceVersions, isResourceVersion } from "../kube/resource-version.ts";
import { type LeaseRecord, type LeaseVersion, sameRecord } from "../lease/record.ts";

/**
 * Our own member Lease as data: whether this identity lives, and since when it is known to.
 *
 * With per-member renewal every shard that names us stands and falls with it, so that it is judged as strictly as a shard Lease. Promises:
 * - it lives by writes of ours alone: a version that is none of them, of another uid, fenced, edited or gone ends the identity for good;
 * - a write counts once its own event has come back by the list+watch that shows shard Leases too, from when it was *sent*. Until then a
 *   stalled watch could hide that a shard was taken from us.
 */
export interface Membership {
  readonly phase: "outside" | "joining" | "member" | "dead";
  /** Newest version known, on which the next write is built. */
  readonly version: LeaseVersion | undefined;
  /** The write that made `version`. */
  readonly madeBy: MemberWrite | undefined;
  /** Writes whose event has not come back and may still do so, oldest first. */
  readonly sent: readonly MemberWrite[];
  /** Newest write whose event has come back. */
  readonly echoed: MemberWrite | undefined;
  /** Why the identity has ended; empty while it has not. */
  readonly cause: string;
}

export interface MemberWrite {
  /** Empty for the creation. */
  readonly uid: string;
  readonly record: LeaseRecord;
  /** Gate clock, as the beginning of a measured time. */
  readonly sentMs: number;
}

export const OUTSIDE: Membership = {
  phase: "outside",
  version: undefined,
  madeBy: undefined,
  sent: [],
  echoed: undefined,
  cause: "",
};

/** More answers in a row than any renew deadline lets be lost. */
const MOST_SENT = 16;

export function noteSent(membership: Membership, write: MemberWrite): Membership {
  const phase = membership.phase === "outside" ? "joining" : membership.phase;
  return { ...membership, phase, sent: [...membership.sent, write].slice(-MOST_SENT) };
}

/** The API server refused the creation: nothing was made, and the same identity may try again. */
export function noteRefused(membership: Membership): Membership {
  return membership.phase === "joining" && membership.version === undefined ? OUTSIDE : membership;
}

/**
 * A version of our member Lease: an answer to a write or a read, or the list+watch. Of two that came in the wrong order only the newer
 * one says how things are.
 */
export function noteVersion(membership: Membership, version: LeaseVersion, channel: "answer" | "feed"): Membership {
  if (membership.phase === "outside") return membership;
  if (membership.phase === "dead") {
    const isOld =
      membership.version !== undefined && isOlder(version.resourceVersion, membership.version.resourceVersion);
    return isOld ? membership : { ...membership, version };
  }
  if (!isResourceVersion(version.resourceVersion)) return died(membership, "its resourceVersion has no order");
  const known = membership.version;
  const write = membership.sent.find((sent) => made(sent, version));
  if (known !== undefined && compareResourceVersions(version.resourceVersion, known.resourceVersion) <= 0) {
    return channel === "feed" && write !== undefined ? echo(membership, write) : membership;
  }
  if (known !== undefined && known.uid !== version.uid) return died(membership, "it was deleted and made again");
  const sameWrite = known !== undefined && sameRecord(known.record, version.record);
  const madeBy = sameWrite ? membership.madeBy : write;
  if (madeBy === undefined) return died({ ...membership, version }, "it was edited or fenced");
  const next: Membership = { ...membership, phase: "member", version, madeBy };
  return channel === "feed" ? echo(next, madeBy) : next;
}

/**
 * The list+watch, at `resourceVersion`, shows that our member Lease is not there. A creation that is on its way may still arrive, and
 * one that was answered may be newer than what is shown.
 */
export function noteAbsent(membership: Membership, resourceVersion: string): Membership {
  const { version } = membership;
  if (version !== undefined && isOlder(resourceVersion, version.resourceVersion)) return membership;
  if (membership.phase === "dead") return { ...membership, version: undefined };
  return membership.phase === "member" ? died({ ...membership, version: undefined }, "it was deleted") : membership;
}

/** A read or an update found no member Lease of ours. What was sent to make one may still arrive: nobody can tell any more. */
export function noteMissing(membership: Membership): Membership {
  if (membership.phase === "outside") return membership;
  const cause = membership.phase === "joining" ? "nobody knows whether it was made" : "it was deleted";
  return died({ ...membership, version: undefined }, cause);
}

/** On the gate clock: until when Leases stand that name us and are kept alive by our member Lease. */
export function memberValidUntilMs({ phase, echoed }: Membership, renewDeadlineMs: number): number {
  return phase === "member" && echoed !== undefined ? echoed.sentMs + renewDeadlineMs : Number.NEGATIVE_INFINITY;
}

function isOlder(one: string, other: string): boolean {
  return isResourceVersion(one) && isResourceVersion(other) && compareResourceVersions(one, other) < 0;
}

function died(membership: Membership, cause: string): Membership {
  return { ...membership, phase: "dead", sent: [], cause: membership.cause || cause };
}

function echo(membership: Membership, write: MemberWrite): Membership {
  // What was sent before it was applied before it, or never will be.
  const index = membership.sent.indexOf(write);
  const newest =
    membership.echoed === undefined || write.sentMs >= membership.echoed.sentMs ? write : membership.echoed;
  return { ...membership, echoed: newest, sent: membership.sent.slice(index + 1) };
}

function made(write: MemberWrite, version: LeaseVersion): boolean {
  return (
    (write.uid === "" || write.uid === version.uid) &&
    write.record.holder === version.record.holder &&
    write.record.transitions === version.record.transitions &&
    write.record.renewTime === version.record.renewTime
  );
}
