import type { Cluster } from "./cluster.ts";

/** Shards of each running replica by its name, as the Leases say. */
export function loadsByLease({ running, shards, holderOf }: Cluster): ReadonlyMap<string, number> {
  const names = new Map(running.map(({ name, coordinator }) => [coordinator.identity, name]));
  const loads = new Map(running.map(({ name }) => [name, 0]));
  for (const shard of shards) {
    const name = names.get(holderOf(shard));
    if (name !== undefined) loads.set(name, (loads.get(name) ?? 0) + 1);
  }
  return loads;
}

/**
 * The theoretical minimum for equal members: everybody ends with the floor or the ceil of the mean, the ceil for those that have
 * the most; whatever does not lie where it may stay has to move.
 */
export function fewestMoves(before: ReadonlyMap<string, number>, after: readonly string[]): number {
  const total = [...before.values()].reduce((sum, load) => sum + load, 0);
  const floor = Math.floor(total / after.length);
  const full = total % after.length;
  const loads = after.map((name) => before.get(name) ?? 0).sort((one, other) => other - one);
  const stay = loads.reduce((sum, load, index) => sum + Math.min(load, index < full ? floor + 1 : floor), 0);
  return total - stay;
}
