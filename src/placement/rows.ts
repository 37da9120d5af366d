import type { Row } from "./board.ts";
import { compareText, type Fleet } from "./fleet.ts";
import { Receivers } from "./receivers.ts";
import type { PlanShard } from "./standing.ts";

/** Shards that are alike to the plan, as the rows of its board, in an order that does not depend on the shards' order. */
export interface Rows {
  readonly rows: readonly Row[];
  /** For each shard its row. */
  readonly rowOf: Int32Array;
  /** For each row the weight of its shards (of any one of them, unless rows are divided by weight), and its resource's number. */
  readonly weights: readonly number[];
  readonly resources: readonly number[];
  readonly largest: number;
}

/** Shards of one resource under one key map, and of one weight where rows are divided by weight. */
interface Kind {
  readonly resource: string;
  readonly keyMap: string | undefined;
  readonly weight: number;
  count: number;
}

/**
 * Resources of a single bucket make no pairs, so those with the same receivers share a row: a controller of a thousand kinds
 * costs as little as one of a thousand buckets. `byWeight`: shards of different weight are not alike.
 */
export function rowsOf(fleet: Fleet, shards: readonly PlanShard[], byWeight: boolean): Rows {
  const { kinds, kindOf } = kindsOf(shards, byWeight);
  const order = kinds.map((_, kind) => kind).sort((one, other) => compareKinds(kinds[one], kinds[other]));
  const rows: Row[] = [];
  const weights: number[] = [];
  const resources: number[] = [];
  const rowOfKind = new Int32Array(kinds.length);
  const able = new Receivers(fleet);
  const singles = new Map<Uint8Array, number>();
  let resource = -1;
  let previous: Kind | undefined;
  for (const index of order) {
    const kind = kinds[index];
    if (kind === undefined) continue;
    const same = previous !== undefined && previous.resource === kind.resource && previous.keyMap === kind.keyMap;
    if (!same) resource += 1;
    previous = kind;
    const receivers = able.of(kind.resource, kind.keyMap);
    const shared = !byWeight && kind.count === 1 ? singles.get(receivers) : undefined;
    rowOfKind[index] = shared ?? rows.length;
    if (shared !== undefined) continue;
    if (kind.count === 1) singles.set(receivers, rows.length);
    rows.push({ receivers, pairs: kind.count > 1 && !byWeight });
    weights.push(kind.weight);
    resources.push(resource);
  }
  const largest = kinds.reduce((most, { count }) => Math.max(most, count), singles.size > 0 ? 1 : 0);
  const rowOf = new Int32Array(shards.length);
  for (let index = 0; index < kindOf.length; index += 1) rowOf[index] = rowOfKind[kindOf[index] ?? 0] ?? 0;
  return { rows, rowOf, weights, resources, largest };
}

function kindsOf(shards: readonly PlanShard[], byWeight: boolean): { kinds: Kind[]; kindOf: Int32Array } {
  const kinds: Kind[] = [];
  const byResource = new Map<string, number[]>();
  const kindOf = new Int32Array(shards.length);
  let last: Kind | undefined;
  let lastIndex = 0;
  for (let index = 0; index < shards.length; index += 1) {
    const shard = shards[index];
    if (shard === undefined) continue;
    // Shards mostly come resource by resource.
    if (last === undefined || !isOf(shard, last, byWeight)) {
      const candidates = byResource.get(shard.resource) ?? [];
      if (candidates.length === 0) byResource.set(shard.resource, candidates);
      lastIndex = candidates.find((kind) => isOf(shard, kinds[kind], byWeight)) ?? kinds.length;
      if (lastIndex === kinds.length) {
        candidates.push(lastIndex);
        kinds.push({ resource: shard.resource, keyMap: shard.keyMap, weight: shard.weight, count: 0 });
      }
      last = kinds[lastIndex];
    }
    if (last !== undefined) last.count += 1;
    kindOf[index] = lastIndex;
  }
  return { kinds, kindOf };
}

function isOf(shard: PlanShard, kind: Kind | undefined, byWeight: boolean): boolean {
  return (
    kind !== undefined &&
    shard.resource === kind.resource &&
    shard.keyMap === kind.keyMap &&
    (!byWeight || shard.weight === kind.weight)
  );
}

function compareKinds(one: Kind | undefined, other: Kind | undefined): number {
  if (one === undefined || other === undefined) return 0;
  return (
    compareText(one.resource, other.resource) ||
    compareText(one.keyMap ?? "", other.keyMap ?? "") ||
    one.weight - other.weight
  );
}
