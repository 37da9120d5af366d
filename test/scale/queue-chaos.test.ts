import { closeSync, openSync, readSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { annotate, createObjects } from "../support/cluster-objects.ts";
import { integration, say } from "../support/integration.ts";
import { RedisServer, requireRedis } from "../support/redis-server.ts";
import { parseSinkLine } from "../support/transitions.ts";

/** Replicas as processes, a real API server and a real Redis, all of which die in turn. */

const scene = integration();

const KEYS = 10_000;
const SHARDS = 16;
const BOUND_MS = 180_000;
/** Longer than in other tests: here the machine is as busy as it can be, and not the Leases are tested. */
const LEASE = { duration: "9s", renewDeadline: "6s", retryPeriod: "1s" };

/** Which keys of each round were worked on, read as the file of the handlers grows. */
class Rounds {
  readonly #file: number;
  readonly #done = new Map<string, Set<string>>();
  #rest = "";

  constructor(sinkFile: string) {
    this.#file = openSync(sinkFile, "r");
  }

  of(round: string): number {
    const buffer = Buffer.alloc(1 << 20);
    for (let size = readSync(this.#file, buffer); size > 0; size = readSync(this.#file, buffer)) {
      const lines = (this.#rest + buffer.toString("utf8", 0, size)).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines.map(parseSinkLine)) {
        if (line.phase !== "end") continue;
        const keys = this.#done.get(line.round) ?? new Set();
        this.#done.set(line.round, keys.add(line.key));
      }
    }
    return this.#done.get(round)?.size ?? 0;
  }

  async reach(round: string, count: number): Promise<void> {
    const deadlineMs = performance.now() + BOUND_MS;
    while (this.of(round) < count) {
      if (performance.now() > deadlineMs)
        throw new Error(`round ${round}: ${this.of(round)} of ${count} keys were seen`);
      await delay(250);
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

test("replicas and Redis die in turn: a change is never seen, or a key is worked on twice at once", async (context) => {
  requireRedis(context);
  const on = await scene(context, "chaos");
  const redis = await RedisServer.start();
  context.onTestFinished(() => redis.close());
  const keys = await createObjects(on.plane, "chaos", "configmaps", KEYS);
  const options = {
    resources: [{ resource: "configmaps", buckets: SHARDS }],
    configuration: { lease: LEASE, queue: { driver: "bull", redis: { addresses: [redis.address] } } },
  };
  const start = (name: string) => on.start(name, options);
  let running = ["a", "b", "c"].map(start);
  await on.allOwned(SHARDS, BOUND_MS);
  const rounds = new Rounds(on.fleet.sinkFile);
  context.onTestFinished(() => rounds.close());

  // Each fault comes while the changes of its round are under way.
  for (const [round, fault] of [
    ["1", 0],
    ["2", 1],
    ["3", 2],
    ["4", "redis"],
  ] as const) {
    const changing = annotate(on.plane, "configmaps", keys, { "test/round": round });
    await rounds.reach(round, KEYS / 4);
    if (fault === "redis") await redis.restart();
    else {
      running[fault]?.kill();
      running = running.toSpliced(fault, 1, start(`${"abc"[fault]}${round}`));
    }
    await changing;
    await rounds.reach(round, KEYS);
    await on.allOwned(SHARDS, BOUND_MS);
  }

  const faults = on.faults();
  const runs = on.fleet.sink().filter(({ phase }) => phase === "end").length;
  say(
    `3 replicas, ${SHARDS} shards, ${KEYS} keys, 4 rounds; 3 replicas killed and Redis restarted empty: ${runs} runs, every last ` +
      `change seen, ${faults.length} overlaps of a key or of owners`,
  );
  expect(faults).toEqual([]);
}, 900_000);
