import { hash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKeyMap, MOST_BUCKETS } from "../../../src/placement/key-map.ts";

const KEYS = Array.from({ length: 20_000 }, (_, index) => `namespace-${index % 37}/object-${index}`);

function load(buckets: number): number[] {
  const keyMap = createKeyMap(buckets);
  const counts = new Array<number>(buckets).fill(0);
  for (const key of KEYS) counts[keyMap.bucketOf(key)]! += 1;
  return counts;
}

describe("an id is a promise: replicas of different releases that show one id agree on every key", () => {
  // These buckets were written down when the algorithm was made. If this fails, the algorithm changed: give it a new version
  // instead of changing the numbers, or two replicas will work on the same key during a rolling update.
  const keys = [
    "default/a",
    "default/b",
    "kube-system/coredns",
    "shop/cart-0",
    "shop/cart-1",
    "cluster-scoped",
    "",
    "x/ünï-✓",
  ];

  it.each([
    [2, [1, 1, 1, 1, 0, 0, 1, 0]],
    [7, [5, 2, 1, 3, 3, 3, 4, 4]],
    [8, [5, 2, 1, 3, 3, 3, 4, 4]],
    [16, [5, 2, 1, 8, 9, 3, 11, 4]],
    [64, [26, 46, 1, 8, 30, 3, 48, 18]],
    [1_024, [26, 966, 562, 461, 672, 774, 600, 149]],
  ])("hashring-1/%i maps fixed keys to fixed buckets", (count, buckets) => {
    const keyMap = createKeyMap(count);
    expect(keyMap.id).toBe(`hashring-1/${count}`);
    expect(keyMap.count).toBe(count);
    expect(keys.map((key) => keyMap.bucketOf(key))).toEqual(buckets);
  });

  it.each([
    [8, "388597feda51bf8737d9b5e9dcd9c9ac2aad953e6306de302eb3c734e398dfdc"],
    [16, "332b9ecdb8c6be08ff579db49fc78f8adcc014ddb8ad895502cda0d3d62bac56"],
    [64, "6a96d672dc9072c0b95bd22aea87f38a7fb7356df07d04604641ef67bf902c33"],
  ])(
    "hashring-1/%i maps 20,000 keys as it always did, so that not even one point of the ring has moved",
    (count, digest) => {
      const keyMap = createKeyMap(count);
      const buckets = KEYS.map((key) => keyMap.bucketOf(key)).join();
      expect(hash("sha256", buckets)).toBe(digest);
    },
  );
});

describe("balance", () => {
  it.each([8, 16, 64])(
    "no bucket of %i holds more than 1.1 x the mean, beyond what chance does to 20,000 keys",
    (buckets) => {
      const mean = KEYS.length / buckets;
      // Three standard deviations of a binomial count around the mean.
      expect(Math.max(...load(buckets))).toBeLessThanOrEqual(mean * 1.1 + 3 * Math.sqrt(mean));
    },
  );

  it("no bucket stays empty, also with the counts at which hashring itself loses points", () => {
    for (const buckets of [2, 3, 5, 7, 14, 28, 49, 56, 64]) expect(Math.min(...load(buckets))).toBeGreaterThan(0);
  });

  it("a look-up does not depend on those before it", () => {
    const keyMap = createKeyMap(16);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (key) => {
        const bucket = keyMap.bucketOf(key);
        for (const other of KEYS.slice(0, 10)) keyMap.bucketOf(other);
        expect(keyMap.bucketOf(key)).toBe(bucket);
        expect(bucket).toBeGreaterThanOrEqual(0);
        expect(bucket).toBeLessThan(16);
      }),
    );
  });
});

describe("a change of the count moves no more keys than it must", () => {
  it("growing moves keys to the new buckets only, and about their share of all keys", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 48 }), fc.integer({ min: 1, max: 16 }), (before, added) => {
        const old = createKeyMap(before);
        const grown = createKeyMap(before + added);
        let moved = 0;
        for (const key of KEYS) {
          const from = old.bucketOf(key);
          const to = grown.bucketOf(key);
          if (from === to) continue;
          moved++;
          if (to < before) throw new Error(`${key} moved from ${from} to ${to}, which existed before`);
        }
        const share = added / (before + added);
        expect(moved / KEYS.length).toBeLessThan(share * 1.2 + 0.01);
        expect(moved / KEYS.length).toBeGreaterThan(share * 0.8 - 0.01);
      }),
      { numRuns: 20 },
    );
  });
});

describe("the bounds", () => {
  it("one bucket is the identity: it costs no ring and takes every key", () => {
    expect(createKeyMap(1).id).toBe("hashring-1/1");
    for (const key of KEYS.slice(0, 100)) expect(createKeyMap(1).bucketOf(key)).toBe(0);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, MOST_BUCKETS + 1])(
    "refuses %d buckets, naming the number and the bounds",
    (buckets) => {
      const message: unknown = expect.stringMatching(new RegExp(`1 to ${MOST_BUCKETS}.*${buckets}`));
      expect(() => createKeyMap(buckets)).toThrow(expect.objectContaining({ code: "invalid-configuration", message }));
    },
  );
});
