import { describe, expect, it } from "vitest";
import { bar, timeText } from "../../../bench/arena/progress.ts";
import type { Cell } from "../../../bench/arena/results.ts";
import { compareCells } from "../../../bench/compare/files.ts";
import { handoff } from "../../../bench/handoff.ts";
import { distribution } from "../../../bench/report/distribution.ts";
import { tableText } from "../../../bench/report/document.ts";
import { readmeWith } from "../../../bench/report/highlights.ts";
import { atMost, number } from "../../../bench/report/section.ts";
import { timeline, unowned } from "../../../bench/report/timeline.ts";

const cell = (name: string, figures: unknown): Cell => ({
  name,
  setting: {},
  measuredAt: "2026-01-01T00:00:00.000Z",
  tookSeconds: 1,
  loadAverage: 0,
  figures,
});

describe("a chart", () => {
  it("differs from run to run, and no check can tell an old report", () => {
    const draw = () => distribution("gaps", [{ name: "one", values: [3, 1, 2] }]);
    expect(draw()).toBe(draw());
    expect(draw()).toContain("<svg");
  });
});

describe("the picture of ownership", () => {
  const term = (replica: string, openedMs: number, closedMs: number | null) => ({
    shard: "a",
    replica,
    openedMs,
    closedMs,
  });

  it("hides a gap: before the first owner, between two, after the last, or beside an overlap", () => {
    expect(unowned([term("r1", -50, 10), term("r2", 15, 40), term("r3", 30, 60)], 100)).toEqual([
      { fromMs: 10, toMs: 15 },
      { fromMs: 60, toMs: 100 },
    ]);
    expect(unowned([term("r1", 20, null)], 100)).toEqual([{ fromMs: 0, toMs: 20 }]);
  });

  it("draws a gap so thin that nobody sees it, or an overlap as if it were none", () => {
    const story = {
      events: [],
      endMs: 60_000,
      terms: [term("r1", -5, 10_000), term("r2", 10_004, 30_000), term("r3", 29_000, null)],
    };
    const svg = timeline([{ title: "one", story }]);
    expect(svg).toContain('width="1" height="7" fill="#e00000"');
    expect(svg.match(/height="7" fill="#000000"/g)).toHaveLength(1);
  });
});

describe("a goal", () => {
  it("that is just missed is rounded to one that is met", () => {
    expect(atMost("moves", 1, 1.004)).toEqual({ what: "moves", goal: "<= 1", measured: "1.00", met: false });
    expect(atMost("gap", 0.5, 0.5, " s")).toEqual({ what: "gap", goal: "<= 0.5 s", measured: "0.500 s", met: true });
  });
});

describe("a table", () => {
  it("has columns that do not line up in the text", () => {
    expect(tableText(["who", "gap"], [["client-go", "1.5"]])).toBe(
      ["| who       | gap |", "| --------- | --- |", "| client-go | 1.5 |"].join("\n"),
    );
  });

  it("shows more digits than were measured", () => {
    expect([0, 0.0421, 5.52, 99.94, 1234.5, Number.NaN].map(number)).toEqual([
      "0",
      "0.042",
      "5.5",
      "99.9",
      "1,235",
      "-",
    ]);
  });
});

describe("two result files", () => {
  it("are compared by what only one of them has", () => {
    const one = [cell("A", { gaps: [1, 2, 3], moves: 4 }), cell("B", { moves: 1 })];
    const other = [cell("A", { gaps: [2, 4, 6], other: 1 }), cell("C", { moves: 1 })];
    expect(compareCells(one, other)).toEqual([
      { cell: "A", figure: "gaps p50", one: 2, other: 4 },
      { cell: "A", figure: "gaps p99", one: 3, other: 6 },
    ]);
  });
});

describe("the set that everybody runs", () => {
  it("has two cells of one name, and a run that goes on takes one for the other", () => {
    const names = handoff.settings("full").map((setting) => JSON.stringify(setting));
    expect(new Set(names).size).toBe(names.length);
    expect(handoff.settings("full").length).toBeGreaterThan(handoff.settings("default").length);
  });
});

describe("progress", () => {
  it("is full before the last cell is done", () => {
    expect(bar(0, 4)).toBe(`[${"-".repeat(24)}]`);
    expect(bar(3, 4)).toBe(`[${"#".repeat(18)}${"-".repeat(6)}]`);
    expect([12.1, 90, 600].map(timeText)).toEqual(["13 s", "2 min", "10 min"]);
  });
});

describe("the README's figures", () => {
  const marks = ["<!-- bench: made by `npm run bench -- report` -->", "<!-- bench: end -->"];
  const section = {
    title: "gaps",
    parts: [],
    goals: [],
    highlight: { what: "gap", figures: ["1", "2", "3"] as const },
  };

  it("replace what stands around them, or pile up with each report", () => {
    const once = readmeWith(`before\n\n${marks.join("\n")}\n\nafter\n`, [section]);
    expect(readmeWith(once, [section])).toBe(once);
    expect(once.startsWith("before\n\n")).toBe(true);
    expect(once.endsWith("\n\nafter\n")).toBe(true);
    expect(once).toContain("| gap ");
  });

  it("are lost silently when somebody has removed a mark", () => {
    expect(() => readmeWith(`before ${marks[0]} after`, [section])).toThrow(/must have the lines/);
  });
});
