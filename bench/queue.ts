/**
 * What does a work queue cost: in memory, and in Redis beside bare Bull?
 *
 * In memory, per number of keys: nanoseconds for each of add, take and done over all keys, and bytes per key that waits (heap after a
 * collection; run by `node --expose-gc`, which `npm run bench` does not do, else that column is empty).
 *
 * In Redis, a `redis-server` of its own on this machine: the same keys, added and worked on by a handler that does nothing, 4 at once per
 * shard, by our driver and by bare Bull (one queue per shard, shared connections, unique job ids, jobs removed when done). `ratio` is
 * ours to Bull's. Both share one process and one Redis with this measurement, so the sum of all three is what is seen. Start is from the
 * opening of a term's queue until its first key is handed out; stop is from `close` until the last worker has returned, nothing running.
 *
 * Writes `bench/results/queue.json`. `--keys` is the number of keys in Redis (default 20,000).
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import Bull from "bull";
import Table from "cli-table3";
import { Redis } from "ioredis";
import { bullQueues } from "../src/queue/bull/index.ts";
import type { ShardQueues } from "../src/queue/driver.ts";
import { createMemoryQueue } from "../src/queue/memory.ts";
import type { WorkQueue } from "../src/queue/work-queue.ts";
import { systemClock } from "../src/runtime/clock.ts";
import { silentTelemetry } from "../src/runtime/telemetry.ts";
import { TroubleLog } from "../src/runtime/trouble.ts";
import { missingRedis, RedisServer } from "../test/support/redis-server.ts";

const { values } = parseArgs({ options: { keys: { type: "string", default: "20000" } } });
const KEYS = Number(values.keys);
const WORKERS = 4;
const SHARDS = [1, 16, 64];
const STARTS = 50;

function heapBytes(): number | undefined {
  if (globalThis.gc === undefined) return undefined;
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

async function inMemory(count: number) {
  const keys = Array.from({ length: count }, (_, index) => `namespace-${index % 100}/object-${index}`);
  const before = heapBytes();
  const queue = createMemoryQueue({ clock: systemClock, meter: silentTelemetry.meter, name: "bench" });
  const times: number[] = [performance.now()];
  for (const key of keys) queue.add(key);
  times.push(performance.now());
  const after = heapBytes();
  times.push(performance.now());
  for (let taken = 0; taken < count; taken++) await queue.take();
  times.push(performance.now());
  for (const key of keys) queue.done(key);
  times.push(performance.now());
  const each = (from: number, to: number): number =>
    Math.round((((times[to] ?? 0) - (times[from] ?? 0)) * 1e6) / count);
  return {
    keys: count,
    addNs: each(0, 1),
    takeNs: each(2, 3),
    doneNs: each(3, 4),
    bytesPerKey: before === undefined || after === undefined ? undefined : Math.round((after - before) / count),
  };
}

function connect(server: RedisServer): Promise<ShardQueues> {
  const telemetry = silentTelemetry;
  return bullQueues({ redis: { addresses: [server.address] } }).connect({
    namespace: "default",
    clusterUid: () => Promise.resolve("bench"),
    clock: systemClock,
    telemetry,
    trouble: new TroubleLog(telemetry.log),
  });
}

function openShard(queues: ShardQueues, shard: string, epoch: number): WorkQueue {
  const leaseName = `bench-${shard}`;
  return queues.open({ shard, leaseName, epoch: String(epoch), workers: WORKERS, admits: () => true, refill() {} });
}

async function work(queue: WorkQueue, handled: () => void): Promise<void> {
  const loop = async (): Promise<void> => {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      queue.done(key);
      handled();
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, loop));
}

/** Keys per second from the first add to the last key's end. */
async function ours(server: RedisServer, shards: number): Promise<number> {
  const queues = await connect(server);
  const all = Array.from({ length: shards }, (_, index) => openShard(queues, `s${index}`, 1));
  let left = KEYS;
  const startedMs = performance.now();
  const working = all.map((queue) =>
    work(queue, () => {
      left -= 1;
      if (left === 0) for (const open of all) open.close();
    }),
  );
  for (let index = 0; index < KEYS; index++) all[index % shards]?.add(`default/object-${index}`);
  await Promise.all(working);
  const perSecond = (KEYS * 1000) / (performance.now() - startedMs);
  await queues.close();
  return Math.round(perSecond);
}

