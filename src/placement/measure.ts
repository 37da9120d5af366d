import type { PlanMember } from "./fleet.ts";
import type { PlanShard } from "./standing.ts";

/** How good a placement is, for people: what the plan lowers, in the units that they think in. */
export interface Measured {
  /** For each member the weight of the shards that it is to hold, in the order of the members given. */
  readonly load: ReadonlyMap<string, number>;
  /** Pairs of buckets of one resource on one member, each divided by the member's weight. */
  readonly spread: number;
}

/** `targetOf`: the member that a shard is to lie on; null for none. */
export function measure(
  members: readonly PlanMember[],
  shards: readonly PlanShard[],
  targetOf: (shard: string) => string | null,
): Measured {
  const load = new Map(members.map(({ id }) => [id, 0]));
  const buckets = new Map<string, Map<string, number>>();
  for (const { id, resource, weight } of shards) {
    const target = targetOf(id);
    if (target === null) continue;
    load.set(target, (load.get(target) ?? 0) + weight);
    const ofMember = buckets.get(target) ?? new Map<string, number>();
    buckets.set(target, ofMember);
    ofMember.set(resource, (ofMember.get(resource) ?? 0) + 1);
  }
  let spread = 0;
  for (const { id, weight } of members) {
    let pairs = 0;
    for (const count of buckets.get(id)?.values() ?? []) pairs += (count * (count - 1)) / 2;
    spread += pairs / weight;
  }
  return { load, spread };
}
