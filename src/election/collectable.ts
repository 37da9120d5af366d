import {
  ANNOTATION_KEY_MAP,
  ANNOTATION_RENEWAL,
  ANNOTATION_RESOURCE,
  LABEL_BUCKET,
  memberLeaseName,
  shardId,
} from "../lease/names.ts";
import { isHeld, type LeaseVersion } from "../lease/record.ts";
import { type Member, memberOf, type Roster } from "../membership/roster.ts";
import { bucketCountOf } from "../placement/key-map.ts";
import { stewardRank } from "./ranking.ts";

/**
 * Which Leases are litter: those of members long dead, and those of shards that nobody serves any more. Pure.
 *
 * A deleted Lease makes whoever wants it wait out an absence, so whatever somebody may hold or take stays:
 * - time counts from when this replica saw the last change, and only a replica whose view is fresh may ask;
 * - a member's Lease stays while a shard Lease names the member: those who take that shard judge its holder by it;
 * - a shard's Lease stays while any member that is not long dead serves its bucket, or does not say what it serves;
 * - what none of us has ever held is none of ours, whatever its labels say.
 * Every replica finds the same litter; the first of them by rank clears it, the others much later, in case it cannot.
 */
export interface Estate {
  readonly coordinator: string;
  /** Own identity. */
  readonly identity: string;
  readonly monotonicMs: number;
  readonly roster: Roster;
  /** Shard Leases of the coordinator that are no shards of this replica. */
  readonly strays: Iterable<Stray>;
  /** Everybody whom any shard Lease names; an empty name is nobody. */
  readonly holders: ReadonlySet<string>;
}

/** A shard Lease of the coordinator that is no shard of ours, as this replica has seen it. */
export interface Stray {
  readonly version: LeaseVersion;
  /** Monotonic. It has not changed in any way since. */
  readonly sinceMs: number;
  /** The longest of what it declares, what it declared before, and own L. */
  readonly waitMs: number;
}

/** A dead member's Lease stays for so many of its durations, and at least so long. */
const DEAD_TIMES = 10;
const LEAST_DEAD_MS = 600_000;
/** A shard Lease stays for so long after its last holder may have acted. */
const IDLE_MS = 3_600_000;
/** How much later each further rank clears. */
const RANK_STEP_MS = 60_000;

/** Newest known versions of the Leases that this replica is to delete now. */
export function collectable(estate: Estate): LeaseVersion[] {
  const { identity, monotonicMs, roster, strays, holders } = estate;
  const present = [...roster.values()].filter((member) => diedForGoodAtMs(member) > monotonicMs);
  const isDue = ({ name }: LeaseVersion, sinceMs: number): boolean => {
    if (sinceMs > monotonicMs) return false;
    const rank = stewardRank(name, identity, roster, monotonicMs);
    return rank !== undefined && sinceMs + rank * RANK_STEP_MS <= monotonicMs;
  };
  const members = [...roster.values()].filter(
    (member) =>
      member.understood &&
      isMemberLease(estate.coordinator, member) &&
      (member.identity === "" || !holders.has(member.identity)) &&
      isDue(member.lease, diedForGoodAtMs(member)),
  );
  const shards = [...strays].filter(
    ({ version, sinceMs, waitMs }) =>
      isShardOf(estate.coordinator, version) &&
      !present.some((member) => mayServe(member, version)) &&
      !isKeptByMember(version, roster, monotonicMs) &&
      isDue(version, sinceMs + waitMs + IDLE_MS),
  );
  return [...members.map(({ lease }) => lease), ...shards.map(({ version }) => version)];
}

function diedForGoodAtMs({ liveUntilMs, lease }: Member): number {
  return liveUntilMs + Math.max(LEAST_DEAD_MS, DEAD_TIMES * lease.record.durationMs);
}

function isMemberLease(coordinator: string, { leaseName }: Member): boolean {
  return leaseName.startsWith(memberLeaseName(coordinator, ""));
}

/** Held once by one of us, and called what its resource and bucket say. */
function isShardOf(coordinator: string, { name, labels, annotations }: LeaseVersion): boolean {
  const resource = annotations[ANNOTATION_RESOURCE];
  const bucket = Number(labels[LABEL_BUCKET] ?? Number.NaN);
  if (annotations[ANNOTATION_KEY_MAP] === undefined || resource === undefined || !Number.isInteger(bucket))
    return false;
  return name === `${coordinator}-${shardId(resource, bucket)}`.toLowerCase();
}

/** One that speaks another protocol, or has no source warm yet, may serve anything. */
function mayServe({ understood, resources }: Member, { labels, annotations }: LeaseVersion): boolean {
  if (!understood || resources.size === 0) return true;
  const keyMap = resources.get(annotations[ANNOTATION_RESOURCE] ?? "");
  if (keyMap === undefined) return false;
  const count = bucketCountOf(keyMap);
  return count === undefined || Number(labels[LABEL_BUCKET]) < count;
}

/** A Lease that says so stands for as long as its holder's does, and is not renewed itself. Without that one nobody can say since when. */
function isKeptByMember({ record, annotations }: LeaseVersion, roster: Roster, monotonicMs: number): boolean {
  if (!isHeld(record) || annotations[ANNOTATION_RENEWAL] !== "per-member") return false;
  const holder = memberOf(roster, record.holder);
  return holder === undefined || holder.liveUntilMs + IDLE_MS > monotonicMs;
}
