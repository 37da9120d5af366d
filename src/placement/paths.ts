import type { Board } from "./board.ts";

/**
 * Completes the load where resources have different receivers: a member that is too full may have nothing that the emptiest
 * may be given, while a third member can pass something on. The load is optimal when no chain of moves leaves the fuller of
 * its two ends less full.
 */
export function levelByChains(board: Board): void {
  let more = true;
  while (more) more = shortenOne(board);
}

const NOBODY = -1;

/** Applies the chain from the fullest member that can be helped to the least full one it reaches; false when there is none. */
function shortenOne(board: Board): boolean {
  const fullnesses = Array.from({ length: board.members }, (_, member) => board.fullness(member));
  const order = fullnesses.map((_, member) => member);
  order.sort((one, other) => (fullnesses[other] ?? 0) - (fullnesses[one] ?? 0) || one - other);
  for (const start of order) {
    const reached = reachFrom(board, start);
    const end = reached.emptiest;
    if (end === start || board.fullnessWithOneMore(end) >= board.fullness(start)) continue;
    for (let member = end; member !== start; member = reached.from[member] ?? start) {
      const row = reached.by[member] ?? 0;
      board.change(row, member, 1);
      board.change(row, reached.from[member] ?? start, -1);
    }
    return true;
  }
  return false;
}

interface Reached {
  readonly emptiest: number;
  /** For each member, who passes a unit to it, and of which row. */
  readonly from: Int32Array;
  readonly by: Int32Array;
}

/** All members to which a unit can be passed on from `start`, by the fewest steps. */
function reachFrom(board: Board, start: number): Reached {
  const from = new Int32Array(board.members).fill(NOBODY);
  const by = new Int32Array(board.members).fill(NOBODY);
  const passed = new Uint8Array(board.rows.length);
  const queue = [start];
  from[start] = start;
  let emptiest = start;
  for (const member of queue) {
    if (board.fullnessWithOneMore(member) < board.fullnessWithOneMore(emptiest)) emptiest = member;
    for (let row = 0; row < board.rows.length; row += 1) {
      // Whoever passes a unit of a row on first reaches everybody whom the row can reach.
      if (passed[row] === 1 || board.remove[row * board.members + member] === Number.POSITIVE_INFINITY) continue;
      passed[row] = 1;
      for (let next = 0; next < board.members; next += 1) {
        if (from[next] !== NOBODY || board.add[row * board.members + next] === Number.POSITIVE_INFINITY) continue;
        from[next] = member;
        by[next] = row;
        queue.push(next);
      }
    }
  }
  return { emptiest, from, by };
}
