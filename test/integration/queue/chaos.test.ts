import { expect, test } from "vitest";
import { annotate, createObjects } from "../../support/cluster-objects.ts";
import { integration, say } from "../../support/integration.ts";
import { RedisServer, requireRedis } from "../../support/redis-server.ts";
import { SHORT_LEASE_MS } from "../../support/replica-process.ts";
import { until } from "../../support/waiting.ts";

/** Replicas as processes, a real API server and a real Redis, all of which die in turn. */

const scene = integration();

const KEYS = 10_000;
const SHARDS = 16;
const BOUND_MS = 120_000;

test("replicas and Redis die in turn: a change is never seen, or a key is worked on twice at once", async (context) => {
  requireRedis(context);
  const on = await scene(context, "chaos");
  const redis = await RedisServer.start();
  context.onTestFinished(() => redis.close());
  const keys = await createObjects(on.plane, "chaos", "configmaps", KEYS);
  const options = {
    resources: [{ resource: "configmaps", buckets: SHARDS }],
    configuration: { queue: { driver: "bull", redis: { addresses: [redis.address] } } },
  };
  const start = (name: string) => on.start(name, options);
  let running = ["a", "b", "c"].map(start);
  await on.allOwned(SHARDS);

  const done = (round: string) =>
    new Set(on.fleet.sink().flatMap((line) => (line.phase === "end" && line.round === round ? [line.key] : [])));
  const seen = async (round: string): Promise<void> => {
    await until(
      `every key of round ${round}`,
      BOUND_MS,
      () => done(round).size === KEYS,
      () => `${done(round).size}`,
    );
  };
  // Each fault comes while the changes of its round are under way.
  for (const [round, fault] of [
    ["1", 0],
    ["2", 1],
    ["3", 2],
    ["4", "redis"],
  ] as const) {
    const changing = annotate(on.plane, "configmaps", keys, { "test/round": round });
    await until("some of the round", BOUND_MS, () => done(round).size > KEYS / 4);
    if (fault === "redis") await redis.restart();
    else {
      running[fault]?.kill();
      running = running.toSpliced(fault, 1, start(`${"abc"[fault]}${round}`));
    }
    await changing;
    await seen(round);
    await on.allOwned(SHARDS, SHORT_LEASE_MS * 10);
  }

  const faults = on.faults();
  const runs = on.fleet.sink().filter(({ phase }) => phase === "end").length;
  say(
    `3 replicas, ${SHARDS} shards, ${KEYS} keys, 4 rounds, 3 replicas killed, Redis restarted empty: ${runs} runs, every last ` +
      `change seen, ${faults.length} overlaps of a key or of owners`,
  );
  expect(faults).toEqual([]);
}, 600_000);
