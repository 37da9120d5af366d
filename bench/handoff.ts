/**
 * Planned handoff: how long does a shard have no owner when a replica is stopped gracefully?
 *
 * Method. The replicas of a cell are processes on one API server. Once all shards are owned and settled, the replica that owns most
 * gets SIGTERM; its gaps are gate closed at the old owner to gate open at the new one, from the `monotonicNs` that both wrote. Then a
 * new replica takes its place, and after everything has settled the next one is stopped, as often as `ROUNDS` says.
 *
 * Peers. A gate of client-go and Knative opens when the callback for started leading runs and closes when the one for stopped leading
 * runs: what the peer itself calls leading. Where the next leader starts before that there is an overlap, which is counted apart. The
 * column "told to stop" counts from the moment at which the work's context was cancelled instead: for work that stops at once.
 *
 * The limit is measured before the first stop, with all replicas up: see `arena/limit.ts`. The ratio is of the same quantiles.
 * Not shown: what the work itself takes to stop. The replicas have nothing to do, so that a gap is coordination alone.
 */
import { z } from "zod";
import { milliseconds } from "../src/cli/demo/history.ts";
import { measureLimit } from "./arena/limit.ts";
import { durationMs, LONG, SHORT, USUAL } from "./arena/profile.ts";
import { type Answered, question, type SetName } from "./arena/question.ts";
import { type ContenderName, isPeer, type Setting, setting } from "./arena/setting.ts";
import type { Stage } from "./arena/stage.ts";
import { gapsOfStops, overlapsOf } from "./figures/ownership.ts";
import { summaryOf, toMicroseconds } from "./figures/quantiles.ts";
import { gapsSinceTold } from "./figures/told.ts";
import { columnsOf, highlightOf, overlapGoals, overlapText, titleOf } from "./report/columns.ts";
import { distribution } from "./report/distribution.ts";
import { atMost, numbers, type Section, table, text } from "./report/section.ts";

const figuresSchema = z.object({
  /** Gate closed to gate open, in milliseconds; overlaps are not among them. */
  gaps: z.array(z.number()),
  /** Work told to stop to gate open elsewhere; peers only. */
  sinceTold: z.array(z.number()),
  /** From SIGTERM until the process was gone, each stop. */
  stopMs: z.array(z.number()),
  overlaps: z.object({ count: z.number(), longestMs: z.number() }),
  limit: z.object({ atOnce: z.number(), putToEvent: z.array(z.number()) }),
});

type Figures = z.output<typeof figuresSchema>;

/** Few shards need more stops for a tail worth the name. */
function rounds({ shards }: Setting): number {
  return shards < 100 ? 5 : 2;
}

async function measure(stage: Stage): Promise<Figures> {
  const { setting: cell } = stage;
  await stage.startAll();
  const limit = await measureLimit(stage, Math.ceil(cell.shards / cell.replicas));
  const stoppedNs = new Map<string, bigint>();
  const stopMs: number[] = [];
  for (let round = 0; round < rounds(cell); round += 1) {
    const held = stage.held();
    const fullest = stage.running[held.indexOf(Math.max(...held))]!;
    const sentNs = fullest.stop();
    stoppedNs.set(fullest.name, sentNs);
    await fullest.exited;
    stopMs.push(toMicroseconds(milliseconds((fullest.diedNs ?? sentNs) - sentNs)));
    await stage.allOwned();
    if (round + 1 === rounds(cell)) break;
    stage.start();
    await stage.settled();
  }
  const terms = stage.terms();
  return {
    gaps: gapsOfStops(terms, stoppedNs),
    sinceTold: gapsSinceTold(stage.fleet.replicas, terms, stoppedNs),
    stopMs,
    overlaps: overlapsOf(terms),
    limit,
  };
}

