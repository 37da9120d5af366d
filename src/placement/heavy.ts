import type { Board } from "./board.ts";
import type { Homeless } from "./levels.ts";

/**
 * Shards of different weight. Their optimum is NP-hard, so the plan is *stable*: no single move leaves the fuller of its two
 * members less full, which bounds the fullest of equal members by the mean + (N - 1) / N x the heaviest shard. A placement that
 * is stable already is left as it is. A row holds shards of one resource and one weight.
 *
 * Each step makes the fullest of two members less full, so this ends.
 */
export function placeHeavy(board: HeavyBoard, homeless: readonly Homeless[]): void {
  const heaviestFirst = homeless.toSorted((one, other) => board.weightOf(other.row) - board.weightOf(one.row));
  for (const { row } of heaviestFirst) {
    const taker = board.taker(row);
    if (taker !== undefined) board.change(row, taker, 1);
  }
  for (;;) {
    const step = board.improvement();
    if (step === undefined) break;
    board.move(step);
  }
  bringHome(board);
}

/** Undoes moves that later ones made needless. */
function bringHome(board: HeavyBoard): void {
  for (const step of board.waysHome()) {
    board.move(step);
    if (!board.staysStable(step)) board.move({ ...step, giver: step.taker, taker: step.giver });
  }
}

interface Step {
  readonly row: number;
  readonly giver: number;
  readonly taker: number;
}

/** A board whose rows differ in weight; pairs are counted over all rows of a resource. */
export class HeavyBoard {
  readonly #board: Board;
  readonly #weights: readonly number[];
  /** For each row, the number of its resource. */
  readonly #resources: readonly number[];
  /** Index: resource x members + member. */
  readonly #ofResource: Float64Array;
  /** For each member the lightest shard that may leave it; infinite when none may. */
  readonly #lightest: Float64Array;

  constructor(board: Board, weights: readonly number[], resources: readonly number[]) {
    this.#board = board;
    this.#weights = weights;
    this.#resources = resources;
    this.#ofResource = new Float64Array((Math.max(-1, ...resources) + 1) * board.members);
    for (let row = 0, cell = 0; row < weights.length; row += 1) {
      for (let member = 0; member < board.members; member += 1, cell += 1) {
        this.#count(row, member, board.count[cell] ?? 0);
      }
    }
    this.#lightest = new Float64Array(board.members);
    for (let member = 0; member < board.members; member += 1) this.#findLightest(member);
  }

  weightOf(row: number): number {
    return this.#weights[row] ?? 0;
  }

