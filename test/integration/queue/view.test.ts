import Bull from "bull";
import { beforeEach, describe, expect, it } from "vitest";
import { RedisReplica, workOn } from "../../support/redis-queues.ts";
import { RedisServer, requireRedis } from "../../support/redis-server.ts";
import { until } from "../../support/waiting.ts";

const BOUND_MS = 20_000;

describe("a queue in Redis, as others see it", () => {
  beforeEach(requireRedis);

  it("programs that read queues of Bull find nothing, or a key's object", async (context) => {
    const server = await RedisServer.start();
    context.onTestFinished(() => server.close());
    const replica = await RedisReplica.connect({ addresses: [server.address] });
    context.onTestFinished(() => replica.queues.close());
    const queue = replica.open("100");
    for (const key of ["default/working", "default/fresh"]) queue.add(key);
    queue.add("default/resync", "resync");
    queue.addAfter("default/later", 3_600_000);
    expect(await queue.take()).toBe("default/working");
    await until("the rest", BOUND_MS, () => queue.statistics.depth === 2 && queue.statistics.delayed === 1);
    const oldestMs = queue.statistics.oldestAgeMs;
    await until("age", BOUND_MS, () => queue.statistics.oldestAgeMs > oldestMs);

    const reader = new Bull("{default/shop-configmaps-00}", {
      prefix: "electorate:cluster-1",
      redis: { port: server.port },
    });
    context.onTestFinished(() => reader.close());
    expect(await reader.getJobCounts()).toMatchObject({ waiting: 2, active: 1, delayed: 1, completed: 0, failed: 0 });
    const named = async (jobs: Promise<Bull.Job<unknown>[]>) => (await jobs).map(({ name, data }) => [name, data]);
    expect(await named(reader.getActive())).toEqual([["fresh", { key: "default/working" }]]);
    expect(await named(reader.getDelayed())).toEqual([["fresh", { key: "default/later" }]]);
    expect(await named(reader.getWaiting())).toEqual([
      ["fresh", { key: "default/fresh" }],
      ["resync", { key: "default/resync" }],
    ]);
  });

  it("work that is done leaves something behind, and Redis fills up", async (context) => {
    const server = await RedisServer.start();
    context.onTestFinished(() => server.close());
    const replica = await RedisReplica.connect({ addresses: [server.address] });
    context.onTestFinished(() => replica.queues.close());
    const queue = replica.open("100");
    let runs = 0;
    void workOn(queue, 1, (key) => {
      runs += 1;
      if (runs % 2 === 0 && runs < 50) queue.addRateLimited(key);
      else queue.forget(key);
    });
    for (let adds = 0; adds < 50; adds++) queue.add(`default/k${adds}`, adds % 3 === 0 ? "resync" : "fresh");
    await until("many runs", BOUND_MS, () => runs > 60);
    await until("nothing to be left", BOUND_MS, async () => {
      const keys = await server.client().keys("*");
      return keys.length <= 4 && keys.every((key) => /:(electorate-meta|id|stalled-check)$/.test(key));
    });
  });
});
