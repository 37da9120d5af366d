import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { RESULTS } from "../arena/results.ts";
import { tableText } from "./document.ts";
import { atLeast, atMost, type Goal, number } from "./section.ts";

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

const FILE = join(RESULTS, "queue.json");

function measured(): z.infer<typeof schema> | undefined {
  return existsSync(FILE) ? schema.parse(JSON.parse(readFileSync(FILE, "utf8"))) : undefined;
}

export function queueGoals(): readonly Goal[] {
  const redis = measured()?.redis;
  if (redis === undefined) return [];
  return [
    ...redis.rows.map(({ shards, ratio }) =>
      atLeast(`queue in Redis / bare Bull, keys per s: ${shards} shards`, 0.8, ratio),
    ),
    atMost("queue in Redis, p50 until it starts", 5, redis.startMs.p50, " ms"),
    atMost("queue in Redis, p50 until it stops, beyond the work that runs", 20, redis.stopMs.p50, " ms"),
  ];
}

/** The section of `queue.ts`. */
export function queueSection(): string {
  const title = "## What does a work queue cost?";
  const known = measured();
  if (known === undefined) return `${title}\n\nNot measured yet: \`npm run bench -- queue\`.`;
  const { machine, memory, redis } = known;
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
              String(shards),
              ...[electorate, bull].map(number),
              ratio.toFixed(2),
              String(connections),
            ]),
          ),
          `A queue starts in ${number(redis.startMs.p50)} ms (p50; p99 ${number(redis.startMs.p99)}) and stops in ${number(redis.stopMs.p50)} ms (p99 ${number(redis.stopMs.p99)}), work in it aside. A key costs the fence, the claim and the end of its work beside Bull's own commands.`,
        ];
  return [
    title,
    inMemory,
    ...inRedis,
    `\`npm run bench -- queue\`; method in [queue.ts](queue.ts); raw results in [results/queue.json](results/queue.json); load average ${machine.load.toFixed(1)}.`,
  ].join("\n\n");
}
