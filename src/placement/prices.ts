/**
 * What a placement costs beyond its load, as one whole number per unit of flow: a move outweighs every pair that it could
 * save, a pair on one member outweighs every pair in one zone. The goals of the plan in their order are then one sum, and
 * comparing two plans is comparing two numbers.
 */

export interface Prices {
  /** Price of one move. */
  readonly move: number;
  /** For each member, price of each pair of buckets of one resource on it: in proportion to 1 / weight. */
  readonly pairOn: Float64Array;
  /** For each zone, price of each pair of buckets of one resource in it. */
  readonly pairIn: Float64Array;
}

export interface PriceInput {
  readonly weights: Float64Array;
  readonly zoneWeights: Float64Array;
  /** Rows of the board: groups of shards that are alike. */
  readonly rows: number;
  /** Shards of the largest row. */
  readonly largestRow: number;
  /** Pairs that an extra move must remove; infinite when no move is made for the spread. */
  readonly pairsPerMove: number;
}

/** Sums of prices stay far below 2^53, where numbers stop being exact. */
const MOST_PRICE = 2 ** 50;

/**
 * Proportions are exact while the least common multiple of the weights fits what is left below {@link MOST_PRICE}, else
 * they are rounded to what fits; every replica rounds alike.
 */
export function pricesOf({ weights, zoneWeights, rows, largestRow, pairsPerMove }: PriceInput): Prices {
  // A cycle of changes visits each member and each row once at most.
  const steps = 2 * (Math.min(weights.length, rows) + 1);
  const perUnit = steps * (largestRow + 1);
  const oneZone = zoneWeights.length < 2;
  const ordered = pairsPerMove === Number.POSITIVE_INFINITY;
  const room = Math.max(1, MOST_PRICE / (4 * steps * perUnit * (oneZone ? 1 : perUnit) * (ordered ? 1 : steps)));
  const share = Math.max(1, Math.floor(oneZone ? room : Math.sqrt(room)));
  const members = proportions(weights, share);
  const zones = oneZone ? new Float64Array(zoneWeights.length) : proportions(zoneWeights, share).prices;
  const zonesAtMost = oneZone ? 0 : perUnit * Math.max(...zones);
  const pairsAtMost = perUnit * Math.max(1, ...members.prices);
  if (ordered) {
    const pair = zonesAtMost + 1;
    return {
      move: pairsAtMost * pair + zonesAtMost + 1,
      pairOn: members.prices.map((price) => price * pair),
      pairIn: zones,
    };
  }
  // A move that removes just as many pairs as it must is made: it costs a little less than they do.
  const little = zonesAtMost + 1;
  const pair = little * (steps + 1);
  const meanWeight = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  const pairs = Math.max(1, Math.min(Math.round((pairsPerMove * members.whole) / meanWeight), pairsAtMost + 1));
  return {
    move: pairs * pair - little,
    pairOn: members.prices.map((price) => price * pair),
    pairIn: zones,
  };
}

/** Whole numbers in proportion to 1 / weight, `most` at most; `whole` / weight is each one's exact value. */
function proportions(weights: Float64Array, most: number): { readonly prices: Float64Array; readonly whole: number } {
  const least = weights.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
  let multiple = 1;
  for (const weight of new Set(weights)) {
    multiple = (multiple / commonDivisor(multiple, weight)) * weight;
    if (multiple / least > most) break;
  }
  const whole = multiple / least > most ? most * least : multiple;
  return { prices: weights.map((weight) => Math.max(1, Math.round(whole / weight))), whole };
}

function commonDivisor(one: number, other: number): number {
  let [large, small] = [one, other];
  while (small > 0) [large, small] = [small, large % small];
  return large;
}
