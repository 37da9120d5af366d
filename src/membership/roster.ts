import { compareResourceVersions, isResourceVersion } from "../kube/resource-version.ts";
import { isFenced } from "../lease/fence.ts";
import { type Intent, intentOf } from "../lease/intents.ts";
import {
  ANNOTATION_IDENTITY,
  ANNOTATION_PROTOCOL,
  ANNOTATION_RESOURCES,
  ANNOTATION_STATE,
  ANNOTATION_VERSION,
  ANNOTATION_WEIGHT,
  ANNOTATION_ZONE,
  isIdentity,
  isMemberLeaseOf,
  PROTOCOL,
} from "../lease/names.ts";
import { type LeaseVersion, sameRecord } from "../lease/record.ts";

/**
 * Who else is there, as this replica sees it: plain data and functions over it. A member is live while its Lease was seen
 * to change within the duration that it declares, counted on our own monotonic clock.
 */
export interface Member {
  readonly leaseName: string;
  readonly identity: string;
  readonly lease: LeaseVersion;
  /** What it says itself; see {@link planStateOf}. */
  readonly state: "ready" | "draining";
  /** What somebody asks of it. */
  readonly intent: Intent | undefined;
  /** Share of the load that it is to carry beside others, 1 or more. */
  readonly weight: number;
  /** Empty when it does not say. */
  readonly zone: string;
  /** Which release it runs, in any form; empty when it does not say. */
  readonly version: string;
  /** By the API server's clock, Unix milliseconds. */
  readonly createdAtMs: number;
  /** False for a member that speaks another major version of the protocol: it is live, and is left alone. */
  readonly understood: boolean;
  /** Resources whose first list it has complete, with its key map. */
  readonly resources: ReadonlyMap<string, string>;
  /** Monotonic; negative infinity once it is fenced. */
  readonly liveUntilMs: number;
  /** The longest that its Lease has declared: an edit that shortens it shortens nobody's wait. What is absurd counts for nothing. */
  readonly declaredMs: number;
  /** Monotonic: how long it may act by what was seen of its Lease so far. No later change moves that earlier. */
  readonly actsUntilMs: number;
  /** False while it is known from a list only and may have been dead for long. */
  readonly seenToChange: boolean;
}

/** By Lease name. */
export type Roster = ReadonlyMap<string, Member>;

/** No member means a Lease of more than this: it was written by hand, and the remedy is to delete the Lease. */
export const ABSURD_MS = 3_600_000;

export const EMPTY_ROSTER: Roster = new Map();

/** Takes a version of a member Lease in; the same roster when it says nothing new. */
export function observeMember(
  roster: Roster,
  version: LeaseVersion,
  channel: "watch" | "list",
  monotonicMs: number,
  leaseDurationMs: number,
): Roster {
  const known = roster.get(version.name);
  const { record } = version;
  if (known !== undefined && !isNewer(version, known.lease)) return roster;
  const changed = known !== undefined && !sameRecord(known.lease.record, record);
  const declaredMs = Math.max(record.durationMs, known?.lease.record.durationMs ?? 0) || leaseDurationMs;
  const member: Member = {
    leaseName: version.name,
    identity: identityOf(version, known),
    lease: version,
    state: version.annotations[ANNOTATION_STATE] === "draining" ? "draining" : "ready",
    intent: intentOf(version),
    weight: weightOf(version.annotations[ANNOTATION_WEIGHT]),
    zone: version.annotations[ANNOTATION_ZONE] ?? "",
    version: version.annotations[ANNOTATION_VERSION] ?? "",
    createdAtMs: createdAtMs(version),
    understood: version.annotations[ANNOTATION_PROTOCOL]?.split(".")[0] === PROTOCOL,
    // Most versions are renewals that say nothing new.
    resources:
      known !== undefined && known.lease.annotations[ANNOTATION_RESOURCES] === version.annotations[ANNOTATION_RESOURCES]
        ? known.resources
        : parseResources(version.annotations[ANNOTATION_RESOURCES]),
    liveUntilMs: isFenced(version)
      ? Number.NEGATIVE_INFINITY
      : known !== undefined && !changed
        ? known.liveUntilMs
        : monotonicMs + declaredMs,
    declaredMs: Math.max(known?.declaredMs ?? 0, record.durationMs <= ABSURD_MS ? record.durationMs : 0),
    actsUntilMs: Math.max(
      known?.actsUntilMs ?? 0,
      known !== undefined && !changed ? 0 : monotonicMs + Math.max(declaredMs, leaseDurationMs),
    ),
    seenToChange: channel === "watch" || changed || (known?.seenToChange ?? false),
  };
  return new Map(roster).set(version.name, member);
}

