import { describe, expect, it } from "vitest";
import type { RecordedTransition } from "../../../src/cli/demo/history.ts";
import { type Evidence, percentile, summarise } from "../../../src/cli/demo/summary.ts";
import { summaryText } from "../../../src/cli/demo/summary-text.ts";
import { plain } from "../../../src/cli/demo/view.ts";
import type { Reconcile } from "../../../src/cli/demo/work.ts";

function gate(replica: string, event: "gate-opened" | "gate-closed", atMs: number, epoch: string): RecordedTransition {
  return { replica, event, shard: "a", epoch, reason: "test", marginMs: undefined, ns: BigInt(atMs) * 1_000_000n };
}

function run(replica: string, epoch: string, startMs: number, endMs: number): Reconcile {
  const ns = (ms: number): bigint => BigInt(ms) * 1_000_000n;
  return { replica, shard: "a", epoch, key: "k", startedNs: ns(startMs), endedNs: ns(endMs), result: "written" };
}

/** One shard, handed from r1 to r2 at 100 to 104 ms, one object that both reconciled: nothing to complain of. */
const CLEAN: Evidence = {
  shards: ["a"],
  replicas: ["r2", "r3"],
  steps: [
    { title: "start", startedNs: 0n, endedNs: 50_000_000n, note: "" },
    { title: "stop", startedNs: 50_000_000n, endedNs: 200_000_000n, note: "" },
  ],
  transitions: [
    gate("r1", "gate-opened", 10, "7"),
    gate("r1", "gate-closed", 100, "7"),
    gate("r2", "gate-opened", 104, "8"),
  ],
  reconciles: [run("r1", "7", 20, 30), run("r2", "8", 105, 110)],
  deaths: new Map(),
  wanted: new Map([["k", "1"]]),
  objects: [{ key: "k", wanted: "1", observed: "1" }],
  holders: new Map([["a", "r2"]]),
  calm: { requests: 27, durationMs: 10_000 },
  changes: 1,
  elapsedMs: 200,
  failures: [],
};

describe("the summary of a clean run", () => {
  const summary = summarise(CLEAN);

  it("finds fault", () => {
    expect(summary.violations).toEqual([]);
    expect(summary).toMatchObject({ ok: true, duplicates: 0, stale: 0, lost: 0, twoOwners: 0, shards: 1, owned: 1 });
  });

  it("puts a gap into the wrong step", () => {
    expect(summary.steps).toEqual([
      { title: "start", tookMs: 50, note: "", gaps: 0, p50GapMs: undefined, maxGapMs: undefined },
      { title: "stop", tookMs: 150, note: "", gaps: 1, p50GapMs: 4, maxGapMs: 4 },
    ]);
  });

  it("hides a replica without shards", () => {
    expect(summary.shardsPerReplica).toEqual({ r2: 1, r3: 0 });
  });

  it("divides the requests by the wrong time or number", () => {
    expect(summary.leaseRequestsPerShardPerSecond).toBe(2.7);
    expect(summarise({ ...CLEAN, shards: ["a", "b"] }).leaseRequestsPerShardPerSecond).toBe(1.35);
    expect(summarise({ ...CLEAN, calm: undefined }).leaseRequestsPerShardPerSecond).toBeUndefined();
  });

  it("is not readable in a terminal of 80 columns and 24 rows", () => {
    const lines = summaryText(summary, plain).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines.at(-1)).toContain("1 of 1 shards owned");
  });
});

/** What is planted, and what the one violation must say. */
const PLANTED: readonly (readonly [string, Partial<Evidence>, RegExp])[] = [
  [
    "a key is worked on twice at once",
    { reconciles: [run("r1", "7", 20, 30), run("r1", "7", 29, 31)] },
    /^1 keys worked on twice at once: k by r1 \(epoch 7\) and r1/,
  ],
  [
    "a replica works for a shard that it has lost",
    { reconciles: [run("r1", "7", 120, 121)] },
    /^1 reconciles by a replica that had lost the shard: k by r1 for a epoch 7/,
  ],
  [
    "work is done before its gate opened",
    { reconciles: [run("r2", "8", 103, 104)] },
    /^1 reconciles without an open gate: k by r2/,
  ],
  ["a change is never reconciled", { objects: [{ key: "k", wanted: "1", observed: "0" }] }, /^1 keys lost: .*k$/],
  ["an object vanishes", { objects: [] }, /^1 keys lost/],
  [
    "two gates are open at once",
    {
      transitions: [
        gate("r1", "gate-opened", 10, "7"),
        gate("r1", "gate-closed", 105, "7"),
        gate("r2", "gate-opened", 104, "8"),
      ],
    },
    /^1 shards with two owners at once: a by r1 \(epoch 7\) and r2 \(epoch 8\)/,
  ],
  [
    "a Lease names another holder",
    { holders: new Map([["a", "r1"]]) },
    /^1 Leases that name another holder: a is open/,
  ],
  ["a Lease names nobody", { holders: new Map() }, /a is open on r2, Lease of nobody/],
  ["a shard is left without an owner", { shards: ["a", "b"] }, /^1 shards without an owner: b$/],
  ["the last owner is dead", { deaths: new Map([["r2", 150_000_000n]]) }, /^1 shards without an owner: a$/],
  ["a step does not end", { failures: ["every shard has an owner: not within 30 s"] }, /^every shard has an owner/],
];

describe("a violation passes", () => {
  it.each(PLANTED)("when %s", (_title, planted, expected) => {
    const summary = summarise({ ...CLEAN, ...planted });
    expect(summary.violations).toEqual([expect.stringMatching(expected)]);
    expect(summary.ok).toBe(false);
    expect(summaryText(summary, plain)).toMatch(/✖ this must not happen:\n {2}- /);
  });

  it("when an epoch does not grow", () => {
    const [opened, closed] = CLEAN.transitions;
    const transitions = [opened, closed, gate("r2", "gate-opened", 104, "7")].filter((one) => one !== undefined);
    const summary = summarise({ ...CLEAN, transitions, reconciles: [run("r1", "7", 20, 30)] });
    expect(summary.violations).toEqual(["1 epochs that did not grow: a epoch 7"]);
  });

  it("in a list so long that nobody reads it", () => {
    const wanted = new Map(Array.from({ length: 500 }, (_, index) => [`k${index}`, "1"]));
    const [violation] = summarise({ ...CLEAN, wanted, objects: [] }).violations;
    expect(violation).toBe("500 keys lost: their newest change was never reconciled: k0; k1; k2; ...");
  });
});

describe("percentile", () => {
  it.each([
    [[], 0.5, undefined],
    [[5], 0.5, 5],
    [[3, 1, 2], 0.5, 2],
    [[4, 1, 3, 2], 0.5, 2],
    [[4, 1, 3, 2], 1, 4],
    [[10, 9], 1, 10],
  ])("of %j at %d is off by one or sorts as text", (values, share, expected) => {
    expect(percentile(values, share)).toBe(expected);
  });
});
