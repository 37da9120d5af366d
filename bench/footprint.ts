/**
 * Footprint: what does a whole replica need for the objects that it watches?
 *
 * Method. One replica with 16 shards and a handler that does nothing. Once every object was reconciled, it is left alone for a moment; then
 * memory is what the kernel says is resident, CPU is of ten seconds, and the event loop's p99 is the replica's own metric, which looks
 * every 10 ms and so is never below that.
 */
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { sumOfCounter } from "../test/support/control-plane-access.ts";
import { createObjects } from "./arena/objects.ts";
import { cpuMsOf, gaugeOf, metricsOf, residentMiBOf } from "./arena/process-cost.ts";
import { USUAL } from "./arena/profile.ts";
import { type Answered, question, type SetName } from "./arena/question.ts";
import { type Setting, setting } from "./arena/setting.ts";
import type { Stage } from "./arena/stage.ts";
import { overlapsOf } from "./figures/ownership.ts";
import { columnsOf, overlapGoals } from "./report/columns.ts";
import { number, type Section, table, text } from "./report/section.ts";

const CALM_MS = 5_000;
const COUNTED_MS = 10_000;

const figuresSchema = z.object({
  residentMiB: z.number(),
  cpuMsPerSecond: z.number(),
  eventLoopP99Ms: z.number(),
  /** From the process's start until every object was reconciled once. */
  firstPassMs: z.number(),
  overlaps: z.object({ count: z.number(), longestMs: z.number() }),
});

type Figures = z.output<typeof figuresSchema>;

async function measure(stage: Stage): Promise<Figures> {
  const { objects } = stage.setting;
  await createObjects(stage, objects);
  const startedMs = performance.now();
  await stage.startAll();
  const replica = stage.running[0]!;
  await stage.until("every object to be reconciled", async () => {
    return sumOfCounter(await metricsOf(replica), "controller_runtime_reconcile_total", {}) >= objects;
  });
  const firstPassMs = performance.now() - startedMs;
  await delay(CALM_MS);
  const before = { cpuMs: cpuMsOf(replica.pid), atMs: performance.now() };
  await delay(COUNTED_MS);
  const seconds = (performance.now() - before.atMs) / 1_000;
  return {
    residentMiB: residentMiBOf(replica.pid),
    cpuMsPerSecond: (cpuMsOf(replica.pid) - before.cpuMs) / seconds,
    eventLoopP99Ms: gaugeOf(await metricsOf(replica), "nodejs_eventloop_lag_p99_seconds") * 1_000,
    firstPassMs,
    overlaps: overlapsOf(stage.terms()),
  };
}

function settings(set: SetName): readonly Setting[] {
  if (set === "default") return [];
  return [0, 10_000, 100_000].map((objects) => setting("per-shard", 16, 1, USUAL, { objects }));
}

function section(answered: readonly Answered<Figures>[]): Section {
  return {
    title: "What does a whole replica need?",
    parts: [
      text(
        "One replica that owns 16 shards of ConfigMaps, after it has reconciled each once and when nothing changes any more.",
      ),
      table(
        [
          "who",
          "shards x replicas",
          "lease",
          "objects",
          "RSS MiB",
          "CPU ms per s",
          "event loop p99, ms",
          "first pass, s",
        ],
        answered.map(({ setting: cell, figures }) => [
          ...columnsOf(cell),
          cell.objects.toLocaleString("en-US"),
          number(figures.residentMiB),
          number(figures.cpuMsPerSecond),
          number(figures.eventLoopP99Ms),
          number(figures.firstPassMs / 1_000),
        ]),
      ),
    ],
    goals: overlapGoals("footprint", answered),
  };
}

export const footprint = question({
  name: "footprint",
  settings,
  seconds: ({ objects }) => 25 + objects / 500,
  measure,
  figures: figuresSchema,
  section,
});
