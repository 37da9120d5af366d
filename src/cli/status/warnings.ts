import { formatDuration } from "../../config/duration.ts";
import type { MemberStatus, ShardStatus } from "./model.ts";

/** What somebody should look at in a coordinator's Leases: a sentence each, with the remedy. Pure. */
export function warningsOf(
  shards: readonly ShardStatus[],
  members: readonly MemberStatus[],
  voidPins: readonly string[],
): string[] {
  return [
    ...missingLeases(shards),
    ...absurdDurations(shards, members),
    ...mixedKeyMaps(shards),
    ...unclearHolders(shards),
    ...strangers(members),
    ...unboundPins(shards, voidPins),
    ...nobodyToTake(shards, members),
  ];
}

/** So many are named in one sentence. */
const MOST_NAMED = 20;

/** Replicas make what is missing, but not where somebody else is meant to; the Leases do not say which of both it is. */
function missingLeases(shards: readonly ShardStatus[]): string[] {
  const names = shards.filter(({ state }) => state === "missing").map(({ lease }) => lease);
  if (names.length === 0) return [];
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : "";
  return [
    `Missing Leases: ${names.slice(0, MOST_NAMED).join(", ")}${more}. Replicas make them once their absence was waited out; ` +
      "with lease.static they never do: make them again, without a spec, as helm upgrade does.",
  ];
}

/** A duration is absurd when it is both this long and this many times what members declare. */
const LONG_MS = 120_000;
const TIMES = 4;

/** Whoever wrote it, everybody waits it out, and no later change makes it shorter. */
function absurdDurations(shards: readonly ShardStatus[], members: readonly MemberStatus[]): string[] {
  const longestMs = Math.max(0, ...members.map(({ durationMs }) => durationMs));
  return shards
    .filter(({ durationMs }) => durationMs > Math.max(LONG_MS, longestMs * TIMES))
    .map(({ lease, holder, durationMs }) => {
      const who = holder === "" ? "nobody" : `"${holder}"`;
      const waitMs = longestMs === 0 ? "the lease duration" : formatDuration(longestMs);
      return (
        `Lease ${lease} declares ${formatDuration(durationMs)} and names ${who}: nobody takes it before that has passed. ` +
        `If its holder is gone, make sure that it is stopped, delete the Lease, and wait ${waitMs}.`
      );
    });
}

/** No shard of a resource is opened under one key map while another shard of it is held under a different one. */
function mixedKeyMaps(shards: readonly ShardStatus[]): string[] {
  const held = shards.filter(({ state, keyMap }) => keyMap !== undefined && (state === "owned" || state === "foreign"));
  return [...Map.groupBy(held, ({ resource }) => resource)].flatMap(([resource, ofResource]) => {
    const keyMaps = [...new Set(ofResource.map(({ keyMap }) => keyMap ?? ""))].toSorted();
    if (keyMaps.length < 2) return [];
    return [
      `Shards of ${resource} are held under different key maps (${keyMaps.join(", ")}): the number of buckets is being changed. ` +
        "Shards of the new map open when the last replica with the old one has stopped.",
    ];
  });
}

function unclearHolders(shards: readonly ShardStatus[]): string[] {
  return shards
    .filter(({ state }) => state === "unclear")
    .map(
      ({ lease, holder }) =>
        `Lease ${lease} names "${holder}" without a valid renewTime and duration: another program wrote it, and it is waited out. If that program is not meant to hold it, stop it.`,
    );
}

function unboundPins(shards: readonly ShardStatus[], voidPins: readonly string[]): string[] {
  return shards
    .filter(({ shard }) => voidPins.includes(shard))
    .map(
      ({ shard, pin = "" }) =>
        `The pin of ${shard} to "${pin}" binds nothing: no ready member of that name serves its resource. Start it, or take the pin off with electorate unpin ${shard}.`,
    );
}

/** A fleet that is drained or cordoned as a whole goes on, but takes nothing over. */
function nobodyToTake(shards: readonly ShardStatus[], members: readonly MemberStatus[]): string[] {
  const ready = members.filter(({ state }) => state === "ready");
  if (shards.length === 0 || ready.length === 0 || ready.some(({ intent }) => intent === undefined)) return [];
  return [
    "Every ready member is drained or cordoned: nobody takes over what another one loses. Let one take part again with electorate uncordon.",
  ];
}

function strangers(members: readonly MemberStatus[]): string[] {
  return members
    .filter(({ understood, state }) => !understood && state !== "gone")
    .map(
      ({ identity }) =>
        `Member "${identity}" speaks another version of the protocol and receives no shards; update it, or this command.`,
    );
}