/**
 * The name of the Lease says whose it is, whatever somebody made of what it carries or copied from it: two members of one identity would
 * be one of which nobody knows what it holds. One that carries only another's is called by its name.
 */
function identityOf({ name, annotations, record }: LeaseVersion, known: Member | undefined): string {
  const said = annotations[ANNOTATION_IDENTITY] ?? record.holder;
  const own = [said, record.holder, known?.identity ?? ""].find((identity) => isMemberLeaseOf(name, identity));
  return own ?? (isIdentity(said) ? name : said);
}

function isNewer(version: LeaseVersion, known: LeaseVersion): boolean {
  if (!isResourceVersion(version.resourceVersion) || !isResourceVersion(known.resourceVersion)) return true;
  return compareResourceVersions(version.resourceVersion, known.resourceVersion) > 0;
}

export function forgetMember(roster: Roster, leaseName: string): Roster {
  if (!roster.has(leaseName)) return roster;
  const rest = new Map(roster);
  rest.delete(leaseName);
  return rest;
}

/** After a relist: members that are not in it are gone. */
export function keepMembers(roster: Roster, leaseNames: ReadonlySet<string>): Roster {
  return new Map([...roster].filter(([leaseName]) => leaseNames.has(leaseName)));
}

export function isLive(member: Member, monotonicMs: number): boolean {
  return monotonicMs < member.liveUntilMs;
}

/** True for one that was seen to renew lately: whoever died or was cut off a Lease duration ago was not. */
export function isFresh({ liveUntilMs, lease }: Pick<Member, "liveUntilMs" | "lease">, monotonicMs: number): boolean {
  return liveUntilMs - monotonicMs > lease.record.durationMs / 2;
}

/**
 * How the plan deals with it: a member that is asked to drain gives everything away, although it runs on. One whose Lease does not name
 * it any more was edited, and may be dead: it is waited for, but given nothing.
 */
export function planStateOf({
  state,
  intent,
  identity,
  lease,
}: Pick<Member, "state" | "intent" | "identity" | "lease">): "ready" | "cordoned" | "draining" {
  if (state === "draining" || intent === "drain") return "draining";
  return intent === "cordon" || lease.record.holder !== identity ? "cordoned" : "ready";
}

/** The member of that identity; asked for at every step of every shard, so that nothing is copied for it. */
export function memberOf(roster: Roster, identity: string): Member | undefined {
  for (const member of roster.values()) if (member.identity === identity) return member;
  return undefined;
}

export function liveIdentities(roster: Roster, monotonicMs: number): ReadonlySet<string> {
  const live = [...roster.values()].filter((member) => isLive(member, monotonicMs));
  return new Set(live.map(({ identity }) => identity));
}

/** Monotonic time at which the next live member stops being live; infinite when there is none. */
export function nextExpiryMs(roster: Roster, monotonicMs: number): number {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const { liveUntilMs } of roster.values()) {
    if (liveUntilMs > monotonicMs && liveUntilMs < nextMs) nextMs = liveUntilMs;
  }
  return nextMs;
}

/** Equal for two rosters whose members differ in nothing but the time of their last renewal. */
export function standingOf(roster: Roster, monotonicMs: number): string {
  return [...roster.values()]
    .filter((member) => isLive(member, monotonicMs))
    .map((m) =>
      [m.identity, planStateOf(m), m.weight, m.zone, m.version, m.understood, m.seenToChange, ...m.resources].join(" "),
    )
    .sort()
    .join("\n");
}

function weightOf(text: string | undefined): number {
  const weight = Number(text ?? "1");
  return Number.isSafeInteger(weight) && weight >= 1 ? weight : 1;
}

function createdAtMs({ object }: LeaseVersion): number {
  const created = object.metadata.creationTimestamp;
  const parsed = typeof created === "string" ? Date.parse(created) : Number.NaN;
  return Number.isNaN(parsed) ? 0 : parsed;
}

function parseResources(text: string | undefined): ReadonlyMap<string, string> {
  if (text === undefined) return new Map();
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null) return new Map();
    return new Map(Object.entries(parsed).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  } catch {
    return new Map();
  }
}
