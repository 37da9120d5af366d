import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quantile, summaryOf } from "../../../bench/figures/quantiles.ts";

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe("a quantile", () => {
  it("is invented between two measured values, or off by one of them", () => {
    expect([0, 0.5, 0.99, 1].map((q) => quantile(upTo(100), q))).toEqual([1, 50, 99, 100]);
    expect([0.5, 0.99].map((q) => quantile([7, 3], q))).toEqual([3, 7]);
  });

  it("of few values flatters the tail: p99 of ten is not their largest", () => {
    expect(quantile(upTo(10), 0.99)).toBe(10);
  });

  it("depends on the order in which the values were measured", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const found = quantile(values, q);
        expect(quantile(values.toReversed(), q)).toBe(found);
        // At least the share q is not above it, and it is the smallest such value.
        expect(values.filter((value) => value <= found).length).toBeGreaterThanOrEqual(q * values.length);
        if (q > 0) expect(values.filter((value) => value < found).length).toBeLessThan(q * values.length);
      }),
    );
  });

  it("of nothing is taken for zero, a perfect result", () => {
    expect(quantile([], 0.5)).toBeNaN();
    expect(summaryOf([])).toBeUndefined();
  });
});
