import { setTimeout as delay } from "node:timers/promises";
import Bull from "bull";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BullQueue } from "../../../src/queue/bull/bull-queue.ts";
import { Connections } from "../../../src/queue/bull/connections.ts";
import { Engine } from "../../../src/queue/bull/engine.ts";
import { ShardState } from "../../../src/queue/bull/state.ts";
import { QueueMetrics } from "../../../src/queue/metrics.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { workOn } from "../../support/redis-queues.ts";
import { missingRedis, RedisServer, requireRedis } from "../../support/redis-server.ts";

/** Much shorter than in production, so that the event loop need not be blocked for half a minute. */
const LOCKS = { lockMs: 300, stalledCheckMs: 100 };

/** Work on one key that first blocks the event loop for longer than Bull's lock, and then goes on for a while. */
function stallingWork() {
  let running = 0;
  const seen = { runs: 0, atOnce: 0 };
  const work = async (): Promise<void> => {
    seen.runs += 1;
    running += 1;
    seen.atOnce = Math.max(seen.atOnce, running);
    if (seen.runs === 1) {
      const untilMs = performance.now() + 3 * LOCKS.lockMs;
      while (performance.now() < untilMs);
      await delay(1_500);
    }
    running -= 1;
  };
  return { seen, work };
}

describe("an event loop that is blocked for longer than Bull's lock", () => {
  let server: RedisServer | undefined;
  beforeAll(async () => {
    if (missingRedis === undefined) server = await RedisServer.start();
  });
  afterAll(() => server?.close());
  beforeEach(requireRedis);

  it("runs one job of bare Bull twice at once, which is what the other test would miss otherwise", async () => {
    const { seen, work } = stallingWork();
    const queue = new Bull("bare", {
      redis: { port: server?.port ?? 0 },
      settings: { lockDuration: LOCKS.lockMs, stalledInterval: LOCKS.stalledCheckMs, maxStalledCount: 10 },
    });
    void queue.process(2, work);
    await queue.add({ key: "default/a" }, { jobId: "default/a" });
    await delay(3_500);
    await queue.close();
    expect(seen.atOnce).toBe(2);
  });

  it("runs a key of ours twice at once", async () => {
    const { seen, work } = stallingWork();
    const errors: unknown[] = [];
    const connections = new Connections({ addresses: [server?.address ?? ""] }, (error) => errors.push(error));
    const engine = new Engine({
      connections,
      prefix: "electorate:cluster-1",
      name: "{default/shop-configmaps-00}",
      concurrency: 2,
      onTrouble: (error) => errors.push(error),
      ...LOCKS,
    });
    const base = "electorate:cluster-1:{default/shop-configmaps-00}:";
    const term = { shard: "s", leaseName: "s", epoch: "1", workers: 2, admits: () => true, refill() {} };
    const queue = new BullQueue({
      term,
      state: new ShardState(connections.client, systemClock, base, "1"),
      engine,
      clock: systemClock,
      metrics: new QueueMetrics(silentTelemetry.meter, "s"),
      onTrouble: (error) => void (error === undefined || errors.push(error)),
      onEnd() {},
    });
    const done = workOn(queue, 2, work);
    queue.add("default/a");
    await delay(3_500);
    queue.close();
    await done;
    await engine.close();
    connections.close();
    expect(seen).toEqual({ runs: 1, atOnce: 1 });
    // Bull did bring the job again: its lock was lost.
    expect(errors.map(String).join("\n")).toMatch(/lock|Missing key/i);
  });
});
