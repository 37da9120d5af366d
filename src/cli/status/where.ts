import { shardId } from "../../lease/names.ts";
import { keyMapOf } from "../../placement/key-map.ts";
import { ElectorateError } from "../../runtime/errors.ts";
import { keyMapsInUse, missingShard } from "./key-maps.ts";
import type { CoordinatorStatus, KeyPlace } from "./model.ts";

/**
 * Which shard a key belongs to, by the key map that the resource's Leases are held under, and whose it is. Pure.
 * @throws ElectorateError `not-found` when the coordinator has no Lease of the resource, `invalid-configuration` for a key map that this
 * version does not know.
 */
export function placeOfKey(report: CoordinatorStatus, resource: string, key: string): KeyPlace {
  const { coordinator, namespace, at, shards, members } = report;
  const keyMaps = keyMapsInUse(resource, shards, members);
  if (keyMaps.length === 0) throw unknownResource(report, resource);
  const found = keyMaps.map((id) => {
    const keyMap = keyMapOf(id);
    if (keyMap === undefined) throw unknownKeyMap(coordinator, resource, id);
    const bucket = keyMap.bucketOf(key);
    const name = shardId(resource, bucket).toLowerCase();
    const shard =
      shards.find((candidate) => candidate.shard === name) ?? missingShard(coordinator, resource, bucket, id);
    return { ...shard, bucket };
  });
  return { coordinator, namespace, at, resource, key, shards: found };
}

/** Resources that have shards or are served, by name. */
export function resourcesOf({ shards, members }: CoordinatorStatus): string[] {
  const served = members.filter(({ state }) => state !== "gone").flatMap((member) => Object.keys(member.resources));
  return [...new Set([...shards.map(({ resource }) => resource), ...served])].toSorted();
}

function unknownResource(report: CoordinatorStatus, resource: string): ElectorateError {
  const known = resourcesOf(report);
  const there = known.length === 0 ? "it has no shard at all yet" : `it has shards of ${known.join(", ")}`;
  return new ElectorateError(
    "not-found",
    `coordinator "${report.coordinator}" in namespace ${report.namespace} has no shard of ${resource}: ${there}`,
  );
}

function unknownKeyMap(coordinator: string, resource: string, keyMap: string): ElectorateError {
  return new ElectorateError(
    "invalid-configuration",
    `coordinator "${coordinator}" cuts ${resource} by the key map "${keyMap}", which this version of the command does not know; use the version that the replicas run`,
  );
}