function settings(set: SetName): readonly Setting[] {
  const usual: readonly (readonly [ContenderName, number])[] = [
    ["per-shard", 16],
    ["client-go", 16],
    ["knative", 16],
    ["per-shard", 256],
    ["per-member", 256],
    ["client-go", 256],
  ];
  const quick = usual.map(([contender, shards]) => setting(contender, shards, 3, USUAL));
  if (set === "default") return quick;
  const more = [USUAL, SHORT].flatMap((profile) =>
    [3, 10].flatMap((replicas) => [
      ...usual.map(([contender, shards]) => setting(contender, shards, replicas, profile)),
      setting("per-member", 1_024, replicas, profile),
    ]),
  );
  const slow = [5, 50].flatMap((latencyMs) => [
    setting("per-shard", 16, 3, USUAL, { latencyMs }),
    setting("per-member", 256, 3, USUAL, { latencyMs }),
    setting("client-go", 16, 3, USUAL, { latencyMs }),
  ]);
  // At its own defaults; those of client-go are the usual ones.
  const own = setting("knative", 16, 3, LONG);
  return [...quick, ...more.filter((one) => !quick.some((other) => same(one, other))), ...slow, own];
}

function same(one: Setting, other: Setting): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function section(answered: readonly Answered<Figures>[]): Section {
  const rows = answered.map(({ setting: cell, figures }) => {
    const gaps = summaryOf(figures.gaps);
    const limit = summaryOf(figures.limit.putToEvent);
    const told = summaryOf(figures.sinceTold);
    return [
      ...columnsOf(cell),
      gaps === undefined ? "-" : numbers([gaps.p50, gaps.p99, gaps.max]),
      String(gaps?.count ?? 0),
      limit === undefined ? "-" : `${numbers([limit.p50, limit.p99])} (${figures.limit.atOnce} at once)`,
      gaps === undefined || limit === undefined ? "-" : numbers([gaps.p50 / limit.p50, gaps.p99 / limit.p99]),
      told === undefined ? "" : numbers([told.p50, told.p99]),
      overlapText(figures.overlaps),
    ];
  });
  return {
    title: "How long does a shard have no owner when a replica is stopped?",
    parts: [
      text(
        "One replica of a fleet gets SIGTERM. A gap runs from the old owner's gate closed to the new owner's gate open. The limit is one PUT " +
          "until its watch event, as many at once as shards move at once, with all replicas up and watching. Goal: at most 1.5 times the limit.",
      ),
      table(
        [
          "who",
          "shards x replicas",
          "lease",
          "gap, ms p50 / p99 / max",
          "gaps",
          "limit, ms p50 / p99",
          "gap / limit, p50 / p99",
          "from told to stop, ms p50 / p99",
          "two owners at once",
        ],
        rows,
      ),
      {
        type: "chart",
        file: "handoff.svg",
        caption: "Share of gaps that were at most so long; logarithmic.",
        svg: () =>
          distribution(
            "Time without an owner at a planned handoff, ms",
            answered.flatMap(({ setting: cell, figures }) => [
              { name: titleOf(cell), values: figures.gaps },
              ...(isPeer(cell.contender)
                ? []
                : [{ name: `limit beside ${titleOf(cell)}`, values: figures.limit.putToEvent, dashed: true }]),
            ]),
          ),
      },
    ],
    goals: [
      ...answered.flatMap(({ setting: cell, figures }) => {
        const gaps = summaryOf(figures.gaps);
        const limit = summaryOf(figures.limit.putToEvent);
        if (isPeer(cell.contender) || gaps === undefined || limit === undefined) return [];
        return [
          atMost(`planned handoff, gap / limit, p50: ${titleOf(cell)}`, 1.5, gaps.p50 / limit.p50),
          atMost(`planned handoff, gap / limit, p99: ${titleOf(cell)}`, 1.5, gaps.p99 / limit.p99),
        ];
      }),
      ...overlapGoals("planned handoff", answered),
    ],
    highlight: highlightOf("a shard without an owner when a replica is stopped, ms p50 / p99", answered, ({ gaps }) => {
      const summary = summaryOf(gaps);
      return summary === undefined ? "-" : numbers([summary.p50, summary.p99]);
    }),
  };
}

export const handoff = question({
  name: "handoff",
  settings,
  seconds: (cell) => 14 + rounds(cell) * (2 + 2 * (durationMs(cell.profile.retryPeriod) / 1_000)),
  measure,
  figures: figuresSchema,
  section,
});
