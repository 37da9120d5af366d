import type { styleText } from "node:util";
import Table from "cli-table3";
import type { GateTerm, OwnerGap } from "./history.ts";
import { openTerms, ownerGaps } from "./history.ts";

/** What the terminal shows while the story runs, as text. Pure: the same view and size give the same frame. */

export type Style = Parameters<typeof styleText>[0];
/** Puts a style on a text, or leaves it alone where styles are not wanted. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;

export interface StepView {
  readonly title: string;
  readonly state: "waiting" | "active" | "done" | "failed";
  readonly note: string;
}

export interface MemberView {
  readonly name: string;
  readonly state: "starting" | "running" | "leaving" | "stopped" | "killed" | "crashed";
}

export interface ShardView {
  readonly shard: string;
  readonly holder: string | undefined;
  readonly epoch: string;
  /** Keys that wait in the holder's queue. */
  readonly depth: number | undefined;
  readonly lastGap: OwnerGap | undefined;
}

export interface StoryView {
  readonly headline: string;
  readonly elapsedMs: number;
  readonly steps: readonly StepView[];
  readonly shards: readonly ShardView[];
  readonly members: readonly MemberView[];
  readonly counters: string;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The shards as a table shows them: owner, epoch and the last gap from the terms, queue depths as the replicas say. */
export function shardViews(
  shards: readonly string[],
  terms: readonly GateTerm[],
  depths: ReadonlyMap<string, number>,
): ShardView[] {
  const owners = openTerms(terms);
  const lastGaps = new Map(ownerGaps(terms).map((gap) => [gap.shard, gap]));
  return shards.map((shard) => {
    const owner = owners.get(shard);
    return {
      shard,
      holder: owner?.replica,
      epoch: owner?.epoch ?? "",
      depth: owner === undefined ? undefined : depths.get(`${owner.replica} ${shard}`),
      lastGap: lastGaps.get(shard),
    };
  });
}

/** Rows of a frame that are neither steps, shards nor members: title, bar, two blanks, table head, counters, cursor. */
const FIXED_ROWS = 7;
/** Lines that a table with a frame has more than one without. */
const BORDER_ROWS = 3;
const WIDEST = 100;

export function storyFrame(view: StoryView, size: Size, paint: Paint): string {
  const width = Math.max(40, Math.min(size.columns, WIDEST));
  const members = memberLines(view, width, paint);
  const room = size.rows - FIXED_ROWS - view.steps.length - members.length;
  const bordered = room >= view.shards.length + BORDER_ROWS;
  return [
    titleLine(view, width, paint),
    progressBar(view, width, paint),
    ...view.steps.map((step) => stepLine(step, width, paint)),
    "",
    ...shardTable(view.shards, { room: Math.max(1, room), bordered, paint }),
    "",
    ...members,
    paint("dim", clip(view.counters, width)),
  ].join("\n");
}

function titleLine({ headline, elapsedMs }: StoryView, width: number, paint: Paint): string {
  const time = seconds(elapsedMs);
  const title = clip(headline, width - time.length - 1);
  return `${paint("bold", title)}${" ".repeat(Math.max(1, width - title.length - time.length))}${time}`;
}

function progressBar({ steps }: StoryView, width: number, paint: Paint): string {
  const done = steps.filter((step) => step.state === "done").length;
  const begun = steps.filter((step) => step.state === "active").length / 2;
  const filled = steps.length === 0 ? 0 : Math.round((width * (done + begun)) / steps.length);
  return paint("cyan", "━".repeat(filled)) + paint("dim", "─".repeat(width - filled));
}

const STEP_MARKS = { waiting: "·", active: "▸", done: "✔", failed: "✖" } as const;
const STEP_STYLES = { waiting: "dim", active: "bold", done: "green", failed: "red" } as const;

function stepLine({ title, state, note }: StepView, width: number, paint: Paint): string {
  const head = `${STEP_MARKS[state]} ${title}`;
  const line = paint(STEP_STYLES[state], clip(head, width));
  const room = width - head.length - 2;
  return note === "" || room < 8 ? line : `${line}  ${paint("dim", clip(note, room))}`;
}

const BORDERLESS = Object.fromEntries(
  "top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid middle"
    .split(" ")
    .map((part) => [part, ""]),
);
/** No line below the head: the frame and the bold head are enough. */
const NO_ROW_LINES = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };

