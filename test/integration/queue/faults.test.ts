import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RedisServer, type RedisServerOptions, requireRedis } from "../../support/redis-server.ts";
import { workedShard } from "../../support/redis-shard.ts";
import { until } from "../../support/waiting.ts";

const BOUND_MS = 30_000;

describe("a Redis that fails", () => {
  const keys = Array.from({ length: 30 }, (_, index) => `default/k${index}`);
  let ended: (() => Promise<void>)[] = [];

  beforeEach((context) => {
    ended = [];
    requireRedis(context);
  });

  afterEach(async () => {
    for (const end of ended.toReversed()) await end();
  });

  async function redis(options: RedisServerOptions = {}, running = true): Promise<RedisServer> {
    const server = running ? await RedisServer.start(options) : await RedisServer.planned(options);
    ended.push(() => server.close());
    return server;
  }

  const shard = (server: RedisServer) => workedShard(server, keys, (end) => void ended.push(end));

  const available = "electorate_queue_available{shard=configmaps-00}";

  it("is down at the start, and the shard never begins", async () => {
    const server = await redis({}, false);
    const { replica, queue, ran, troubled, well } = await shard(server);
    queue.add("default/early");
    await troubled();
    expect(replica.queues.problem).toMatch(/queue of shard configmaps-00: .*ECONNREFUSED/);
    expect(replica.meter.gauges.get(available)).toBe(0);
    await server.restart();
    await ran("default/early");
    await well();
    expect(replica.meter.gauges.get(available)).toBe(1);
    expect(replica.lines.filter((line) => line.includes("failed: "))).toHaveLength(1);
  });

  it("is killed in work and comes back empty: a key is lost, or run beside itself", async () => {
    const server = await redis();
    const { queue, running, doubles, hold, ran, troubled, well } = await shard(server);
    const { promise, resolve } = Promise.withResolvers<void>();
    hold.until = promise;
    for (const key of keys) queue.add(key);
    await until("four keys in work", BOUND_MS, () => running.size === 4);
    const [held = ""] = running;
    await server.kill();
    await troubled();
    queue.add("default/added-while-down");
    queue.add(held);
    await server.restart();
    await well();
    await until("the keys of the source", BOUND_MS, () => queue.statistics.depth >= keys.length - 4);
    await delay(300);
    expect(running.size).toBe(4);
    resolve();
    for (const key of keys) await ran(key);
    await ran("default/added-while-down");
    await ran(held, 2);
    expect(doubles).toEqual([]);
  });

  it("is emptied behind our back, and an idle shard waits for keys that nobody has any more", async () => {
    const server = await redis();
    const { queue, ran, well } = await shard(server);
    queue.add("default/first");
    await ran("default/first");
    await server.client().flushall();
    for (const key of keys) await ran(key);
    await well();
  });

  it("evicts the jobs that Bull has, and their keys wait for ever", async () => {
    const server = await redis();
    const { queue, running, hold, ran } = await shard(server);
    const { promise, resolve } = Promise.withResolvers<void>();
    hold.until = promise;
    for (const key of keys) queue.add(key);
    await until("four keys in work", BOUND_MS, () => running.size === 4);
    const client = server.client();
    await client.del(...(await client.keys("*:wait")), ...(await client.keys("*:priority")));
    resolve();
    for (const key of keys) await ran(key);
  });

  it("evicts a part of the state, and what is left passes for all of it", async () => {
    const server = await redis();
    const { queue, ran, well } = await shard(server);
    queue.addAfter("default/later", 3_600_000);
    await until("a delay", BOUND_MS, () => queue.statistics.delayed === 1);
    await server.client().del(...(await server.client().keys("*electorate-entries")));
    queue.add("default/new");
    await ran("default/new");
    for (const key of keys) await ran(key);
    await well();
  });

  it("evicts the jobs of delays, and their keys never come due", async () => {
    const server = await redis();
    const { queue, runs, ran } = await shard(server);
    for (const key of ["default/later", "default/soon"]) queue.addAfter(key, 2_000);
    await until("the delays", BOUND_MS, () => queue.statistics.delayed === 2);
    const client = server.client();
    expect(await client.del(...(await client.keys("*}:delayed")))).toBe(1);
    await ran("default/later");
    await ran("default/soon");
    expect([...runs.values()]).toEqual([1, 1]);
  });

  it("evicts by its own policy whatever others push out, time and again", async () => {
    const server = await redis({ settings: ["--maxmemory-policy", "allkeys-lru"] });
    const { queue, doubles, running, hold, runs, ran, well } = await shard(server);
    const client = server.client();
    const ours = async (): Promise<string[]> => client.keys("electorate:*");
    const memory = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1]);
    for (let round = 1; round <= 3; round++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      hold.until = promise;
      for (const key of keys) queue.add(key);
      queue.addAfter("default/k7", 2_000);
      await until("work, and what waits behind it", BOUND_MS, () => {
        const { inWork, depth, delayed } = queue.statistics;
        return inWork === 4 && depth >= keys.length - 4 && delayed === 1;
      });
      const before = await ours();
      await client.config("SET", "maxmemory", (await memory()) + 200_000);
      let strange = 0;
      await until("some of ours to be evicted", BOUND_MS, async () => {
        await client.set(`somebody-else:${round}:${strange++}`, "x".repeat(10_000));
        const left = new Set(await ours());
        return before.filter((key) => !left.has(key)).length >= 5;
      });
      expect(running.size).toBe(4);
      const ranBefore = new Map(runs);
      resolve();
      for (const key of keys) await ran(key, (ranBefore.get(key) ?? 0) + 1);
      await well();
      await until("nothing to wait", BOUND_MS, () => queue.statistics.depth + queue.statistics.inWork === 0);
      await client.config("SET", "maxmemory", 0);
    }
    expect(doubles).toEqual([]);
  });

  it("stops answering for longer than a command may take", async () => {
    const server = await redis();
    const { queue, doubles, ran, troubled, well } = await shard(server);
    queue.add("default/before");
    await ran("default/before");
    server.signal("SIGSTOP");
    queue.add("default/meanwhile");
    await troubled();
    server.signal("SIGCONT");
    await ran("default/meanwhile");
    await well();
    expect(doubles).toEqual([]);
  });

  it("pauses its clients for longer than a command may take", async () => {
    const server = await redis();
    const { queue, doubles, ran, troubled, well } = await shard(server);
    await server.client().client("PAUSE", 8_000, "WRITE");
    for (const key of keys) queue.add(key);
    await troubled();
    for (const key of keys) await ran(key);
    await well();
    expect(doubles).toEqual([]);
  });

  it("is full, and keeps saying so after there is room again", async () => {
    const server = await redis();
    const { replica, queue, ran, troubled, well } = await shard(server);
    queue.add("default/before");
    await ran("default/before");
    await server.client().config("SET", "maxmemory", "1");
    for (const key of keys) queue.add(key);
    await troubled();
    expect(replica.queues.problem).toMatch(/OOM/);
    await server.client().config("SET", "maxmemory", "0");
    for (const key of keys) await ran(key);
    await well();
  });

  it("was demoted and refuses writes", async () => {
    const server = await redis();
    const other = await redis();
    const { replica, queue, ran, well } = await shard(server);
    queue.add("default/before");
    await ran("default/before");
    await server.client().replicaof("127.0.0.1", other.port);
    queue.add("default/meanwhile");
    await until("a refusal", BOUND_MS, () => /READONLY/.test(replica.queues.problem ?? ""));
    await server.client().replicaof("NO", "ONE");
    await ran("default/meanwhile");
    await well();
  });
});
