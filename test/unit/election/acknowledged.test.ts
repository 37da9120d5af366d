import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Acknowledged } from "../../../src/election/acknowledged.ts";

const V = 10_000;

describe("the history of acknowledged writes", () => {
  it("without any write nothing is known, so that nothing opens without one", () => {
    expect(new Acknowledged(V).sentBefore("100")).toBeUndefined();
  });

  it("a write that was stored later than the version in question says nothing about it", () => {
    const acknowledged = new Acknowledged(V);
    acknowledged.note("101", 5);
    expect(acknowledged.sentBefore("100")).toBeUndefined();
    expect(acknowledged.sentBefore("101")).toBe(5);
  });

  it("the newest sending that is old enough counts, so that as little validity as possible is lost", () => {
    const acknowledged = new Acknowledged(V);
    acknowledged.note("10", 1_000);
    acknowledged.note("20", 3_000);
    acknowledged.note("30", 5_000);
    expect(acknowledged.sentBefore("29")).toBe(3_000);
  });

  it("answers that come in another order than the writes were stored do not mislead", () => {
    const acknowledged = new Acknowledged(V);
    acknowledged.note("30", 5_000);
    acknowledged.note("10", 1_000);
    acknowledged.note("20", 6_000);
    expect(acknowledged.sentBefore("9")).toBeUndefined();
    expect(acknowledged.sentBefore("10")).toBe(1_000);
    expect(acknowledged.sentBefore("20")).toBe(6_000);
    expect(acknowledged.sentBefore("99")).toBe(6_000);
  });

  it("10 is after 9: versions are numbers of any length, not texts", () => {
    const acknowledged = new Acknowledged(V);
    acknowledged.note("10", 1_000);
    expect(acknowledged.sentBefore("9")).toBeUndefined();
    acknowledged.note("99999999999999999999", 2_000);
    expect(acknowledged.sentBefore("100000000000000000000")).toBe(2_000);
  });

  it("a resourceVersion that is no number is not kept: it could be neither before nor after anything", () => {
    const acknowledged = new Acknowledged(V);
    for (const strange of ["", "abc", "1.5", "-3", "0x10", "٣"]) acknowledged.note(strange, 1_000);
    expect(acknowledged.sentBefore("999999")).toBeUndefined();
  });

  it("what is remembered is never later than what any write of that age proves, whatever comes in whatever order", () => {
    const write = fc.record({ rv: fc.integer({ min: 1, max: 60 }), sentMs: fc.integer({ min: 0, max: 3 * V }) });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 40 }), fc.integer({ min: 0, max: 61 }), (writes, asked) => {
        const acknowledged = new Acknowledged(V);
        for (const { rv, sentMs } of writes) acknowledged.note(String(rv), sentMs);
        const newestMs = Math.max(0, ...writes.map(({ sentMs }) => sentMs));
        const old = writes.filter(({ rv }) => rv <= asked).map(({ sentMs }) => sentMs);
        const bestMs = old.length === 0 ? undefined : Math.max(...old);
        const found = acknowledged.sentBefore(String(asked));
        // What has grown too old to grant anything may have been forgotten; nothing may have been invented.
        if (bestMs !== undefined && bestMs > newestMs - V) expect(found).toBe(bestMs);
        else expect(found === undefined || old.includes(found)).toBe(true);
      }),
    );
  });

  it("a watch that shows old writes only is taken for one that is up to date", () => {
    const acknowledged = new Acknowledged(V);
    acknowledged.note("10", 1_000);
    acknowledged.note("20", 30_000);
    expect(acknowledged.isRecent("20", 30_000 + V - 1)).toBe(true);
    expect(acknowledged.isRecent("20", 30_000 + V)).toBe(false);
    expect(acknowledged.isRecent("19", 30_000)).toBe(false);
    expect(acknowledged.isRecent("9", 1_000)).toBe(false);
    expect(acknowledged.isRecent("", 1_000)).toBe(false);
  });
});