export interface TableStyle {
  /** Rows that may be shown. */
  readonly room: number;
  readonly bordered: boolean;
  readonly paint: Paint;
}

/** Shard, holder, epoch, queue depth and the gap of the last change of owner, as lines of text. */
export function shardTable(shards: readonly ShardView[], { room, bordered, paint }: TableStyle): string[] {
  const shown = shards.length <= room ? shards : shards.slice(0, Math.max(1, room - 1));
  const table = new Table({
    head: ["SHARD", "HOLDER", "EPOCH", "QUEUE", "LAST CHANGE OF OWNER"].map((head) => paint("bold", head)),
    colAligns: ["left", "left", "right", "right", "left"],
    style: { head: [], border: [], "padding-left": bordered ? 1 : 0, "padding-right": bordered ? 1 : 2, compact: true },
    chars: bordered ? NO_ROW_LINES : BORDERLESS,
  });
  table.push(...shown.map((shard) => shardCells(shard, paint)));
  // A blank past the terminal's edge would be a line of its own.
  const lines = table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
  const hidden = shards.length - shown.length;
  return hidden === 0 ? lines : [...lines, paint("dim", `... ${hidden} more shards`)];
}

function shardCells({ shard, holder, epoch, depth, lastGap }: ShardView, paint: Paint): string[] {
  return [
    shard,
    holder ?? paint("yellow", "nobody"),
    epoch,
    depth === undefined ? "" : String(depth),
    lastGap === undefined ? "" : gapText(lastGap, paint),
  ];
}

function gapText({ gapMs, from, to, crash }: OwnerGap, paint: Paint): string {
  const style = gapMs < 0 ? "red" : crash ? "yellow" : "green";
  // A replica that could not renew in time loses its shard, and may get it back.
  const former = from === to ? "itself" : from;
  return `${paint(style, duration(gapMs))} after ${crash ? "a crash" : former}`;
}

const MEMBER_MARKS = { starting: "◌", running: "●", leaving: "◐", stopped: "○", killed: "✖", crashed: "✖" } as const;
const MEMBER_STYLES = {
  starting: "dim",
  running: "green",
  leaving: "yellow",
  stopped: "dim",
  killed: "red",
  crashed: "red",
} as const;
const MEMBERS_HEAD = "shards  ";

/** Members with the number of their shards side by side, in as many lines as they need. */
function memberLines({ members, shards }: StoryView, width: number, paint: Paint): string[] {
  const lines: string[] = [];
  let line = "";
  let used = 0;
  for (const { name, state } of members) {
    const held = shards.filter((shard) => shard.holder === name).length;
    const present = state === "running" || state === "leaving";
    const text = `${MEMBER_MARKS[state]} ${name} ${present ? held : state}`;
    if (line === "" || used + 2 + text.length > width) {
      if (line !== "") lines.push(line);
      line = lines.length === 0 ? paint("bold", MEMBERS_HEAD) : " ".repeat(MEMBERS_HEAD.length);
      used = MEMBERS_HEAD.length - 2;
    } else {
      line += "  ";
    }
    line += paint(MEMBER_STYLES[state], text);
    used += 2 + text.length;
  }
  return line === "" ? lines : [...lines, line];
}

/** `1 shard`, `1,000 objects`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}

/** `12.3 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** A gap: `4.1 ms`, `2,950 ms`. Three figures say more than the machine's noise allows. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return "two owners";
  return ms > -100 && ms < 100 ? `${ms.toFixed(1)} ms` : `${Math.round(ms).toLocaleString("en-US")} ms`;
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
