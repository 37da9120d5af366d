import { PassThrough } from "node:stream";
import { stripVTControlCharacters, styleText } from "node:util";
import { describe, expect, it } from "vitest";
import { readLeases } from "../../../src/cli/demo/leases.ts";
import { isLive } from "../../../src/cli/demo/screen.ts";
import { wholeNumber } from "../../../src/cli/demo/settings.ts";
import {
  duration,
  type MemberView,
  type Paint,
  plain,
  type ShardView,
  type StoryView,
  shardViews,
  storyFrame,
} from "../../../src/cli/demo/view.ts";

const color: Paint = (style, text) => styleText(style, text, { validateStream: false });

function shard(id: string, holder: string | undefined): ShardView {
  const lastGap = {
    shard: id,
    from: "replica-1",
    to: holder ?? "",
    epoch: "1",
    openedNs: 0n,
    gapMs: 2951.2,
    crash: true,
  };
  return { shard: id, holder, epoch: "123456", depth: 12, lastGap };
}

function view(shards: number, members: number): StoryView {
  const states: readonly MemberView["state"][] = ["killed", "stopped", "running", "running"];
  return {
    headline: "electorate demo: 3 replicas, 9 shards, 1,000 objects, Leases 3/2/0.5 s",
    elapsedMs: 61_234,
    steps: Array.from({ length: 7 }, (_, index) => ({
      title: `step ${index} with a title that says what happens`,
      state: index < 3 ? "done" : index === 3 ? "active" : "waiting",
      note: index < 3 ? "and a note that is rather long, as notes tend to be in such a story" : "",
    })),
    shards: [
      ...Array.from({ length: shards - 1 }, (_, index) => shard(`configmaps-0${index}`, `replica-${index % 4}`)),
      shard("widgets.demo.electorate.dev-00", undefined),
    ],
    members: Array.from({ length: members }, (_, index) => ({
      name: `replica-${index + 1}`,
      state: states[index % 4] ?? "running",
    })),
    counters: "3,412 reconciles, 1,650 changes at 50 a second and in bursts",
  };
}

const frame = (story: StoryView, columns: number, rows: number, paint: Paint = plain): string[] =>
  stripVTControlCharacters(storyFrame(story, { columns, rows }, paint)).split("\n");

describe("a frame", () => {
  it.each([
    ["the usual demo in 80x24", 9, 4, 80, 24],
    ["the usual demo in 120x40", 9, 4, 120, 40],
    ["many shards in 80x24", 65, 4, 80, 24],
    ["many members in 80x24", 9, 17, 80, 24],
    ["a wide and low terminal", 9, 4, 200, 20],
  ])("flickers because it is larger than the terminal: %s", (_title, shards, members, columns, rows) => {
    const lines = frame(view(shards, members), columns, rows, color);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
    // The cursor stands in the line below the frame.
    expect(lines.length).toBeLessThanOrEqual(rows - 1);
  });

  it("hides a shard although there is room for all", () => {
    const lines = frame(view(9, 4), 80, 24);
    expect(lines.filter((line) => /^(?:configmaps|widgets)/.test(line))).toHaveLength(9);
    expect(lines.join("\n")).not.toContain("more shards");
  });

  it("says wrongly how many shards it leaves out", () => {
    const lines = frame(view(65, 4), 80, 24);
    const shown = lines.filter((line) => /^(?:configmaps|widgets)/.test(line)).length;
    expect(lines.find((line) => line.includes("more shards"))).toBe(`... ${65 - shown} more shards`);
  });

  it("shows an unowned shard as if it were owned", () => {
    expect(frame(view(9, 4), 80, 24).find((line) => line.startsWith("widgets"))).toMatch(/nobody/);
  });

  it("loses the story in a terminal that is too small for anything", () => {
    expect(frame(view(9, 4), 20, 5).join("\n")).toContain("▸ step 3");
  });

  it("counts shards for a member that is gone", () => {
    const members = frame(view(9, 4), 80, 24).find((line) => line.startsWith("shards  "));
    expect(members).toBe("shards  ✖ replica-1 killed  ○ replica-2 stopped  ● replica-3 2  ● replica-4 0");
  });
});

