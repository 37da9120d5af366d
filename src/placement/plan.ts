import { Board } from "./board.ts";
import { drawMoves, type Lying, leaving } from "./draw.ts";
import { compareText, type Fleet, fleetOf, type PlanMember } from "./fleet.ts";
import { cancelCycles } from "./flow.ts";
import { HeavyBoard, placeHeavy } from "./heavy.ts";
import { type Homeless, level, placeHomeless } from "./levels.ts";
import { levelByChains } from "./paths.ts";
import { type Prices, pricesOf } from "./prices.ts";
import { type Rows, rowsOf } from "./rows.ts";
import { HOMELESS, isLevel, type PlanOptions, type PlanShard, type Standing, standingOf } from "./standing.ts";

/**
 * The wanted holder of every shard: a pure function of what all members can see, so that it needs no leader.
 *
 * Promises, in this order: load as level as it can be; as few moves as that takes; as few pairs of buckets of one resource on
 * one member as those moves allow; then in one zone; only then the ring. The same answer for members, shards and holders in
 * any order; no moves when nothing changed; planning again on what a plan made changes nothing; no shard to a member that is
 * draining, cordoned or gone.
 *
 * Reading order: `fleet` (who may be given what), `standing` (what is fixed, homeless, free), `rows` (which shards are alike),
 * `levels` and `paths` (an optimal load), `flow` (the optimum of the rest), `draw` (names). Shards of different weight go
 * through `heavy` instead, because their optimum is NP-hard.
 */
export interface Plan {
  /** Shards whose target is not their holder, with the target; null: nobody may have it, and it is released. */
  readonly moves: ReadonlyMap<string, string | null>;
  /** Shards whose pin binds nothing, by id: it names no ready member that is prepared for the shard. */
  readonly voidPins: readonly string[];
}

/** The target of a shard that is part of the plan; null when nobody may have it. `holders`: those that the plan was made from. */
export function targetOf(made: Plan, holders: ReadonlyMap<string, string>, shard: string): string | null {
  const moved = made.moves.get(shard);
  return moved === undefined ? (holders.get(shard) ?? null) : moved;
}

/**
 * Makes the plan. `members` are the live ones; a holder that is not among them is dead. Shards with a foreign holder are left
 * out by the caller. Ids are unique.
 */
export function plan(
  members: readonly PlanMember[],
  shards: readonly PlanShard[],
  holders: ReadonlyMap<string, string>,
  options: PlanOptions = {},
): Plan {
  const fleet = fleetOf(members, options.rolloutOver ?? false);
  const standing = standingOf(fleet, shards, holders, options);
  const { pinned, voidPins, homeless } = standing;
  const calm = homeless === 0 && pinned.size === 0;
  if (homeless === 0 && isLevel(fleet, standing) && (!calm || options.respread === undefined)) {
    return { moves: pinned, voidPins };
  }
  const making = new Making(fleet, shards, standing);
  const drawn = making.targets(calm ? options.respread : undefined);
  const moves = new Map<string, string | null>([...pinned, ...drawn]);
  for (const shard of making.homeless) {
    if (!drawn.has(shard) && holders.has(shard)) moves.set(shard, null);
  }
  return { moves, voidPins };
}

/** One plan while it is being made. */
class Making {
  readonly #fleet: Fleet;
  readonly #shards: readonly PlanShard[];
  readonly #standing: Standing;
  readonly #rows: Rows;
  readonly #ids: readonly string[];
  readonly #homeless: readonly Homeless[];

  constructor(fleet: Fleet, shards: readonly PlanShard[], standing: Standing) {
    this.#fleet = fleet;
    this.#shards = shards;
    this.#standing = standing;
    this.#rows = rowsOf(fleet, shards, standing.lightest !== standing.heaviest);
    this.#ids = fleet.members.map(({ id }) => id);
    this.#homeless = this.#findHomeless();
  }

  get homeless(): readonly string[] {
    return this.#homeless.map(({ shard }) => shard);
  }

