import type { WorkQueue } from "../../src/queue/work-queue.ts";
import { RedisReplica, workOn } from "./redis-queues.ts";
import type { RedisServer } from "./redis-server.ts";
import { until } from "./waiting.ts";

const BOUND_MS = 30_000;

/** What a test has to end, whatever became of it. */
export type OnEnd = (end: () => Promise<void>) => void;

/** A shard on a Redis whose source knows `keys`, four workers, and what was done with the keys. */
export async function workedShard(server: RedisServer, keys: readonly string[], onEnd: OnEnd, boundMs = BOUND_MS) {
  const replica = await RedisReplica.connect({ addresses: [server.address] });
  onEnd(() => replica.queues.close());
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
  onEnd(async () => {
    queue.close();
    await done;
  });
  const lines = (): string => replica.lines.join("\n");
  const ran = (key: string, times = 1): Promise<unknown> =>
    until(`${key} to run ${times} times`, boundMs, () => (runs.get(key) ?? 0) >= times, lines);
  const troubled = (): Promise<unknown> => until("trouble", boundMs, () => replica.queues.problem !== undefined);
  const well = (): Promise<unknown> =>
    until("an end of the trouble", boundMs, () => replica.queues.problem === undefined, lines);
  return { replica, queue, runs, running, doubles, hold, ran, troubled, well };
}
