import { pinOf } from "../../lease/intents.ts";
import {
  ANNOTATION_ADDRESS,
  ANNOTATION_EPOCH,
  ANNOTATION_KEY_MAP,
  ANNOTATION_RENEWAL,
  ANNOTATION_RESOURCE,
  LABEL_COORDINATOR,
  LABEL_RESOURCE,
  LABEL_ROLE,
} from "../../lease/names.ts";
import { isHeld, isRelease, type LeaseVersion } from "../../lease/record.ts";
import { EMPTY_ROSTER, observeMember } from "../../membership/roster.ts";
import { outlookOf, shardIdOf } from "../intents/outlook.ts";
import { missingShards } from "./key-maps.ts";
import type { CoordinatorStatus, MemberStatus, ShardState, ShardStatus, Totals } from "./model.ts";
import { isCurrent, sinceMs } from "./wall.ts";
import { warningsOf } from "./warnings.ts";

/**
 * What the Leases of a coordinator say at one moment, as data. All ages and validities compare times that other machines wrote
 * with this machine's clock, which is good enough to look at and never decides anything.
 */

/** One report for each coordinator that has a Lease among `versions`, by name. */
export function reportsOf(versions: readonly LeaseVersion[], namespace: string, wallMs: number): CoordinatorStatus[] {
  const byCoordinator = Map.groupBy(versions, ({ labels }) => labels[LABEL_COORDINATOR] ?? "");
  return [...byCoordinator]
    .filter(([coordinator]) => coordinator !== "")
    .toSorted(([one], [other]) => compareText(one, other))
    .map(([coordinator, leases]) => reportOf(coordinator, leases, namespace, wallMs));
}

export function reportOf(
  coordinator: string,
  versions: readonly LeaseVersion[],
  namespace: string,
  wallMs: number,
): CoordinatorStatus {
  const ofRole = (role: string): LeaseVersion[] => versions.filter(({ labels }) => labels[LABEL_ROLE] === role);
  const shardLeases = ofRole("shard");
  const members = ofRole("member")
    .map((version) => memberStatus(version, shardLeases, wallMs))
    .toSorted((one, other) => compareText(one.identity, other.identity));
  const { freeze, voidPins } = outlookOf({ coordinator, versions, wallMs });
  const byIdentity = new Map(members.map((member) => [member.identity, member]));
  const found = shardLeases.map((version) => shardStatus(coordinator, version, byIdentity, wallMs));
  const shards = [...found, ...missingShards(coordinator, found, members)].toSorted(
    (one, other) =>
      PRECEDENCE.indexOf(one.state) - PRECEDENCE.indexOf(other.state) || compareText(one.shard, other.shard),
  );
  const at = new Date(wallMs).toISOString();
  return {
    coordinator,
    namespace,
    at,
    freeze,
    shards,
    members,
    totals: totalsOf(shards, members),
    warnings: warningsOf(shards, members, voidPins),
  };
}

/** What needs attention stands first. */
const PRECEDENCE: readonly ShardState[] = ["missing", "expired", "empty", "released", "unclear", "foreign", "owned"];

const UNOWNED: ReadonlySet<ShardState> = new Set(["missing", "expired", "empty", "released"]);

/** By identity. */
type Members = ReadonlyMap<string, MemberStatus>;

function shardStatus(coordinator: string, version: LeaseVersion, members: Members, wallMs: number): ShardStatus {
  const { record, labels, annotations } = version;
  const resource = annotations[ANNOTATION_RESOURCE] ?? labels[LABEL_RESOURCE] ?? "";
  const renewedMsAgo = sinceMs(record.renewTime, wallMs);
  const validForMs = validityMs(version, renewedMsAgo, members);
  const state = stateOf(version, validForMs, members);
  return {
    shard: shardIdOf(coordinator, version.name),
    lease: version.name,
    resource,
    state,
    holder: record.holder,
    epoch: epochOf(version, members),
    acquiredAt: isHeld(record) && record.acquireTime !== "" ? record.acquireTime : undefined,
    termMs: isHeld(record) ? sinceMs(record.acquireTime, wallMs) : undefined,
    unownedMs: unownedMs(state, validForMs, renewedMsAgo),
    renewedMsAgo,
    validForMs,
    durationMs: record.durationMs,
    transitions: record.transitions,
    resourceVersion: version.resourceVersion,
    keyMap: annotations[ANNOTATION_KEY_MAP],
    renewal: annotations[ANNOTATION_RENEWAL],
    pin: pinOf(version),
    queue: undefined,
  };
}

