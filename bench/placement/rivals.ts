import HashRing from "hashring";
import type { PlanMember } from "../../src/placement/fleet.ts";
import { plan, targetOf } from "../../src/placement/plan.ts";
import type { PlanShard } from "../../src/placement/standing.ts";

/** A way to place shards: the new holders, given the members and what lay where. All but ours forget what lay where. */
export interface Rival {
  readonly name: string;
  place(
    members: readonly PlanMember[],
    shards: readonly PlanShard[],
    holders: ReadonlyMap<string, string>,
  ): ReadonlyMap<string, string>;
}

export function rivals(): readonly Rival[] {
  return [
    {
      name: "electorate",
      place: (members, shards, holders) => {
        const made = plan(members, shards, holders);
        return new Map(shards.map(({ id }) => [id, targetOf(made, holders, id) ?? ""]));
      },
    },
    {
      name: "hashring alone",
      place: (members, shards) => {
        const ring = ringOf(members);
        return new Map(shards.map(({ id }) => [id, ring.get(id)]));
      },
    },
    bounded(1.25),
    bounded(1.1),
    {
      name: "modulo",
      place: (members, shards) => {
        const ids = members.map(({ id }) => id).sort();
        return new Map(shards.map(({ id }, index) => [id, ids[index % ids.length]!]));
      },
    },
  ];
}

/** Consistent hashing with bounded loads: the first member on the ring that has less than `factor` x the mean. */
function bounded(factor: number): Rival {
  return {
    name: `bounded load ${factor}`,
    place: (members, shards) => {
      const ring = ringOf(members);
      const most = Math.ceil((shards.length / members.length) * factor);
      const load = new Map<string, number>();
      return new Map(
        shards.map(({ id }) => {
          const member = firstBelow(ring, id, members.length, (other) => (load.get(other) ?? 0) < most);
          load.set(member, (load.get(member) ?? 0) + 1);
          return [id, member];
        }),
      );
    },
  };
}

function firstBelow(ring: HashRing, shard: string, members: number, has: (member: string) => boolean): string {
  // The whole order costs far more than its beginning, which mostly does.
  for (const length of [4, 16, members]) {
    const found = ring.range(shard, Math.min(length, members)).find(has);
    if (found !== undefined) return found;
  }
  throw new Error(`no member is below the bound for ${shard}`);
}

/** As its users make it: 160 points for each member. */
function ringOf(members: readonly PlanMember[]): HashRing {
  return new HashRing(members.map(({ id }) => id));
}