  change(row: number, member: number, by: 1 | -1): void {
    this.#board.changeCount(row, member, by);
    this.#board.load[member] = (this.#board.load[member] ?? 0) + by * this.weightOf(row);
    this.#count(row, member, by);
    if (by === 1) this.#lightest[member] = Math.min(this.#lightest[member] ?? 0, this.weightOf(row));
    else if (this.#lightest[member] === this.weightOf(row)) this.#findLightest(member);
  }

  move({ row, giver, taker }: Step): void {
    this.change(row, giver, -1);
    this.change(row, taker, 1);
  }

  /** The receiver that a unit of the row leaves least full; of equals the one with the fewest of the resource, then the first. */
  taker(row: number): number | undefined {
    let best: number | undefined;
    let least = Number.POSITIVE_INFINITY;
    let fewest = Number.POSITIVE_INFINITY;
    for (let member = 0; member < this.#board.members; member += 1) {
      if (this.#board.rows[row]?.receivers[member] !== 1) continue;
      const fullness = this.#fullness(member, this.weightOf(row));
      const pairs = this.#pairs(row, member);
      if (fullness > least || (fullness === least && pairs >= fewest)) continue;
      [best, least, fewest] = [member, fullness, pairs];
    }
    return best;
  }

  /** A move that leaves the fuller of its members less full, from the fullest member that has one; undefined when stable. */
  improvement(): Step | undefined {
    const { members } = this.#board;
    const order = Array.from({ length: members }, (_, member) => member);
    order.sort((one, other) => this.#fullness(other, 0) - this.#fullness(one, 0) || one - other);
    for (const giver of order) {
      const step = this.#mayImprove(giver) ? this.#improvementFrom(giver) : undefined;
      if (step !== undefined) return step;
    }
    return undefined;
  }

  /** After a step from a stable placement: whether it is stable still. Never true when it is not; where resources have different receivers, it may be false when it is. */
  staysStable({ giver, taker }: Step): boolean {
    if (this.#mayImprove(taker)) return false;
    for (let member = 0; member < this.#board.members; member += 1) {
      if (member !== giver && this.#fullness(giver, this.#lightest[member] ?? 0) < this.#fullness(member, 0))
        return false;
    }
    return true;
  }

  /** False when not even its lightest shard would leave another member less full than it is. */
  #mayImprove(giver: number): boolean {
    const lightest = this.#lightest[giver] ?? 0;
    const full = this.#fullness(giver, 0);
    for (let member = 0; member < this.#board.members; member += 1) {
      if (member !== giver && this.#fullness(member, lightest) < full) return true;
    }
    return false;
  }

  /** Of all units that may leave: those that have left their home already, then those that level best. */
  #improvementFrom(giver: number): Step | undefined {
    let best: Step | undefined;
    let bestRank: readonly [number, number, number] = [0, 0, 0];
    const full = this.#fullness(giver, 0);
    for (let row = 0, cell = giver; row < this.#weights.length; row += 1, cell += this.#board.members) {
      const count = this.#board.count[cell] ?? 0;
      if (count <= (this.#board.fixed[cell] ?? 0)) continue;
      const taker = this.taker(row);
      if (taker === undefined || taker === giver) continue;
      const weight = this.weightOf(row);
      const taken = this.#fullness(taker, weight);
      if (taken >= full) continue;
      const moves = count > (this.#board.home[cell] ?? 0) ? 0 : 1;
      const rank = [moves, Math.max(taken, this.#fullness(giver, -weight)), this.#pairs(row, taker)] as const;
      if (best !== undefined && !before(rank, bestRank)) continue;
      [best, bestRank] = [{ row, giver, taker }, rank];
    }
    return best;
  }

  /** Every unit that lies away from a home that misses one of its row, with its way back. */
  waysHome(): readonly Step[] {
    const { members, count, home } = this.#board;
    return this.#weights.flatMap((_, row) => {
      const first = row * members;
      const surplus: number[] = [];
      const missing: number[] = [];
      for (let member = 0; member < members; member += 1) {
        const over = (count[first + member] ?? 0) - (home[first + member] ?? 0);
        for (let unit = 0; unit < over; unit += 1) surplus.push(member);
        for (let unit = 0; unit < -over; unit += 1) missing.push(member);
      }
      return missing.flatMap((taker, index) => {
        const giver = surplus[index];
        return giver === undefined ? [] : [{ row, giver, taker }];
      });
    });
  }

  #fullness(member: number, more: number): number {
    return ((this.#board.load[member] ?? 0) + more) / (this.#board.weights[member] ?? 1);
  }

  #pairs(row: number, member: number): number {
    const count = this.#ofResource[(this.#resources[row] ?? 0) * this.#board.members + member] ?? 0;
    return count / (this.#board.weights[member] ?? 1);
  }

  #findLightest(member: number): void {
    let lightest = Number.POSITIVE_INFINITY;
    for (let row = 0, cell = member; row < this.#weights.length; row += 1, cell += this.#board.members) {
      if ((this.#board.count[cell] ?? 0) > (this.#board.fixed[cell] ?? 0))
        lightest = Math.min(lightest, this.weightOf(row));
    }
    this.#lightest[member] = lightest;
  }

  #count(row: number, member: number, by: number): void {
    const cell = (this.#resources[row] ?? 0) * this.#board.members + member;
    this.#ofResource[cell] = (this.#ofResource[cell] ?? 0) + by;
  }
}

function before(one: readonly [number, number, number], other: readonly [number, number, number]): boolean {
  return one[0] - other[0] < 0 || (one[0] === other[0] && (one[1] - other[1] || one[2] - other[2]) < 0);
}
