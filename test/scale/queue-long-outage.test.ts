import { setTimeout as delay } from "node:timers/promises";
import { beforeEach, describe, expect, it, type TestContext } from "vitest";
import { RedisServer, requireRedis } from "../support/redis-server.ts";
import { workedShard } from "../support/redis-shard.ts";
import { until } from "../support/waiting.ts";

/** Twice the time after which Bull takes a job for stalled, and gives it to somebody else. */
const OUTAGE_MS = 60_000;
const BOUND_MS = 60_000;

type Fault = (server: RedisServer) => Promise<() => void>;

const stopped: Fault = (server) => {
  server.signal("SIGSTOP");
  return Promise.resolve(() => server.signal("SIGCONT"));
};

const paused: Fault = async (server) => {
  await server.client().client("PAUSE", OUTAGE_MS, "ALL");
  return () => {};
};

/** At the same time, so that both wait for one minute. */
describe.concurrent("a Redis that is silent for a minute", { timeout: 4 * BOUND_MS }, () => {
  beforeEach(requireRedis);

  it("because it is stopped, runs a key beside itself, loses one, or is not asked again", (context) =>
    outlast(stopped, context));

  it("because it pauses its clients, runs a key beside itself, loses one, or is not asked again", (context) =>
    outlast(paused, context));
});

async function outlast(begin: Fault, { onTestFinished }: TestContext): Promise<void> {
  const keys = Array.from({ length: 30 }, (_, index) => `default/k${index}`);
  const server = await RedisServer.start();
  onTestFinished(() => server.close());
  const { replica, queue, runs, running, doubles, hold, ran, troubled, well } = await workedShard(
    server,
    keys,
    onTestFinished,
    BOUND_MS,
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  hold.until = promise;
  onTestFinished(() => resolve());
  for (const key of keys) queue.add(key);
  queue.addAfter("default/later", 20_000);
  await until("four keys in work", BOUND_MS, () => running.size === 4);
  await until("the rest to wait", BOUND_MS, () => queue.statistics.depth === 26 && queue.statistics.delayed === 1);
  const [held = ""] = running;

  const end = await begin(server);
  const over = delay(OUTAGE_MS);
  queue.add("default/meanwhile");
  queue.add(held);
  await troubled();
  expect(replica.meter.gauges.get("electorate_queue_available{shard=configmaps-00}")).toBe(0);
  await over;
  expect([running.size, runs.size]).toEqual([4, 0]);
  end();

  await well();
  expect(replica.meter.gauges.get("electorate_queue_available{shard=configmaps-00}")).toBe(1);
  // Bull has long taken the jobs of those four for stalled.
  await until("the rest to wait again", BOUND_MS, () => queue.statistics.depth >= 27);
  expect(running.size).toBe(4);
  resolve();
  for (const key of [...keys, "default/meanwhile", "default/later"]) await ran(key);
  await ran(held, 2);
  await until("an idle shard", BOUND_MS, () => queue.statistics.depth + queue.statistics.inWork === 0);
  expect(doubles).toEqual([]);
}
