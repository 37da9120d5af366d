import { compareText, type Fleet, pinnedMember } from "./fleet.ts";

/** Where every shard stands before the plan: what is fixed, what must move, what may. */

export interface PlanShard {
  /** Unique. */
  readonly id: string;
  readonly resource: string;
  /** Key map of its Lease: only members with this map may be given it. Left out: any will do. */
  readonly keyMap?: string | undefined;
  /** How much load it is beside other shards: a whole number, 1 or more. */
  readonly weight: number;
}

/** What differs from calm times; everything left out is absent. */
export interface PlanOptions {
  /** By shard, the member that it is pinned to: its id, or the part of it before `_`. */
  readonly pins?: ReadonlyMap<string, string> | undefined;
  /** Shards that moved lately and stay for now. */
  readonly cooldown?: ReadonlySet<string> | undefined;
  /** True: no shard that has a live holder moves. */
  readonly freeze?: boolean | undefined;
  /** True: two versions have been alive for so long that their rules end. */
  readonly rolloutOver?: boolean | undefined;
  /**
   * In calm times, pairs of buckets of one resource on one member that each extra move must remove at least; left out: no
   * shard moves for the sake of the spread. Shards of different weight are never moved for it.
   */
  readonly respread?: number | undefined;
}

export interface Standing {
  /** For each shard the member that it counts on, or {@link HOMELESS}. */
  readonly memberOf: Int32Array;
  /** 1 for each shard that may not move from there. */
  readonly fixed: Uint8Array;
  /** Shards without a member, those for whom there is no receiver among them. */
  readonly homeless: number;
  /** For each member the weight of the shards that count on it. */
  readonly load: Float64Array;
  /** For each member the number of shards that may leave it. */
  readonly free: Float64Array;
  /** Lightest and heaviest of the shards that may or must move; 0 when there are none. */
  readonly lightest: number;
  readonly heaviest: number;
  /** Shards that a pin takes to a member other than their holder, with that member. */
  readonly pinned: ReadonlyMap<string, string>;
  /** Shards whose pin binds nothing, by id. */
  readonly voidPins: readonly string[];
}

export const HOMELESS = -1;

export function standingOf(
  fleet: Fleet,
  shards: readonly PlanShard[],
  holders: ReadonlyMap<string, string>,
  { pins, cooldown, freeze = false }: PlanOptions,
): Standing {
  const memberOf = new Int32Array(shards.length);
  const fixed = new Uint8Array(shards.length);
  const load = new Float64Array(fleet.members.length);
  const free = new Float64Array(fleet.members.length);
  const held = freeze || fleet.versions.length > 1;
  const { pinned, voidPins, targets } = bindPins(fleet, shards, holders, pins);
  const rested = cooldown !== undefined && cooldown.size > 0 ? cooldown : undefined;
  let homeless = 0;
  let lightest = Number.POSITIVE_INFINITY;
  let heaviest = 0;
  for (let index = 0; index < shards.length; index += 1) {
    const shard = shards[index];
    if (shard === undefined) continue;
    const { id, weight } = shard;
    const target = targets?.get(id);
    const holder = target === undefined ? holders.get(id) : undefined;
    const member = target ?? (holder === undefined ? HOMELESS : (fleet.indexOf.get(holder) ?? HOMELESS));
    const stays = target !== undefined || (member !== HOMELESS && (held || rested?.has(id) === true));
    memberOf[index] = member;
    if (member !== HOMELESS) load[member] = (load[member] ?? 0) + weight;
    if (stays) {
      fixed[index] = 1;
      continue;
    }
    if (member === HOMELESS) homeless += 1;
    else free[member] = (free[member] ?? 0) + 1;
    if (weight < lightest) lightest = weight;
    if (weight > heaviest) heaviest = weight;
  }
  return {
    memberOf,
    fixed,
    homeless,
    load,
    free,
    lightest: heaviest === 0 ? 0 : lightest,
    heaviest,
    pinned,
    voidPins,
  };
}

/** True when no single move can level the load, whatever members list: what is found out without looking at a resource. */
export function isLevel(fleet: Fleet, { load, free, lightest }: Standing): boolean {
  let fullest = Number.NEGATIVE_INFINITY;
  let emptiest = Number.POSITIVE_INFINITY;
  fleet.members.forEach(({ weight }, index) => {
    const own = load[index] ?? 0;
    if ((free[index] ?? 0) > 0) fullest = Math.max(fullest, own / weight);
    if (fleet.takers[index] === 1) emptiest = Math.min(emptiest, (own + lightest) / weight);
  });
  return fullest <= emptiest;
}

interface BoundPins {
  readonly pinned: ReadonlyMap<string, string>;
  readonly voidPins: readonly string[];
  /** By shard, the member that its pin binds it to. */
  readonly targets: ReadonlyMap<string, number> | undefined;
}

const NO_PINS: BoundPins = { pinned: new Map(), voidPins: [], targets: undefined };

/** A pin of a shard that is not in the plan binds nothing and is not void either. */
function bindPins(
  fleet: Fleet,
  shards: readonly PlanShard[],
  holders: ReadonlyMap<string, string>,
  pins: ReadonlyMap<string, string> | undefined,
): BoundPins {
  if (pins === undefined || pins.size === 0) return NO_PINS;
  const pinned = new Map<string, string>();
  const targets = new Map<string, number>();
  const voidPins: string[] = [];
  for (const shard of shards) {
    const pin = pins.get(shard.id);
    if (pin === undefined) continue;
    const holder = holders.get(shard.id);
    const target = pinnedMember(fleet, pin, shard, holder);
    if (target === undefined) {
      voidPins.push(shard.id);
      continue;
    }
    targets.set(shard.id, target);
    const id = fleet.members[target]?.id;
    if (id !== undefined && id !== holder) pinned.set(shard.id, id);
  }
  return { pinned, voidPins: voidPins.sort(compareText), targets };
}
