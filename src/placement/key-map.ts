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
    id: `${ALGORITHM}/${buckets}`,
    count: buckets,
    bucketOf: buckets === 1 ? () => 0 : ringLookup(buckets),
  };
  built.set(buckets, keyMap);
  return keyMap;
}

function ringLookup(buckets: number): (key: string) => number {
  const bucketByServer = new Map<string, number>();
  for (let bucket = 0; bucket < buckets; bucket++) bucketByServer.set(`bucket-${bucket}`, bucket);
  const ring = buildRing(bucketByServer.keys());
  return (key) => {
    // `range` does not pass through hashring's cache, which would keep 5,000 keys alive and hit none of 1,000,000.
    const [server] = ring.range(key, 1);
    const bucket = server === undefined ? undefined : bucketByServer.get(server);
    if (bucket === undefined)
      throw new ElectorateError("misuse", `the ring of ${buckets} buckets has no bucket for key ${key}`);
    return bucket;
  };
}

function buildRing(servers: Iterable<string>): HashRing {
  const points: Record<string, { vnodes: number }> = {};
  for (const server of servers) points[server] = { vnodes: HASHES_PER_BUCKET };
  // SHA-256, because hashring's default, MD5, is refused by OpenSSL in FIPS mode.
  return new HashRing(points, (text) => hash("sha256", text, "buffer"), { replicas: POINTS_PER_HASH });
}
