import type { PlanMember } from "../../src/placement/fleet.ts";
import type { PlanOptions, PlanShard } from "../../src/placement/standing.ts";

/**
 * The rules of the plan once more, as literally as can be and with no regard for time: every assignment that the rules allow is
 * tried, and the best kept. It shares no code with `src/placement`.
 */
export interface Situation {
  readonly members: readonly PlanMember[];
  readonly shards: readonly PlanShard[];
  readonly holders: ReadonlyMap<string, string>;
  readonly options: PlanOptions;
}

/** Lower is better, the first number that differs decides. */
export interface Quality {
  /** The convex sum of loads whose optimum no chain of moves can level further; shards of weight 1. */
  readonly load: number;
  readonly moves: number;
  readonly pairsOnMembers: number;
  readonly pairsInZones: number;
}

/** A multiple of every weight and of every zone's weight that the tests draw, so that all sums are whole numbers. */
const WHOLE = 27_720;

/** Receivers of a shard by the words of the design: ready, prepared, of the newest version that has any. */
export function receivers({ members, options }: Situation, { resource }: PlanShard): readonly string[] {
  const able = members.filter(
    ({ state, seen, understood, probation, resources }) =>
      state === "ready" && seen && understood && !probation && (resources === undefined || resources.has(resource)),
  );
  if (!twoVersions(members, options)) return able.map(({ id }) => id);
  const bornMs = (version: string) =>
    Math.min(...members.filter((other) => other.version === version).map(({ createdAtMs }) => createdAtMs));
  const newest = able
    .map(({ version }) => version)
    .sort((one, other) => bornMs(other) - bornMs(one) || (one < other ? 1 : -1))[0];
  return able.filter(({ version }) => version === newest).map(({ id }) => id);
}

function twoVersions(members: readonly PlanMember[], options: PlanOptions): boolean {
  return new Set(members.map(({ version }) => version)).size > 1 && options.rolloutOver !== true;
}

/** Where a shard may lie after the plan; null when nobody may have it. */
function choices(situation: Situation, shard: PlanShard): readonly (string | null)[] {
  const { members, holders, options } = situation;
  const holder = members.find(({ id, state }) => id === holders.get(shard.id) && state !== "draining");
  const held = options.freeze === true || twoVersions(members, options) || options.cooldown?.has(shard.id) === true;
  if (holder !== undefined && held) return [holder.id];
  const all = new Set([...receivers(situation, shard), ...(holder === undefined ? [] : [holder.id])]);
  return all.size === 0 ? [null] : [...all];
}

export type Assignment = readonly (string | null)[];

export function qualityOf({ members, shards, holders }: Situation, assignment: Assignment): Quality {
  const zoneWeights = new Map<string, number>();
  for (const { zone, weight, state } of members)
    if (state !== "draining") zoneWeights.set(zone, (zoneWeights.get(zone) ?? 0) + weight);
  let load = 0;
  let pairsOnMembers = 0;
  let pairsInZones = 0;
  const counts = new Map<string, number>();
  const countUp = (...key: readonly string[]): number => {
    const count = (counts.get(key.join("/")) ?? 0) + 1;
    counts.set(key.join("/"), count);
    return count;
  };
  shards.forEach(({ resource }, index) => {
    const target = members.find(({ id }) => id === assignment[index]);
    if (target === undefined) return;
    load += (countUp("load", target.id) * WHOLE) / target.weight;
    pairsOnMembers += ((countUp("member", target.id, resource) - 1) * WHOLE) / target.weight;
    pairsInZones += ((countUp("zone", target.zone, resource) - 1) * WHOLE) / (zoneWeights.get(target.zone) ?? 1);
  });
  return { load, moves: countMoves(shards, holders, assignment), pairsOnMembers, pairsInZones };
}

function countMoves(
  shards: readonly PlanShard[],
  holders: ReadonlyMap<string, string>,
  assignment: Assignment,
): number {
  return shards.filter(({ id }, index) => (holders.get(id) ?? null) !== assignment[index]).length;
}

export function compareQualities(one: Quality, other: Quality): number {
  return (
    one.load - other.load ||
    one.moves - other.moves ||
    one.pairsOnMembers - other.pairsOnMembers ||
    one.pairsInZones - other.pairsInZones
  );
}

/** Goal 1 word for word: no move of one shard leaves the fuller of its two members less full. Counts weights of shards. */
export function isStable(situation: Situation, assignment: Assignment): boolean {
  const { members, shards } = situation;
  const loadOf = (id: string): number =>
    shards.reduce((sum, { weight }, index) => sum + (assignment[index] === id ? weight : 0), 0);
  return shards.every((shard, index) => {
    const giver = members.find(({ id }) => id === assignment[index]);
    if (giver === undefined || choices(situation, shard).length < 2) return true;
    return receivers(situation, shard).every((id) => {
      const taker = members.find((other) => other.id === id);
      if (taker === undefined || taker === giver) return true;
      const before = Math.max(loadOf(giver.id) / giver.weight, loadOf(id) / taker.weight);
      const after = Math.max(
        (loadOf(giver.id) - shard.weight) / giver.weight,
        (loadOf(id) + shard.weight) / taker.weight,
      );
      return after >= before;
    });
  });
}

export function everyAssignment(situation: Situation): readonly Assignment[] {
  return situation.shards.reduce<Assignment[]>(
    (assignments, shard) => {
      const targets = choices(situation, shard);
      return assignments.flatMap((assignment) => targets.map((target) => [...assignment, target]));
    },
    [[]],
  );
}
