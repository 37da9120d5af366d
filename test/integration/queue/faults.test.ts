import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WorkQueue } from "../../../src/queue/work-queue.ts";
import { RedisReplica, workOn } from "../../support/redis-queues.ts";
import { RedisServer, type RedisServerOptions, requireRedis } from "../../support/redis-server.ts";
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

  /** A shard whose source knows `keys`, and what was done with them. */
  async function shard(server: RedisServer) {
    const replica = await RedisReplica.connect({ addresses: [server.address] });
    ended.push(() => replica.queues.close());
    const runs = new Map<string, number>();
    const running = new Set<string>();
    const doubles: string[] = [];
    const hold = { until: Promise.resolve() };
    const refill = (): void => {
      for (const key of keys) queue.add(key, "resync");
    };
    const queue: WorkQueue = replica.open("100", { workers: 4, refill });
    const done = workOn(queue, 4, async (key) => {
      if (running.has(key)) doubles.push(key);
      running.add(key);
      await hold.until;
      running.delete(key);
      runs.set(key, (runs.get(key) ?? 0) + 1);
    });
    ended.push(async () => {
      queue.close();
      await done;
    });
    const ran = (key: string, times = 1): Promise<unknown> =>
      until(
        `${key} to run ${times} times`,
        BOUND_MS,
        () => (runs.get(key) ?? 0) >= times,
        () => replica.lines.join("\n"),
      );
    const troubled = (): Promise<unknown> => until("trouble", BOUND_MS, () => replica.queues.problem !== undefined);
    const well = (): Promise<unknown> =>
      until(
        "an end of the trouble",
        BOUND_MS,
        () => replica.queues.problem === undefined,
        () => replica.lines.join("\n"),
      );
    return { replica, queue, runs, running, doubles, hold, ran, troubled, well };
  }

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
