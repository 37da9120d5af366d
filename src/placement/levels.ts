import type { Board } from "./board.ts";
import { ringDistance } from "./ring.ts";

/**
 * A good start for `flow.ts`: an optimal load where every member may be given every shard, at the lowest price that one
 * step at a time finds. `paths.ts` completes the load where resources have different receivers.
 */

/** A shard that needs a member, and the row that it counts in. */
export interface Homeless {
  readonly shard: string;
  readonly row: number;
}

/**
 * Puts each shard on the least full of its receivers, the cheapest of these, and then the one that its ring prefers. Where not
 * all of the least full get one, the first ids do: who has one more is not left to chance.
 */
export function placeHomeless(board: Board, homeless: readonly Homeless[], ids: readonly string[]): void {
  homeless.forEach(({ shard, row }, index) => {
    const lowest = emptiest(board, board.rows[row]?.receivers ?? NO_RECEIVERS).members;
    const everyoneGetsOne = homeless.length - index >= lowest.length;
    const member = cheapest(board, row, lowest, everyoneGetsOne ? (at) => ringDistance(shard, ids[at] ?? "") : () => 0);
    if (member !== undefined) board.change(row, member, 1);
  });
}

function cheapest(
  board: Board,
  row: number,
  members: readonly number[],
  distance: (member: number) => number,
): number | undefined {
  let price = Number.POSITIVE_INFINITY;
  let equals: number[] = [];
  for (const member of members) {
    const zonePrice = board.zones > 1 ? (board.zoneAdd[row * board.zones + (board.zoneOf[member] ?? 0)] ?? 0) : 0;
    const own = (board.add[row * board.members + member] ?? 0) + zonePrice;
    if (own > price) continue;
    if (own < price) equals = [];
    price = own;
    equals.push(member);
  }
  if (equals.length < 2) return equals[0];
  let nearest: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const member of equals) {
    const own = distance(member);
    if (own < least) [nearest, least] = [member, own];
  }
  return nearest;
}

/**
 * Moves units from the fullest givers to the least full receivers while that leaves the fuller of the two less full. All rows
 * have the same receivers, so no chain of moves does more than such single ones.
 */
export function level(board: Board, receivers: Uint8Array): void {
  // Of equals, the last ids give and the first ids take: the first ids have one more than the others.
  const giving = new Cheapest(board, board.remove, "last");
  const taking = new Cheapest(board, board.add, "first");
  for (;;) {
    // Givers that gave are less full and takers that took are fuller: each counts once on its level.
    if (giving.left === 0) giving.begin(fullest(board));
    if (taking.left === 0) taking.begin(emptiest(board, receivers));
    if (giving.fullness <= taking.fullness) return;
    const step = cheapestStep(board, giving, taking);
    if (step === undefined) return;
    board.change(step.row, step.giver, -1);
    board.change(step.row, step.taker, 1);
    giving.leave(step.giver);
    taking.leave(step.taker);
  }
}

/** The members at one fullness, in the order of their ids. */
interface Level {
  readonly fullness: number;
  readonly members: readonly number[];
}

function fullest(board: Board): Level {
  let fullness = Number.NEGATIVE_INFINITY;
  let members: number[] = [];
  for (let member = 0; member < board.members; member += 1) {
    const own = board.fullness(member);
    if (own < fullness || board.movable[member] === 0) continue;
    if (own > fullness) members = [];
    fullness = own;
    members.push(member);
  }
  return { fullness, members };
}

function emptiest(board: Board, receivers: Uint8Array): Level {
  let fullness = Number.POSITIVE_INFINITY;
  let members: number[] = [];
  for (let member = 0; member < board.members; member += 1) {
    if (receivers[member] !== 1) continue;
    const own = board.fullnessWithOneMore(member);
    if (own > fullness) continue;
    if (own < fullness) members = [];
    fullness = own;
    members.push(member);
  }
  return { fullness, members };
}

interface Step {
  readonly row: number;
  readonly giver: number;
  readonly taker: number;
}

