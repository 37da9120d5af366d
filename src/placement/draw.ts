import type { Board } from "./board.ts";
import { compareText } from "./fleet.ts";
import { ringDistance } from "./ring.ts";

/**
 * From numbers to names: which shards of a row move, and to whom. The shards of a row are equally good, so the ring decides:
 * those leave that lie nearest to a receiver, and each goes to the receiver that it prefers among those that still want one.
 */
export interface Lying {
  readonly shard: string;
  readonly row: number;
  /** Where it lies and may leave from; undefined when it needs a member in any case. */
  readonly member: number | undefined;
}

/** The new member of each shard that gets one, by shard. `lying` need only hold those rows that change. */
export function drawMoves(board: Board, lying: readonly Lying[], ids: readonly string[]): ReadonlyMap<string, string> {
  const byRow = Map.groupBy(lying, ({ row }) => row);
  const moves = new Map<string, string>();
  for (const [row, shards] of byRow) drawRow(board, row, shards, ids, moves);
  return moves;
}

/** How many units of a row fewer than its home lie on a member; those are the ones to leave. */
export function leaving(board: Board, row: number, member: number): number {
  const cell = row * board.members + member;
  return (board.home[cell] ?? 0) - (board.count[cell] ?? 0);
}

function drawRow(
  board: Board,
  row: number,
  shards: readonly Lying[],
  ids: readonly string[],
  moves: Map<string, string>,
): void {
  const wanted = new Map<number, number>();
  for (let member = 0; member < board.members; member += 1) {
    const more = -leaving(board, row, member);
    if (more > 0) wanted.set(member, more);
  }
  for (const shard of movers(board, row, shards, ids, wanted)) {
    const target = preferred(shard, wanted, ids);
    if (target === undefined) continue;
    moves.set(shard, ids[target] ?? "");
    const more = (wanted.get(target) ?? 0) - 1;
    if (more === 0) wanted.delete(target);
    else wanted.set(target, more);
  }
}

/** The shards that move, by id. */
function movers(
  board: Board,
  row: number,
  shards: readonly Lying[],
  ids: readonly string[],
  wanted: ReadonlyMap<number, number>,
): readonly string[] {
  const chosen: string[] = [];
  for (const [member, group] of Map.groupBy(shards, (lies) => lies.member)) {
    const names = group.map(({ shard }) => shard);
    const count = member === undefined ? names.length : leaving(board, row, member);
    chosen.push(...(count >= names.length ? names : nearestOf(names, count, ids, wanted)));
  }
  return chosen.sort(compareText);
}

function nearestOf(
  names: readonly string[],
  count: number,
  ids: readonly string[],
  wanted: ReadonlyMap<number, number>,
): readonly string[] {
  if (count === 1) return [nearest(names, ids, wanted)];
  return names
    .map((shard) => ({ shard, distance: leastDistance(shard, ids, wanted) }))
    .sort((one, other) => one.distance - other.distance || compareText(one.shard, other.shard))
    .slice(0, count)
    .map(({ shard }) => shard);
}

/** The usual case, without a sort. */
function nearest(names: readonly string[], ids: readonly string[], wanted: ReadonlyMap<number, number>): string {
  let best = "";
  let least = Number.POSITIVE_INFINITY;
  for (const shard of names) {
    const distance = leastDistance(shard, ids, wanted);
    if (distance > least || (distance === least && shard > best)) continue;
    [best, least] = [shard, distance];
  }
  return best;
}

function leastDistance(shard: string, ids: readonly string[], wanted: ReadonlyMap<number, number>): number {
  let least = Number.POSITIVE_INFINITY;
  for (const member of wanted.keys()) least = Math.min(least, ringDistance(shard, ids[member] ?? ""));
  return least;
}

/** Members come in the order of their ids, so that of equal distances the first id is taken. */
function preferred(shard: string, wanted: ReadonlyMap<number, number>, ids: readonly string[]): number | undefined {
  let best: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const member of wanted.keys()) {
    // A newcomer that is the only one to take anything is not even placed on the ring.
    if (wanted.size === 1) return member;
    const distance = ringDistance(shard, ids[member] ?? "");
    if (distance < least) [best, least] = [member, distance];
  }
  return best;
}
