import { describe, expect, it } from "vitest";
import { fewestMoves, gapsOfStops, movementSince, overlapsOf, takeOvers } from "../../../bench/figures/ownership.ts";
import { workForOthers } from "../../../bench/figures/sink.ts";
import { gapsSinceTold } from "../../../bench/figures/told.ts";
import type { GateTerm } from "../../../src/cli/demo/history.ts";
import type { SinkLine } from "../../support/transitions.ts";

const at = (ms: number): bigint => BigInt(ms) * 1_000_000n;

/** `a r1 10-20` is a term that closed, `a r1 10-` one that is open, `a r1 10+20` one whose replica died. */
function terms(...texts: readonly string[]): GateTerm[] {
  return texts.map((text) => {
    const [, shard = "", replica = "", opened = "", sign = "", closed = ""] =
      /^(\w+) (\w+) (\d+)([-+])(\d*)$/.exec(text) ?? [];
    const closedNs = closed === "" ? undefined : at(Number(closed));
    const end = sign === "+" ? "died" : closed === "" ? "open" : "closed";
    return { shard, replica, epoch: "0", openedNs: at(Number(opened)), closedNs, end } as const;
  });
}

describe("two owners at once", () => {
  it("are counted as a small gap", () => {
    const overlapping = terms("a r1 0-100", "a r2 71-200");
    expect(overlapsOf(overlapping)).toEqual({ count: 1, longestMs: 29 });
    expect(gapsOfStops(overlapping, new Map([["r1", at(50)]]))).toEqual([]);
  });

  it("are seen where one ends exactly when the next begins", () => {
    expect(overlapsOf(terms("a r1 0-100", "a r2 100-200"))).toEqual({ count: 0, longestMs: 0 });
  });

  it("are hidden by a term that never closed", () => {
    expect(overlapsOf(terms("a r1 0-", "a r2 40-90"))).toEqual({ count: 1, longestMs: 50 });
  });
});

describe("gaps of a planned stop", () => {
  it("count what moved for another reason, before the stop or from another replica", () => {
    const history = terms(
      "a r1 0-10",
      "a r2 30-100",
      "a r3 120-",
      "b r2 0-101",
      "b r3 107-",
      "c r3 0-110",
      "c r1 140-",
    );
    expect(gapsOfStops(history, new Map([["r2", at(99)]]))).toEqual([20, 6]);
  });

  it("begin when the peer says that it stopped, although its work was told before", () => {
    const told = { name: "r1", lines: [{ event: "work-told-to-stop", shard: "a", monotonicNs: String(at(90)) }] };
    expect(gapsSinceTold([told], terms("a r1 0-100", "a r2 130-"), new Map([["r1", at(80)]]))).toEqual([40]);
  });
});

describe("a crash", () => {
  it("leaves out the shards that come back last, or counts those that were not the dead replica's", () => {
    const history = terms("a r1 0+100", "b r1 0+100", "c r2 0-", "a r2 115-120", "a r3 125-", "b r3 190-");
    expect(takeOvers(history, "r1", at(100))).toEqual([15, 90]);
  });

  it("counts a shard that nobody took as taken", () => {
    expect(takeOvers(terms("a r1 0+100"), "r1", at(100))).toEqual([]);
  });
});

describe("moves", () => {
  it("are counted when a replica opens its own shard again, or before the event", () => {
    const history = terms(
      "a r1 0-10",
      "a r2 15-100",
      "a r4 105-",
      "b r1 0-102",
      "b r1 103-",
      "c r3 0-110",
      "c r4 130-",
    );
    expect(movementSince(history, at(90))).toEqual({ moves: 2, gaps: [5, 20], untilLastMs: 40, movingMs: 30 });
  });

  it("have a minimum that is too high or too low for an uneven fleet", () => {
    expect(fewestMoves([6, 5, 5, 0], 4)).toBe(4);
    expect(fewestMoves([22, 22, 21, 0], 4)).toBe(16);
    expect(fewestMoves([16, 0, 0], 3)).toBe(10);
    expect(fewestMoves([4, 4, 4, 4], 4)).toBe(0);
    expect(fewestMoves([10, 0, 0, 0, 0, 0, 0, 0, 0, 0], 10)).toBe(9);
  });
});

describe("work for shards of others", () => {
  const line = (ms: number, shard: string, pid: number, phase: SinkLine["phase"] = "begin"): SinkLine => ({
    phase,
    resource: "configmaps",
    key: `default/${shard}`,
    shard,
    epoch: "0",
    round: "",
    note: "",
    pid,
    ns: at(ms),
  });
  const history = terms("a r1 0-110", "a r2 60-", "b r1 0-");

  it("is hidden by the claim of the woken process that its gate was open", () => {
    expect(workForOthers([line(105, "a", 1)], history, { name: "r1", pid: 1 }, at(100))).toHaveLength(1);
  });

  it("is found where there is none: begun before, of its own shard, by the owner, or only ended late", () => {
    const innocent = [line(50, "a", 1), line(105, "b", 1), line(105, "a", 2), line(105, "a", 1, "end")];
    expect(workForOthers(innocent, history, { name: "r1", pid: 1 }, at(100))).toEqual([]);
  });
});