function cheapestStep(board: Board, giving: Cheapest, taking: Cheapest): Step | undefined {
  const { zones, zoneAdd, zoneRemove } = board;
  let best: Step | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let row = 0; row < board.rows.length; row += 1) {
    for (let from = 0; from < zones; from += 1) {
      const giver = giving.best(row, from);
      if (giver === NOBODY) continue;
      for (let to = 0; to < zones; to += 1) {
        const taker = taking.best(row, to);
        if (taker === NOBODY) continue;
        const across = from === to ? 0 : (zoneRemove[row * zones + from] ?? 0) + (zoneAdd[row * zones + to] ?? 0);
        const price = giving.price(row, giver) + taking.price(row, taker) + across;
        if (price < least) [best, least] = [{ row, giver, taker }, price];
      }
    }
  }
  return best;
}

const NOBODY = -1;
const NO_RECEIVERS = new Uint8Array();

/**
 * The cheapest member of each row and zone among the members of one level. Members only leave, and leaving is the only thing
 * that changes their prices, so an answer holds until the member that it names has left, and the next one is never cheaper.
 */
class Cheapest {
  fullness = 0;
  /** Members that have not left. */
  left = 0;
  readonly #board: Board;
  readonly #prices: Float64Array;
  readonly #preference: "first" | "last";
  /** For each zone its members in the order of preference. */
  readonly #byZone: readonly number[][];
  readonly #gone: Uint8Array;
  /** For each row and zone, where in the zone the answer stands, and its price; -1 before the first search. */
  readonly #at: Int32Array;
  readonly #least: Float64Array;

  constructor(board: Board, prices: Float64Array, preference: "first" | "last") {
    this.#board = board;
    this.#prices = prices;
    this.#preference = preference;
    this.#byZone = Array.from({ length: board.zones }, () => []);
    this.#gone = new Uint8Array(board.members);
    this.#at = new Int32Array(board.rows.length * board.zones);
    this.#least = new Float64Array(board.rows.length * board.zones);
  }

  begin({ fullness, members }: Level): void {
    this.fullness = fullness;
    this.left = members.length;
    for (const zone of this.#byZone) zone.length = 0;
    for (const member of members) {
      this.#gone[member] = 0;
      this.#byZone[this.#board.zoneOf[member] ?? 0]?.push(member);
    }
    if (this.#preference === "last") for (const zone of this.#byZone) zone.reverse();
    this.#at.fill(-1);
  }

  price(row: number, member: number): number {
    return this.#prices[row * this.#board.members + member] ?? 0;
  }

  /** The first of the cheapest, or -1. */
  best(row: number, zone: number): number {
    const place = row * this.#board.zones + zone;
    const at = this.#at[place] ?? 0;
    const members = this.#byZone[zone] ?? [];
    if (at >= members.length) return NOBODY;
    if (at >= 0) {
      const known = members[at] ?? NOBODY;
      if (this.#gone[known] === 0) return known;
      // Whoever comes before it was dearer, so one that costs the same can only come after it.
      const least = this.#least[place] ?? 0;
      for (let next = at + 1; next < members.length; next += 1) {
        const member = members[next] ?? NOBODY;
        if (this.#gone[member] === 1 || this.price(row, member) !== least) continue;
        this.#at[place] = next;
        return member;
      }
    }
    return this.#search(row, place, members);
  }

  leave(member: number): void {
    this.#gone[member] = 1;
    this.left -= 1;
  }

  #search(row: number, place: number, members: readonly number[]): number {
    const first = row * this.#board.members;
    let least = Number.POSITIVE_INFINITY;
    let found = members.length;
    for (let next = 0; next < members.length; next += 1) {
      const member = members[next] ?? NOBODY;
      const price = this.#prices[first + member] ?? 0;
      if (price >= least || this.#gone[member] === 1) continue;
      least = price;
      found = next;
    }
    this.#at[place] = found;
    this.#least[place] = least;
    return members[found] ?? NOBODY;
  }
}