  /** New members of the shards that get one. `respread`: pairs per extra move, where such moves are asked for. */
  targets(respread: number | undefined): ReadonlyMap<string, string> {
    let board = this.#board(Number.POSITIVE_INFINITY);
    if (this.#standing.lightest !== this.#standing.heaviest) {
      placeHeavy(new HeavyBoard(board, this.#rows.weights, this.#rows.resources), this.#homeless);
    } else if (this.#level(board)) {
      cancelCycles(board);
    } else if (respread !== undefined) {
      board = this.#board(respread);
      cancelCycles(board);
    }
    return drawMoves(board, this.#lying(board), this.#ids);
  }

  /** An optimal load; false when it was optimal before. */
  #level(board: Board): boolean {
    placeHomeless(board, this.#homeless, this.#ids);
    const receivers = this.#rows.rows[0]?.receivers;
    if (receivers === undefined) return false;
    const before = board.load.slice();
    if (this.#rows.rows.every((row) => row.receivers === receivers)) level(board, receivers);
    else levelByChains(board);
    return this.#homeless.length > 0 || before.some((load, member) => load !== board.load[member]);
  }

  #board(pairsPerMove: number): Board {
    const { memberOf, fixed, load, lightest } = this.#standing;
    const { rows, rowOf } = this.#rows;
    const weights = Float64Array.from(this.#fleet.members, ({ weight }) => weight);
    const { zoneOf, zoneWeights } = zonesOf(this.#fleet);
    const prices: Prices = pricesOf({
      weights,
      zoneWeights,
      rows: rows.length,
      largestRow: this.#rows.largest,
      pairsPerMove,
    });
    const board = new Board({ rows, zoneOf, weights, load: load.slice(), unit: lightest, prices });
    for (let index = 0; index < memberOf.length; index += 1) {
      const member = memberOf[index] ?? HOMELESS;
      if (member !== HOMELESS) board.put(rowOf[index] ?? 0, member, fixed[index] === 1);
    }
    board.price();
    return board;
  }

  /** By row and id, so that their order in the input does not matter. */
  #findHomeless(): readonly Homeless[] {
    const homeless: Homeless[] = [];
    const { memberOf } = this.#standing;
    for (let index = 0; index < memberOf.length && homeless.length < this.#standing.homeless; index += 1) {
      const shard = memberOf[index] === HOMELESS ? this.#shards[index] : undefined;
      if (shard !== undefined) homeless.push({ shard: shard.id, row: this.#rows.rowOf[index] ?? 0 });
    }
    return homeless.sort((one, other) => one.row - other.row || compareText(one.shard, other.shard));
  }

  /** The homeless, and the free shards of every member that loses some of their row. */
  #lying(board: Board): readonly Lying[] {
    const lying: Lying[] = this.#homeless.map(({ shard, row }) => ({ shard, row, member: undefined }));
    const { memberOf, fixed } = this.#standing;
    for (let index = 0; index < memberOf.length; index += 1) {
      const member = memberOf[index] ?? HOMELESS;
      const row = this.#rows.rowOf[index] ?? 0;
      if (member === HOMELESS || fixed[index] === 1 || leaving(board, row, member) <= 0) continue;
      const shard = this.#shards[index];
      if (shard !== undefined) lying.push({ shard: shard.id, row, member });
    }
    return lying;
  }
}

interface Zones {
  readonly zoneOf: Float64Array;
  readonly zoneWeights: Float64Array;
}

/** Zones in the order of their names; each weighs as much as the members in it that may hold shards. */
function zonesOf({ members }: Fleet): Zones {
  const names = [...new Set(members.map(({ zone }) => zone))].sort(compareText);
  const numbers = new Map(names.map((name, zone) => [name, zone]));
  const zoneOf = Float64Array.from(members, ({ zone }) => numbers.get(zone) ?? 0);
  const zoneWeights = new Float64Array(names.length);
  members.forEach(({ weight }, member) => {
    const zone = zoneOf[member] ?? 0;
    zoneWeights[zone] = (zoneWeights[zone] ?? 0) + weight;
  });
  return { zoneOf, zoneWeights };
}
