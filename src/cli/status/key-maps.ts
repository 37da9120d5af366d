import { shardId } from "../../lease/names.ts";
import { bucketCountOf } from "../../placement/key-map.ts";
import type { MemberStatus, ShardStatus } from "./model.ts";

/** Which key map a resource's keys are found by. Pure. */

/** Those that its shards are held under; where none is held, those that members serve it with, else that of the newest Lease. */
export function keyMapsInUse(
  resource: string,
  shards: readonly ShardStatus[],
  members: readonly MemberStatus[],
): readonly string[] {
  const ofResource = shards.filter((shard) => shard.resource === resource && shard.keyMap !== undefined);
  const held = ofResource.filter(({ state }) => state === "owned" || state === "foreign");
  const heldUnder = distinct(held.map(({ keyMap }) => keyMap ?? ""));
  if (heldUnder.length > 0) return heldUnder;
  const live = members.filter(({ state }) => state !== "gone");
  const served = distinct(live.flatMap(({ resources }) => resources[resource] ?? []));
  if (served.length > 0) return served;
  const [newest] = ofResource.toSorted(
    (one, other) => (one.renewedMsAgo ?? Infinity) - (other.renewedMsAgo ?? Infinity),
  );
  return newest?.keyMap === undefined ? [] : [newest.keyMap];
}

/** Buckets that members serve and that have no Lease: nobody can own them yet. */
export function missingShards(
  coordinator: string,
  shards: readonly ShardStatus[],
  members: readonly MemberStatus[],
): ShardStatus[] {
  const there = new Set(shards.map(({ lease }) => lease));
  const live = members.filter(({ state }) => state !== "gone");
  return distinct(live.flatMap((member) => Object.keys(member.resources))).flatMap((resource) =>
    keyMapsInUse(resource, shards, members).flatMap((keyMap) =>
      Array.from({ length: bucketCountOf(keyMap) ?? 0 }, (_, bucket) =>
        missingShard(coordinator, resource, bucket, keyMap),
      ).filter(({ lease }) => !there.has(lease)),
    ),
  );
}

/** A bucket without a Lease. */
export function missingShard(coordinator: string, resource: string, bucket: number, keyMap: string): ShardStatus {
  const shard = shardId(resource, bucket).toLowerCase();
  return {
    shard,
    lease: `${coordinator}-${shard}`,
    resource,
    state: "missing",
    holder: "",
    epoch: undefined,
    acquiredAt: undefined,
    termMs: undefined,
    unownedMs: undefined,
    renewedMsAgo: undefined,
    validForMs: undefined,
    durationMs: 0,
    transitions: 0,
    resourceVersion: "",
    keyMap,
    renewal: undefined,
    pin: undefined,
    queue: undefined,
  };
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)].toSorted();
}