async function bare(server: RedisServer, shards: number): Promise<number> {
  const options = { port: server.port, maxRetriesPerRequest: null, enableReadyCheck: false };
  const [client, subscriber] = [new Redis(options), new Redis(options)];
  for (const shared of [client, subscriber]) shared.setMaxListeners(0);
  const own: Redis[] = [];
  const queues = Array.from({ length: shards }, (_, index) => {
    const createClient = (type: string): Redis => {
      if (type !== "bclient") return type === "client" ? client : subscriber;
      const blocking = new Redis(options);
      own.push(blocking);
      return blocking;
    };
    return new Bull<{ key: string }>(`bare-${index}`, { createClient });
  });
  const startedMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = KEYS;
  for (const queue of queues) {
    void queue.process(WORKERS, async () => {
      left -= 1;
      if (left === 0) resolve();
    });
  }
  const perQueue = queues.map((queue, shard) => async () => {
    for (let index = shard; index < KEYS; index += 500 * shards) {
      const keys = Array.from({ length: 500 }, (_, at) => index + at * shards).filter((at) => at < KEYS);
      const opts = { removeOnComplete: true, removeOnFail: true };
      await queue.addBulk(
        keys.map((at) => ({ data: { key: `default/object-${at}` }, opts: { ...opts, jobId: `k${at}` } })),
      );
    }
  });
  await Promise.all([...perQueue.map((add) => add()), promise]);
  const perSecond = (KEYS * 1000) / (performance.now() - startedMs);
  await Promise.all(queues.map((queue) => queue.close()));
  for (const connection of [client, subscriber, ...own]) connection.disconnect();
  return Math.round(perSecond);
}

function quantiles(samples: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = samples.toSorted((one, other) => one - other);
  const at = (share: number): number => Math.round((sorted[Math.floor(share * (sorted.length - 1))] ?? 0) * 100) / 100;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Two replicas take turns with one shard, so that no start waits for Bull's own pause of half a second. */
async function startsAndStops(server: RedisServer) {
  const replicas = await Promise.all(Array.from({ length: 2 }, () => connect(server)));
  const startMs: number[] = [];
  const stopMs: number[] = [];
  for (let epoch = 1; epoch <= STARTS; epoch++) {
    const [next, other] = epoch % 2 === 0 ? replicas : replicas.toReversed();
    if (next === undefined || other === undefined) throw new Error("two replicas take turns");
    const openedMs = performance.now();
    const queue = openShard(next, "turns", epoch);
    queue.add("default/first");
    const key = await queue.take();
    startMs.push(performance.now() - openedMs);
    queue.done(key ?? "");
    const working = work(queue, () => {});
    const closedMs = performance.now();
    queue.close();
    await working;
    stopMs.push(performance.now() - closedMs);
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
  await Promise.all(replicas.map((replica) => replica.close()));
  return { startMs: quantiles(startMs), stopMs: quantiles(stopMs) };
}

async function connectionsOf(server: RedisServer, shards: number): Promise<number> {
  const queues = await connect(server);
  const open = Array.from({ length: shards }, (_, index) => openShard(queues, `c${index}`, 1));
  for (const queue of open) queue.add("default/a");
  await Promise.all(open.map((queue) => queue.take()));
  const clients =
    String(await server.client().client("LIST"))
      .trim()
      .split("\n").length - 1;
  for (const queue of open) queue.close();
  await queues.close();
  return clients;
}

async function inRedis() {
  const rows: { shards: number; electorate: number; bull: number; ratio: number; connections: number }[] = [];
  for (const shards of SHARDS) {
    const server = await RedisServer.start();
    // The second of two runs of each: the first one warms up.
    await bare(server, shards);
    await ours(server, shards);
    await server.client().flushall();
    const bull = await bare(server, shards);
    const electorate = await ours(server, shards);
    await server.client().flushall();
    const connections = await connectionsOf(server, shards);
    rows.push({ shards, electorate, bull, ratio: Math.round((100 * electorate) / bull) / 100, connections });
    await server.close();
  }
  const server = await RedisServer.start();
  const turns = await startsAndStops(server);
  await server.close();
  return { rows, ...turns };
}

const memory: Awaited<ReturnType<typeof inMemory>>[] = [];
for (const count of [1_000, 100_000, 1_000_000]) {
  await inMemory(Math.min(count, 100_000));
  memory.push(await inMemory(count));
}
const memoryTable = new Table({ head: ["keys in memory", "add ns", "take ns", "done ns", "bytes per key"] });
for (const { keys, addNs, takeNs, doneNs, bytesPerKey } of memory)
  memoryTable.push([keys, addNs, takeNs, doneNs, bytesPerKey ?? "-"]);
process.stdout.write(`${memoryTable.toString()}\n`);

const redis = missingRedis === undefined ? await inRedis() : undefined;
if (redis === undefined) process.stdout.write(`not measured: queues in Redis (${missingRedis})\n`);
else {
  const table = new Table({ head: ["shards", "keys/s", "bare Bull keys/s", "ratio", "connections"] });
  for (const { shards, electorate, bull, ratio, connections } of redis.rows)
    table.push([shards, electorate, bull, ratio, connections]);
  process.stdout.write(`${table.toString()}\n`);
  const { startMs, stopMs } = redis;
  process.stdout.write(
    `start p50 ${startMs.p50} ms, p99 ${startMs.p99} ms; stop p50 ${stopMs.p50} ms, p99 ${stopMs.p99} ms\n`,
  );
}
const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model, load: loadavg()[0] };
mkdirSync(join(import.meta.dirname, "results"), { recursive: true });
writeFileSync(
  join(import.meta.dirname, "results", "queue.json"),
  `${JSON.stringify({ machine, keysInRedis: KEYS, memory, redis }, undefined, 2)}\n`,
);