describe("a shard's row", () => {
  it("shows the queue of a replica that no longer owns it, or an older gap", () => {
    const term = (replica: string, epoch: string, opened: bigint, closed?: bigint) =>
      ({
        shard: "a",
        replica,
        epoch,
        openedNs: opened,
        closedNs: closed,
        end: closed === undefined ? "open" : "closed",
      }) as const;
    const terms = [term("r1", "1", 0n, 10n), term("r2", "2", 2_000_010n, 3_000_000n), term("r3", "3", 8_000_000n)];
    const depths = new Map([
      ["r1 a", 7],
      ["r3 a", 5],
    ]);
    const [row, unowned] = shardViews(["a", "b"], terms, depths);
    expect(row).toMatchObject({ holder: "r3", epoch: "3", depth: 5, lastGap: { from: "r2", gapMs: 5 } });
    expect(unowned).toEqual({ shard: "b", holder: undefined, epoch: "", depth: undefined, lastGap: undefined });
  });
});

describe("a gap's text", () => {
  it.each([
    [3.149, "3.1 ms"],
    [0.04, "0.0 ms"],
    [2951.2, "2,951 ms"],
    [-1.5, "-1.5 ms"],
    [Number.NEGATIVE_INFINITY, "two owners"],
  ])("of %d ms misleads", (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});

describe("a live screen", () => {
  const stream = Object.assign(new PassThrough(), { isTTY: true });
  const pipe = new PassThrough();

  it.each([
    ["a terminal", stream, {}, true],
    ["a terminal where CI is false", stream, { CI: "false" }, true],
    ["a pipe", pipe, {}, false],
    ["CI", stream, { CI: "true" }, false],
    ["NO_COLOR", stream, { NO_COLOR: "1" }, false],
    ["a dumb terminal", stream, { TERM: "dumb" }, false],
  ])("is chosen wrongly in %s", (_title, output, environment, live) => {
    expect(isLive({ stream: output, environment })).toBe(live);
  });
});

describe("the Leases", () => {
  const lease = (name: string, role: string, annotations: Record<string, string>, holderIdentity: string) => ({
    metadata: { name, labels: { "electorate.dev/role": role }, annotations },
    spec: { holderIdentity },
  });
  const shards = [
    { id: "configmaps-00", leaseName: "demo-configmaps-00" },
    { id: "configmaps-01", leaseName: "demo-configmaps-01" },
  ];

  it("make a member of one that is draining, or a holder of nobody", () => {
    const identity = (name: string, state: string) => ({
      "electorate.dev/identity": `${name}_u`,
      "electorate.dev/state": state,
    });
    const { ready, holders } = readLeases(
      [
        lease("demo-member-1", "member", identity("replica-1", "ready"), "replica-1_u"),
        lease("demo-member-2", "member", identity("replica-2", "draining"), "replica-2_u"),
        lease("demo-configmaps-00", "shard", {}, "replica-1_u"),
        lease("demo-configmaps-01", "shard", {}, ""),
        lease("other-configmaps-01", "shard", {}, "replica-9_u"),
        { metadata: { name: "demo-configmaps-01", labels: { "electorate.dev/role": "shard" } } },
      ],
      shards,
    );
    expect([...ready]).toEqual(["replica-1"]);
    expect([...holders]).toEqual([["configmaps-00", "replica-1"]]);
  });
});

describe("a number on the command line", () => {
  it.each(["1", "17", "3.5", "-3", "", "x", "1e1", " 3"])("%j is taken", (text) => {
    expect(() => wholeNumber(2, 16)(text)).toThrow("whole number from 2 to 16");
  });

  it.each([
    ["2", 2],
    ["16", 16],
  ])("%j is refused", (text, value) => {
    expect(wholeNumber(2, 16)(text)).toBe(value);
  });
});
