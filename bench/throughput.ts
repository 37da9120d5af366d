/**
 * Throughput: how much more do more replicas reconcile?
 *
 * Method. Every object is due again a millisecond after it was reconciled, so that no replica is ever idle. The CPU-bound handler
 * computes for 2 ms; the I/O-bound one waits for 10 ms, with so many workers that the process itself is what is busy. Reconciles are
 * counted by the replicas' own metrics over ten seconds. Efficiency is throughput / (replicas x that of one replica). The replicas share the
 * machine's cores with the API server: beyond as many replicas as cores there is nothing to gain here, which is no property of the election.
 */
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { sumOfCounter } from "../test/support/control-plane-access.ts";
import { createObjects } from "./arena/objects.ts";
import { metricsOf } from "./arena/process-cost.ts";
import { USUAL } from "./arena/profile.ts";
import { type Answered, question, type SetName } from "./arena/question.ts";
import { type Setting, setting } from "./arena/setting.ts";
import type { Stage } from "./arena/stage.ts";
import { overlapsOf } from "./figures/ownership.ts";
import { columnsOf, overlapGoals } from "./report/columns.ts";
import { number, type Section, table, text } from "./report/section.ts";

const WARM_UP_MS = 3_000;
const COUNTED_MS = 10_000;
const WORKERS = { cpu: 1, io: 32 };
const HANDLERS = fileURLToPath(new URL("./throughput/handlers.ts", import.meta.url));

const figuresSchema = z.object({
  reconcilesPerSecond: z.number(),
  overlaps: z.object({ count: z.number(), longestMs: z.number() }),
});

type Figures = z.output<typeof figuresSchema>;

async function measure(stage: Stage): Promise<Figures> {
  const kind = stage.setting.variant === "cpu" ? "cpu" : "io";
  await createObjects(stage, stage.setting.objects);
  await stage.startAll({ handler: `${HANDLERS}#${kind}`, workers: WORKERS[kind] });
  await delay(WARM_UP_MS);
  const before = await reconciles(stage);
  const startedMs = performance.now();
  await delay(COUNTED_MS);
  const count = (await reconciles(stage)) - before;
  const seconds = (performance.now() - startedMs) / 1_000;
  return { reconcilesPerSecond: count / seconds, overlaps: overlapsOf(stage.terms()) };
}

async function reconciles(stage: Stage): Promise<number> {
  const texts = await Promise.all(stage.running.map(metricsOf));
  return texts.reduce((sum, metrics) => sum + sumOfCounter(metrics, "controller_runtime_reconcile_total", {}), 0);
}

function settings(set: SetName): readonly Setting[] {
  if (set === "default") return [];
  return ["cpu", "io"].flatMap((variant) =>
    [1, 2, 3, 5].map((replicas) => setting("per-shard", 32, replicas, USUAL, { objects: 3_200, variant })),
  );
}

function section(answered: readonly Answered<Figures>[]): Section {
  return {
    title: "How much more do more replicas reconcile?",
    parts: [
      text(
        "Objects that are always due, in 32 shards; a handler that computes for 2 ms, and one that waits for 10 ms.",
      ),
      table(
        ["who", "shards x replicas", "lease", "handler", "reconciles per s", "efficiency against one replica"],
        answered.map(({ setting: cell, figures }) => {
          const alone = answered.find((one) => one.setting.variant === cell.variant && one.setting.replicas === 1);
          const efficiency =
            figures.reconcilesPerSecond / cell.replicas / (alone?.figures.reconcilesPerSecond ?? Number.NaN);
          return [
            ...columnsOf(cell),
            cell.variant === "cpu" ? "CPU-bound" : "I/O-bound",
            number(figures.reconcilesPerSecond),
            Number.isNaN(efficiency) ? "-" : `${Math.round(efficiency * 100)} %`,
          ];
        }),
      ),
    ],
    goals: overlapGoals("throughput", answered),
  };
}

export const throughput = question({
  name: "throughput",
  settings,
  seconds: () => 28,
  measure,
  figures: figuresSchema,
  section,
});
