import { hash } from "node:crypto";
import HashRing from "hashring";
import { ElectorateError } from "../runtime/errors.ts";

/**
 * Which bucket of a resource a key belongs to.
 *
 * Promises: the same id gives the same bucket for the same key, in every process, for ever (the id stands in Leases, and
 * replicas with equal ids trust each other's buckets); changing the count from n to m moves about |m - n| / max(n, m) of
 * the keys; one bucket is the identity and costs nothing. A change of anything in `buildRing` therefore needs a new
 * `ALGORITHM` beside the old one, never a change of it; a test with fixed keys guards that.
 */
export interface KeyMap {
  /** `<algorithm>-<version>/<count>`, such as `hashring-1/8`: the value of the annotation `electorate.dev/key-map`. */
  readonly id: string;
  /** Number of buckets; `bucketOf` answers 0 to `count` - 1. */
  readonly count: number;
  bucketOf(key: string): number;
}

/** The most buckets of one resource: beyond it, building the ring would block the start of a replica for seconds. */
export const MOST_BUCKETS = 1_024;

const ALGORITHM = "hashring-1";

/**
 * 192 hashes of 8 points each are 1,536 points per bucket: the fullest arc is 1.03 x the mean with 8 and 16 buckets and
 * 1.06 x with 64 (measured), and 64 buckets are built in about 0.1 s. A count of hashes that is not hashring's
 * default of 40 also avoids its rounding, which loses points at some numbers of members.
 */
const HASHES_PER_BUCKET = 192;
const POINTS_PER_HASH = 8;

/** Key maps are immutable and expensive to build, and most resources of a coordinator share a count. */
const built = new Map<number, KeyMap>();

/** The key map for a number of buckets, 1 to {@link MOST_BUCKETS}; throws `invalid-configuration` for any other number. */
export function createKeyMap(buckets: number): KeyMap {
  if (!Number.isInteger(buckets) || buckets < 1 || buckets > MOST_BUCKETS) {
    throw new ElectorateError(
      "invalid-configuration",
      `buckets must be a whole number from 1 to ${MOST_BUCKETS}, but is ${buckets}; more buckets than about four per worker of the whole fleet gain nothing`,
    );
  }
  const known = built.get(buckets);
  if (known !== undefined) return known;
  const keyMap: KeyMap = {
    id: idOf(buckets),
    count: buckets,
    bucketOf: buckets === 1 ? () => 0 : ringLookup(buckets),
  };
  built.set(buckets, keyMap);
  return keyMap;
}

/** How many buckets the key map of an id has, of whatever algorithm; `undefined` for a text that is no such id. */
export function bucketCountOf(id: string): number | undefined {
  const count = Number(/^[^/]+\/(\d{1,9})$/.exec(id)?.[1] ?? 0);
  return count > 0 ? count : undefined;
}

/** The key map of an id, as a Lease carries it; `undefined` for one that this version does not know. */
export function keyMapOf(id: string): KeyMap | undefined {
  const count = bucketCountOf(id) ?? 0;
  if (count < 1 || count > MOST_BUCKETS || id !== idOf(count)) return undefined;
  return createKeyMap(count);
}

function idOf(buckets: number): string {
  return `${ALGORITHM}/${buckets}`;
}

/**
 * Looks a key up on the ring that hashring builds. Its points are copied into two arrays of numbers, 6 bytes each and off the heap:
 * hashring's own objects take ten times as much for as long as the process lives, and its cache 5,000 keys.
 */
function ringLookup(buckets: number): (key: string) => number {
  const { values, owners } = pointsOf(buckets);
  return (key) => owners[firstAtOrAbove(values, hashValue(key))] ?? 0;
}

/** Apart from the look-up, whose closure would keep alive whatever stands here beside the two arrays. */
function pointsOf(buckets: number): { readonly values: Uint32Array; readonly owners: Uint16Array } {
  const names = Array.from({ length: buckets }, (_, bucket) => `bucket-${bucket}`);
  // The package's types have this method's answer wrong.
  const valuesByName = buildRing(names).points(names) as unknown as Readonly<Record<string, readonly number[]>>;
  const points = names
    .flatMap((name, bucket) => (valuesByName[name] ?? []).map((value) => ({ value, bucket })))
    .sort((one, other) => one.value - other.value);
  return {
    values: Uint32Array.from(points, ({ value }) => value),
    owners: Uint16Array.from(points, ({ bucket }) => bucket),
  };
}

/** As hashring reads a digest: its first four bytes, the lowest first. */
function hashValue(key: string): number {
  return hash("sha256", key, "buffer").readUInt32LE(0);
}

/** The point that a hash belongs to: the first at or above it, and past the last the first again. */
function firstAtOrAbove(values: Uint32Array, value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low === values.length ? 0 : low;
}

function buildRing(servers: Iterable<string>): HashRing {
  const points: Record<string, { vnodes: number }> = {};
  for (const server of servers) points[server] = { vnodes: HASHES_PER_BUCKET };
  // SHA-256, because hashring's default, MD5, is refused by OpenSSL in FIPS mode.
  return new HashRing(points, (text) => hash("sha256", text, "buffer"), { replicas: POINTS_PER_HASH });
}
