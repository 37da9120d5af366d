/**
 * Promotion: how long does a fresh event wait behind the resync of a new owner?
 *
 * Method. Two replicas, one shard, 10,000 objects whose handler takes 5 ms with four workers, so that the resync of a new owner takes about
 * 12 s. The owner gets SIGTERM. As soon as the other's gate is open, single objects are changed, four a second;
 * the latency is from the PATCH being sent to the begin of the reconcile that saw it. How many keys of the resync had not
 * begun by the last of them tells that it was still going on.
 *
 * Peers: client-go's queue is first in, first out; a fresh key waits for all that were added before it. Not measured here.
 */
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { milliseconds } from "../src/cli/demo/history.ts";
import { CONFIG_MAPS, createObjects, objectName } from "./arena/objects.ts";
import { USUAL } from "./arena/profile.ts";
import { type Answered, question, type SetName } from "./arena/question.ts";
import { type Setting, setting } from "./arena/setting.ts";
import type { Stage } from "./arena/stage.ts";
import { overlapsOf } from "./figures/ownership.ts";
import { summaryOf, toMicroseconds } from "./figures/quantiles.ts";
import { columnsOf, overlapGoals } from "./report/columns.ts";
import { numbers, type Section, table, text } from "./report/section.ts";

const FRESH = 20;
const EVERY_MS = 250;
const SETTLE_MS = 1_000;

const figuresSchema = z.object({
  /** PATCH sent to reconcile begun, in milliseconds. */
  latencies: z.array(z.number()),
  /** Keys of the resync that had not begun when the last fresh key did. */
  stillWaiting: z.number(),
  overlaps: z.object({ count: z.number(), longestMs: z.number() }),
});

type Figures = z.output<typeof figuresSchema>;

async function measure(stage: Stage): Promise<Figures> {
  const { objects } = stage.setting;
  await createObjects(stage, objects, { "test/work": "sleep:5" });
  await stage.startAll();
  await stage.until(
    "every object to be reconciled",
    () => new Set(stage.fleet.sink().map(({ key }) => key)).size >= objects,
  );
  const owner = stage.running[stage.held().indexOf(1)]!;
  const stoppedNs = owner.stop();
  await stage.until("the other replica's gate", () => {
    return stage.terms().some(({ replica, openedNs }) => replica !== owner.name && openedNs > stoppedNs);
  });
  const sentNs: bigint[] = [];
  for (let fresh = 0; fresh < FRESH; fresh += 1) {
    sentNs.push(process.hrtime.bigint());
    // From the end: in the order of their names these would be the last of a resync.
    const name = objectName(objects - 1 - fresh);
    const annotations = { "test/round": roundName(fresh) };
    await stage.server.client.patch(CONFIG_MAPS, stage.namespace, name, { metadata: { annotations } });
    await delay(EVERY_MS);
  }
  // The file is read once, when all is over: reading it costs what the replica needs.
  await delay(SETTLE_MS);
  const begun = stage.fleet.sink().filter(({ phase, ns }) => phase === "begin" && ns > stoppedNs);
  const begunNs = sentNs.map((_, fresh) => begun.find(({ round }) => round === roundName(fresh))?.ns);
  const lastNs = begunNs.at(-1);
  if (lastNs === undefined) throw new Error("the last fresh event was not reconciled");
  const done = new Set(begun.flatMap(({ key, ns }) => (ns <= lastNs ? [key] : [])));
  return {
    latencies: begunNs.flatMap((ns, fresh) =>
      ns === undefined ? [] : [toMicroseconds(milliseconds(ns - sentNs[fresh]!))],
    ),
    stillWaiting: objects - done.size,
    overlaps: overlapsOf(stage.terms()),
  };
}

function roundName(fresh: number): string {
  return `fresh-${fresh}`;
}

function settings(set: SetName): readonly Setting[] {
  return set === "default" ? [] : [setting("per-shard", 1, 2, USUAL, { objects: 10_000 })];
}

function section(answered: readonly Answered<Figures>[]): Section {
  return {
    title: "How long does a fresh event wait behind the resync of a new owner?",
    parts: [
      text(
        "A shard of 10,000 objects changes hands; while the new owner works through all of them, single objects are changed.",
      ),
      table(
        [
          "who",
          "shards x replicas",
          "lease",
          "latency of a fresh event, ms p50 / p99 / max",
          "events",
          "keys of the resync that still waited",
        ],
        answered.map(({ setting: cell, figures }) => {
          const latencies = summaryOf(figures.latencies);
          return [
            ...columnsOf(cell),
            latencies === undefined ? "-" : numbers([latencies.p50, latencies.p99, latencies.max]),
            String(figures.latencies.length),
            String(figures.stillWaiting),
          ];
        }),
      ),
    ],
    goals: overlapGoals("promotion", answered),
  };
}

export const promotion = question({
  name: "promotion",
  settings,
  seconds: () => 70,
  measure,
  figures: figuresSchema,
  section,
});
