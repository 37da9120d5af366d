import type { Prices } from "./prices.ts";

/**
 * How many shards of each row lie on each member while a plan is being made. A row is a group of shards that are alike to
 * the plan, so that only their number on each member matters: the buckets of one resource.
 *
 * Promises: `add` and `remove` are always the prices of one unit more and one unit less of a row on a member, Infinity where
 * that may not be; prices never fall with the count (each goal is convex), which is what makes local steps reach the optimum.
 * Every array is a Float64Array of whole numbers, so that one machine code serves all accesses.
 */
export interface BoardInput {
  readonly rows: readonly Row[];
  readonly zoneOf: Float64Array;
  readonly weights: Float64Array;
  /** What lies on each member already, in units of shard weight; taken over and changed. */
  readonly load: Float64Array;
  /** Shard weight of one unit that may move. */
  readonly unit: number;
  readonly prices: Prices;
}

export interface Row {
  /** 1 for each member that may be given shards of this row. */
  readonly receivers: Uint8Array;
  /** False when no two shards of the row make a pair: resources of one bucket each. */
  readonly pairs: boolean;
}

export class Board {
  readonly rows: readonly Row[];
  readonly members: number;
  readonly zones: number;
  readonly zoneOf: Float64Array;
  readonly weights: Float64Array;
  readonly load: Float64Array;
  readonly unit: number;
  /** For each member, how many units may leave it. */
  readonly movable: Float64Array;
  /** Index of all that follows: row x members + member. */
  readonly count: Float64Array;
  /** Units that were there before the plan and may stay: fewer than that are moves. */
  readonly home: Float64Array;
  /** Units that must stay there. */
  readonly fixed: Float64Array;
  readonly add: Float64Array;
  readonly remove: Float64Array;
  /** Index: row x zones + zone. */
  readonly zoneCount: Float64Array;
  readonly zoneAdd: Float64Array;
  readonly zoneRemove: Float64Array;
  readonly #prices: Prices;

  constructor(input: BoardInput) {
    this.rows = input.rows;
    this.members = input.weights.length;
    this.zones = input.prices.pairIn.length;
    this.zoneOf = input.zoneOf;
    this.weights = input.weights;
    this.load = input.load;
    this.unit = input.unit;
    this.#prices = input.prices;
    this.movable = new Float64Array(this.members);
    const cells = this.rows.length * this.members;
    this.count = new Float64Array(cells);
    this.home = new Float64Array(cells);
    this.fixed = new Float64Array(cells);
    this.add = new Float64Array(cells);
    this.remove = new Float64Array(cells);
    this.zoneCount = new Float64Array(this.rows.length * this.zones);
    this.zoneAdd = new Float64Array(this.rows.length * this.zones);
    this.zoneRemove = new Float64Array(this.rows.length * this.zones);
  }

  /** Before the first change: a shard that lies on a member already. Call {@link price} when all are put. */
  put(row: number, member: number, stays: boolean): void {
    const cell = row * this.members + member;
    this.count[cell] = (this.count[cell] ?? 0) + 1;
    this.home[cell] = (this.home[cell] ?? 0) + 1;
    if (stays) this.fixed[cell] = (this.fixed[cell] ?? 0) + 1;
    else this.movable[member] = (this.movable[member] ?? 0) + 1;
    const place = row * this.zones + (this.zoneOf[member] ?? 0);
    this.zoneCount[place] = (this.zoneCount[place] ?? 0) + 1;
  }

  price(): void {
    for (let row = 0, cell = 0; row < this.rows.length; row += 1) {
      const like = this.rows[row] ?? NO_ROW;
      for (let member = 0; member < this.members; member += 1, cell += 1) this.#priceCell(like, cell, member);
      for (let zone = 0; zone < this.zones; zone += 1) this.#priceZone(row, zone);
    }
  }

  /** One unit more (1) or less (-1) of a row on a member, its load and its zone. */
  change(row: number, member: number, by: 1 | -1): void {
    this.changeCount(row, member, by);
    this.changeZone(row, this.zoneOf[member] ?? 0, by);
    this.changeLoad(member, by);
  }

  changeCount(row: number, member: number, by: 1 | -1): void {
    const cell = row * this.members + member;
    this.count[cell] = (this.count[cell] ?? 0) + by;
    this.movable[member] = (this.movable[member] ?? 0) + by;
    this.#priceCell(this.rows[row] ?? NO_ROW, cell, member);
  }

  changeZone(row: number, zone: number, by: 1 | -1): void {
    const place = row * this.zones + zone;
    this.zoneCount[place] = (this.zoneCount[place] ?? 0) + by;
    this.#priceZone(row, zone);
  }

  changeLoad(member: number, by: 1 | -1): void {
    this.load[member] = (this.load[member] ?? 0) + by * this.unit;
  }

  /** Load for its weight: quotients of whole numbers, so equal ones are equal as numbers too. */
  fullness(member: number): number {
    return (this.load[member] ?? 0) / (this.weights[member] ?? 1);
  }

  /** The fullness it would have with one unit more. */
  fullnessWithOneMore(member: number): number {
    return ((this.load[member] ?? 0) + this.unit) / (this.weights[member] ?? 1);
  }

  #priceCell({ receivers, pairs }: Row, cell: number, member: number): void {
    const count = this.count[cell] ?? 0;
    const home = this.home[cell] ?? 0;
    const pair = pairs ? (this.#prices.pairOn[member] ?? 0) : 0;
    const { move } = this.#prices;
    this.add[cell] =
      count < home ? pair * count - move : receivers[member] === 1 ? pair * count : Number.POSITIVE_INFINITY;
    this.remove[cell] =
      count > (this.fixed[cell] ?? 0) ? (count <= home ? move : 0) - pair * (count - 1) : Number.POSITIVE_INFINITY;
  }

  #priceZone(row: number, zone: number): void {
    const place = row * this.zones + zone;
    const count = this.zoneCount[place] ?? 0;
    const pair = (this.rows[row] ?? NO_ROW).pairs ? (this.#prices.pairIn[zone] ?? 0) : 0;
    this.zoneAdd[place] = pair * count;
    this.zoneRemove[place] = count > 0 ? -pair * (count - 1) : Number.POSITIVE_INFINITY;
  }
}

const NO_ROW: Row = { receivers: new Uint8Array(), pairs: false };
