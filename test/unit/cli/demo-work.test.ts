import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GateTerm } from "../../../src/cli/demo/history.ts";
import {
  duplicates,
  lostKeys,
  type Reconcile,
  staleReconciles,
  unownedReconciles,
} from "../../../src/cli/demo/work.ts";

const none = new Map<string, bigint>();

function reconcile(
  replica: string,
  key: string,
  startedNs: number,
  endedNs: number | undefined,
  epoch = "1",
): Reconcile {
  return {
    replica,
    key,
    shard: "a",
    epoch,
    startedNs: BigInt(startedNs),
    endedNs: endedNs === undefined ? undefined : BigInt(endedNs),
    result: endedNs === undefined ? "open" : "written",
  };
}

function term(replica: string, openedNs: number, epoch: string, shard = "a"): GateTerm {
  return { shard, replica, epoch, openedNs: BigInt(openedNs), closedNs: undefined, end: "open" };
}

describe("duplicates", () => {
  it("two replicas work on one key at once and nobody sees it", () => {
    const found = duplicates([reconcile("r1", "k", 0, 10), reconcile("r2", "k", 9, 20)], none);
    expect(found.map(({ key, first, second }) => [key, first.replica, second.replica])).toEqual([["k", "r1", "r2"]]);
  });

  it("one replica works on one key twice at once and nobody sees it", () => {
    expect(duplicates([reconcile("r1", "k", 0, 10), reconcile("r1", "k", 1, 2)], none)).toHaveLength(1);
  });

  it("a long run hides behind a short one", () => {
    const runs = [reconcile("r1", "k", 0, 100), reconcile("r2", "k", 10, 11), reconcile("r3", "k", 50, 60)];
    expect(duplicates(runs, none)).toHaveLength(2);
  });

  it("a run that never ended overlaps with nothing", () => {
    expect(duplicates([reconcile("r1", "k", 0, undefined), reconcile("r2", "k", 99, 100)], none)).toHaveLength(1);
  });

  it("the order of the journal decides", () => {
    expect(duplicates([reconcile("r2", "k", 9, 20), reconcile("r1", "k", 0, 10)], none)).toHaveLength(1);
  });

  it("a run that its replica's death ended is held against the next owner", () => {
    const runs = [reconcile("r1", "k", 0, undefined), reconcile("r2", "k", 60, 70)];
    expect(duplicates(runs, new Map([["r1", 50n]]))).toEqual([]);
    expect(duplicates(runs, new Map([["r1", 61n]]))).toHaveLength(1);
  });

  it("a report that left the pipe of a dead replica is held against the next owner", () => {
    const runs = [reconcile("r1", "k", 55, undefined), reconcile("r2", "k", 60, 70)];
    expect(duplicates(runs, new Map([["r1", 50n]]))).toEqual([]);
  });

  it("runs one after the other, or of different keys, are accused", () => {
    const runs = [reconcile("r1", "k", 0, 10), reconcile("r2", "k", 10, 20), reconcile("r3", "other", 5, 15)];
    expect(duplicates(runs, none)).toEqual([]);
  });

  it("a sweep misses what comparing every pair finds", () => {
    const runs = fc.array(fc.record({ key: fc.constantFrom("k", "l"), start: fc.nat(30), length: fc.nat(10) }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(runs, (drawn) => {
        const all = drawn.map(({ key, start, length }, index) =>
          // Distinct starts, so that "which of the two is the later" has one answer.
          reconcile("r", key, start * 100 + index, (start + length) * 100 + index),
        );
        const overlapped = all.filter((later) =>
          all.some(
            (earlier) =>
              earlier.key === later.key &&
              earlier.startedNs < later.startedNs &&
              later.startedNs < (earlier.endedNs ?? 0n),
          ),
        );
        expect(new Set(duplicates(all, none).map(({ second }) => second))).toEqual(new Set(overlapped));
      }),
    );
  });
});

describe("stale work", () => {
  const terms = [term("r1", 0, "9"), term("r2", 100, "10")];

  it("a replica goes on after another opened with a higher epoch and nobody sees it", () => {
    const late = reconcile("r1", "k", 101, 102, "9");
    expect(staleReconciles([late], terms, none)).toEqual([late]);
  });

  it("work before the new owner, of the new owner, or of another shard is accused", () => {
    const other = { ...reconcile("r1", "k", 200, 201, "9"), shard: "b" };
    const runs = [reconcile("r1", "k", 99, 150, "9"), reconcile("r2", "k", 101, 102, "10"), other];
    expect(staleReconciles(runs, terms, none)).toEqual([]);
  });

  it("a report that left the pipe of a dead replica is accused", () => {
    expect(staleReconciles([reconcile("r1", "k", 101, undefined, "9")], terms, new Map([["r1", 50n]]))).toEqual([]);
  });
});

describe("work without a gate", () => {
  it("passes unseen", () => {
    const terms = [term("r1", 10, "9")];
    const early = reconcile("r1", "k", 9, 20, "9");
    const foreign = reconcile("r2", "k", 30, 31, "9");
    const other = reconcile("r1", "k", 30, 31, "8");
    expect(unownedReconciles([early, foreign, other, reconcile("r1", "k", 11, 12, "9")], terms)).toEqual([
      early,
      foreign,
      other,
    ]);
  });
});

describe("lost keys", () => {
  const wanted = new Map([
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
    ["d", "4"],
  ]);

  it("an object that is behind, overwritten, never seen or gone is not lost", () => {
    expect(
      lostKeys(wanted, [
        { key: "a", wanted: "1", observed: "0" },
        { key: "b", wanted: "1", observed: "1" },
        { key: "c", wanted: "3", observed: undefined },
      ]),
    ).toEqual(["a", "b", "c", "d"]);
  });

  it("an object that is reconciled is lost", () => {
    const objects = [...wanted].map(([key, value]) => ({ key, wanted: value, observed: value }));
    expect(lostKeys(wanted, objects)).toEqual([]);
  });
});
