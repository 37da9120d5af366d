import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { RESULTS } from "../arena/results.ts";
import { tableText } from "./document.ts";
import { number } from "./section.ts";

const quantiles = z.object({ p50: z.number(), p99: z.number() });
const schema = z.object({
  machine: z.object({ load: z.number() }),
  memory: z.array(
    z.object({
      keys: z.number(),
      addNs: z.number(),
      takeNs: z.number(),
      doneNs: z.number(),
      bytesPerKey: z.number().optional(),
    }),
  ),
  redis: z
    .object({
      rows: z.array(
        z.object({
          shards: z.number(),
          electorate: z.number(),
          bull: z.number(),
          ratio: z.number(),
          connections: z.number(),
        }),
      ),
      startMs: quantiles,
      stopMs: quantiles,
    })
    .optional(),
});

/** The section of `queue.ts`. */
export function queueSection(): string {
  const title = "## What does a work queue cost?";
  const file = join(RESULTS, "queue.json");
  if (!existsSync(file)) return `${title}\n\nNot measured yet: \`npm run bench -- queue\`.`;
  const { machine, memory, redis } = schema.parse(JSON.parse(readFileSync(file, "utf8")));
  const inMemory = tableText(
    ["keys in memory", "add, ns", "take, ns", "done, ns", "bytes per key"],
    memory.map(({ keys, addNs, takeNs, doneNs, bytesPerKey }) =>
      [keys, addNs, takeNs, doneNs, bytesPerKey ?? Number.NaN].map(number),
    ),
  );
  const inRedis =
    redis === undefined
      ? ["Queues in Redis were not measured: there was no `redis-server`."]
      : [
          tableText(
            ["shards in Redis", "keys/s", "bare Bull, keys/s", "ratio", "connections"],
            redis.rows.map(({ shards, electorate, bull, ratio, connections }) => [
              ...[shards, electorate, bull].map(number),
              ratio.toFixed(2),
              String(connections),
            ]),
          ),
          `A queue starts in ${number(redis.startMs.p50)} ms (p50; p99 ${number(redis.startMs.p99)}) and stops in ${number(redis.stopMs.p50)} ms (p99 ${number(redis.stopMs.p99)}), work in it aside. The goal of 0.8 of bare Bull is missed where the ratio says so: a key costs the fence, the claim and the end of its work beside Bull's own commands.`,
        ];
  return [
    title,
    inMemory,
    ...inRedis,
    `\`npm run bench -- queue\`; method in [queue.ts](queue.ts); raw results in [results/queue.json](results/queue.json); load average ${machine.load.toFixed(1)}.`,
  ].join("\n\n");
}
