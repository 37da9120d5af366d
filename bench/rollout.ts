/**
 * Rollout: what does it cost to empty one replica of ten, and to replace all of five?
 *
 * Method. With ten replicas, `electorate drain` is asked of one, and time counts from the moment before the command was started: its own start
 * is in the total, but not in the time from the first gate that closed to the last that opened. With five, a rolling update as a
 * Deployment with surge 1, nothing unavailable and three seconds of `minReadySeconds` makes it: a new replica starts, and when it has been there so long an old
 * one gets SIGTERM and is waited for. The least is one move for each shard.
 *
 * Peers do the same rolling update; they have nothing like a drain.
 */
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { durationMs, USUAL } from "./arena/profile.ts";
import { type Answered, question, type SetName } from "./arena/question.ts";
import { type Setting, setting } from "./arena/setting.ts";
import type { Stage } from "./arena/stage.ts";
import { movementSince, overlapsOf } from "./figures/ownership.ts";
import { summaryOf } from "./figures/quantiles.ts";
import { columnsOf, overlapGoals, overlapText, titleOf } from "./report/columns.ts";
import { atMost, number, numbers, type Section, table, text } from "./report/section.ts";

const MIN_READY_MS = 3_000;
/** More replicas than a rolling update is measured with. */
const DRAINED_FROM = 10;

const figuresSchema = z.object({
  moves: z.number(),
  gaps: z.array(z.number()),
  totalMs: z.number(),
  movingMs: z.number(),
  overlaps: z.object({ count: z.number(), longestMs: z.number() }),
});

type Figures = z.output<typeof figuresSchema>;

function drains({ replicas }: Setting): boolean {
  return replicas === DRAINED_FROM;
}

async function measure(stage: Stage): Promise<Figures> {
  await stage.startAll({ version: "v1" });
  const startedNs = process.hrtime.bigint();
  if (drains(stage.setting)) await drainFirst(stage);
  else await replaceAll(stage);
  const terms = stage.terms();
  const { moves, gaps, untilLastMs, movingMs } = movementSince(terms, startedNs);
  return { moves, gaps: [...gaps], totalMs: untilLastMs, movingMs, overlaps: overlapsOf(terms) };
}

async function drainFirst(stage: Stage): Promise<void> {
  const first = stage.running[0]!;
  await stage.command("drain", first.name);
  await stage.until("the drained replica to hold nothing", () => stage.held()[0] === 0);
  await stage.allOwned();
}

async function replaceAll(stage: Stage): Promise<void> {
  for (const old of stage.running) {
    const young = stage.start({ version: "v2" });
    await stage.until("the new replica to start", () => young.lines.length > 0);
    await delay(MIN_READY_MS);
    old.stop();
    await old.exited;
  }
  await stage.settled();
}

function settings(set: SetName): readonly Setting[] {
  if (set === "default") return [];
  return [
    setting("per-member", 1_024, DRAINED_FROM, USUAL),
    setting("per-shard", 256, DRAINED_FROM, USUAL),
    setting("per-shard", 256, 5, USUAL),
    setting("per-member", 256, 5, USUAL),
    setting("client-go", 256, 5, USUAL),
  ];
}

function section(answered: readonly Answered<Figures>[]): Section {
  return {
    title: "What does it cost to drain a replica, and to replace all of them?",
    parts: [
      text(
        "Goals: 1,024 shards, one replica of ten drained within 1 s; 1.00 moves per shard in a rolling update with a surge.",
      ),
      table(
        [
          "who",
          "shards x replicas",
          "lease",
          "what",
          "moves",
          "moves per shard",
          "gap per move, ms p50 / p99 / max",
          "moving, s",
          "total, s",
          "two owners at once",
        ],
        answered.map(({ setting: cell, figures }) => {
          const gaps = summaryOf(figures.gaps);
          return [
            ...columnsOf(cell),
            drains(cell) ? "drain one" : "rolling update",
            String(figures.moves),
            (figures.moves / cell.shards).toFixed(2),
            gaps === undefined ? "-" : numbers([gaps.p50, gaps.p99, gaps.max]),
            number(figures.movingMs / 1_000),
            number(figures.totalMs / 1_000),
            overlapText(figures.overlaps),
          ];
        }),
      ),
    ],
    goals: [
      ...answered.flatMap(({ setting: cell, figures }) => {
        if (cell.contender === "client-go") return [];
        if (!drains(cell))
          return [atMost(`rolling update, moves per shard: ${titleOf(cell)}`, 1, figures.moves / cell.shards)];
        if (cell.shards !== 1_024) return [];
        return [atMost(`drain: ${titleOf(cell)}`, 1, figures.movingMs / 1_000, " s")];
      }),
      ...overlapGoals("rollout", answered),
    ],
  };
}

export const rollout = question({
  name: "rollout",
  settings,
  seconds: (cell) => 30 + (drains(cell) ? 10 : cell.replicas * 8) + 2 * (durationMs(cell.profile.retryPeriod) / 1_000),
  measure,
  figures: figuresSchema,
  section,
});
