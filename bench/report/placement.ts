import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { RESULTS } from "../arena/results.ts";
import { quantile } from "../figures/quantiles.ts";
import { tableText } from "./document.ts";
import { atMost, type Goal } from "./section.ts";

const measured = z.array(z.number());
const schema = z.object({
  times: z.array(
    z.object({ setting: z.string(), join: measured, leave: measured, unchanged: measured, lookUps: measured }),
  ),
});

const FILE = join(RESULTS, "placement.json");

function measuredTimes(): z.infer<typeof schema>["times"] {
  return existsSync(FILE) ? schema.parse(JSON.parse(readFileSync(FILE, "utf8"))).times : [];
}

/** For the largest fleet, by the median. */
export function placementGoals(): readonly Goal[] {
  return measuredTimes()
    .filter(({ setting }) => setting.startsWith("4096 x 100"))
    .flatMap(({ setting, join: joined, leave, unchanged, lookUps }) => {
      const inZones = !setting.endsWith("1 zone");
      const calm = quantile(unchanged, 0.5) / quantile(lookUps, 0.5);
      return [
        atMost(`plan of a join: ${setting}`, inZones ? 4 : 0.8, quantile(joined, 0.5), " ms"),
        ...(inZones ? [] : [atMost(`plan of a leave: ${setting}`, 2, quantile(leave, 0.5), " ms")]),
        atMost(`plan of nothing changed / one look-up for each shard: ${setting}`, 3, calm),
      ];
    });
}

/** The section of `placement.ts`, whose picture it draws itself. */
export function placementSection(): string {
  const title = "## How long does a plan take, and how good is it?";
  const times = measuredTimes();
  if (times.length === 0) return `${title}\n\nNot measured yet: \`npm run bench -- placement\`.`;
  const both = (values: readonly number[]): string =>
    `${quantile(values, 0.5).toFixed(2)} / ${quantile(values, 0.99).toFixed(2)}`;
  const rows = times.map(({ setting, join: joined, leave, unchanged, lookUps }) => [
    setting,
    both(joined),
    both(leave),
    both(unchanged),
    (quantile(unchanged, 0.5) / quantile(lookUps, 0.5)).toFixed(2),
  ]);
  return [
    title,
    tableText(
      ["shards x members", "join, ms p50 / p99", "leave", "nothing changed", "nothing changed / one look-up each"],
      rows,
    ),
    "![Fullest member over mean and moves over the minimum, beside consistent hashing, bounded loads and modulo](results/placement.svg)",
    "`npm run bench -- placement`; method in [placement.ts](placement.ts); raw results in [results/placement.json](results/placement.json).",
  ].join("\n\n");
}