/** A Lease that is renewed per member stands while its holder's member Lease does. */
function validityMs(
  { record, annotations }: LeaseVersion,
  renewedMsAgo: number | undefined,
  members: Members,
): number | undefined {
  if (!isHeld(record)) return undefined;
  const holder = annotations[ANNOTATION_RENEWAL] === "per-member" ? members.get(record.holder) : undefined;
  const agoMs = holder === undefined ? renewedMsAgo : holder.seenMsAgo;
  return agoMs === undefined ? undefined : (holder ?? record).durationMs - agoMs;
}

function unownedMs(
  state: ShardState,
  validForMs: number | undefined,
  renewedMsAgo: number | undefined,
): number | undefined {
  if (state === "expired") return validForMs === undefined ? undefined : -validForMs;
  return UNOWNED.has(state) ? renewedMsAgo : undefined;
}

function stateOf({ record }: LeaseVersion, validForMs: number | undefined, members: Members): ShardState {
  if (!isHeld(record)) return isRelease(record) ? "released" : "empty";
  if (validForMs === undefined || record.durationMs === 0) return "unclear";
  if (validForMs <= 0) return "expired";
  return members.has(record.holder) ? "owned" : "foreign";
}

/**
 * The holder writes its epoch with its second write; the first write is itself the epoch. Somebody who knows nothing of
 * epochs leaves the annotation of the holder before it in place, so it is believed of members only.
 */
function epochOf({ record, annotations, resourceVersion }: LeaseVersion, members: Members): string | undefined {
  if (!members.has(record.holder)) return undefined;
  return (
    annotations[ANNOTATION_EPOCH] ??
    (record.acquireTime !== "" && record.acquireTime === record.renewTime ? resourceVersion : undefined)
  );
}

function memberStatus(version: LeaseVersion, shardLeases: readonly LeaseVersion[], wallMs: number): MemberStatus {
  const member = observeMember(EMPTY_ROSTER, version, "list", 0, 0).get(version.name);
  const { record } = version;
  const identity = member?.identity ?? record.holder;
  const seenMsAgo = sinceMs(record.renewTime, wallMs);
  return {
    identity,
    lease: version.name,
    state: isCurrent(version, wallMs) ? (member?.state ?? "ready") : "gone",
    intent: member?.intent,
    weight: member?.weight ?? 1,
    zone: member?.zone ?? "",
    version: member?.version ?? "",
    address: version.annotations[ANNOTATION_ADDRESS] ?? "",
    understood: member?.understood ?? false,
    ageMs: sinceMs(record.acquireTime, wallMs),
    seenMsAgo,
    durationMs: record.durationMs,
    shards: shardLeases.filter((lease) => identity !== "" && lease.record.holder === identity).length,
    resources: Object.fromEntries(member?.resources ?? []),
  };
}

function totalsOf(shards: readonly ShardStatus[], members: readonly MemberStatus[]): Totals {
  const inState = (state: MemberStatus["state"]): number => members.filter((member) => member.state === state).length;
  const shardsIn = (state: ShardState): number => shards.filter((shard) => shard.state === state).length;
  return {
    shards: shards.length,
    owned: shardsIn("owned"),
    foreign: shardsIn("foreign"),
    unclear: shardsIn("unclear"),
    unowned: shards.filter(({ state }) => UNOWNED.has(state)).length,
    ready: inState("ready"),
    draining: inState("draining"),
    gone: inState("gone"),
  };
}

/** By code unit, as everywhere in this project. */
function compareText(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}
