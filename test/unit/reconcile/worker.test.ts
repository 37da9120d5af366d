import { describe, expect, it } from "vitest";
import { createMemoryQueue } from "../../../src/queue/memory.ts";
import { runWorkers } from "../../../src/reconcile/worker.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { recordingLog } from "./key-world.ts";
import { client, Handler, Shard } from "./shard-world.ts";

describe("what a handler is given", () => {
  it("names the object, hands over what the cache has of it, and belongs to the term", async () => {
    const shard = new Shard();
    const handler = new Handler();
    const { queue, abort, epoch } = shard.begin(handler.reconcile, 3);
    for (const key of ["default/a", "default/deleted", "cluster-scoped"]) queue.add(key);
    await shard.clock.advance(0);
    expect(handler.runs.map(({ request }) => request)).toEqual([
      { resource: "configmaps", namespace: "default", name: "a", key: "default/a" },
      { resource: "configmaps", namespace: "default", name: "deleted", key: "default/deleted" },
      { resource: "configmaps", namespace: "", name: "cluster-scoped", key: "cluster-scoped" },
    ]);
    const [first, second] = handler.runs;
    expect(first?.context).toMatchObject({ shard: "configmaps-00", epoch, client, signal: abort.signal });
    expect(first?.context.object?.metadata.name).toBe("a");
    expect(second?.context.object).toBeUndefined();
    first?.context.log.info({ step: 1 }, "said by the handler");
    expect(shard.lines).toContainEqual({
      level: "info",
      fields: { shard: "configmaps-00", epoch, key: "default/a", step: 1 },
      message: "said by the handler",
    });
  });
});

describe("metrics by controller-runtime's names", () => {
  it("exist with 0 before the first reconcile, so that rates see the first failure", () => {
    const shard = new Shard();
    expect(shard.results()).toEqual({ success: 0, error: 0, requeue: 0, requeue_after: 0 });
    for (const metric of ["reconcile_errors_total", "terminal_reconcile_errors_total", "reconcile_panics_total"]) {
      expect(shard.counted(metric)).toBe(0);
    }
  });

  it("show the sum over the shards of a controller, and take a shard that ended out again", async () => {
    const shard = new Shard();
    const other = new Handler();
    const handler = new Handler();
    const first = shard.begin(handler.reconcile, 4);
    const second = shard.begin(other.reconcile, 2);
    first.queue.add("a");
    first.queue.add("b");
    second.queue.add("c");
    await shard.clock.advance(3_000);
    const gauge = (name: string) => shard.meter.gauges.get(`controller_runtime_${name}{controller=configmaps}`);
    expect(gauge("max_concurrent_reconciles")).toBe(6);
    expect(gauge("active_workers")).toBe(3);
    for (const run of handler.runs) run.end();
    await first.workers.stop();
    await first.workers.ended;
    expect(gauge("max_concurrent_reconciles")).toBe(2);
    expect(gauge("active_workers")).toBe(1);
    expect(shard.meter.observations.get("controller_runtime_reconcile_time_seconds{controller=configmaps}")).toEqual([
      3, 3,
    ]);
  });
});

describe("the gate is compared at every dequeue", () => {
  it("a key is not handled after the gate closed, although it was added and handed out before", async () => {
    const shard = new Shard();
    const handler = new Handler();
    const { queue, gate, workers } = shard.begin(handler.reconcile, 2);
    await shard.clock.advance(0);
    queue.add("a");
    // The waiting worker has the key by now, but has not yet gone on.
    expect(queue.statistics.inWork).toBe(1);
    gate.open = false;
    queue.add("b");
    await workers.ended;
    expect(handler.runs).toEqual([]);
    expect(queue.statistics.inWork).toBe(0);
    expect(gate.refusals).toBe(1);
  });

  it("a key whose work did not begin, or was cut off, is taken for done by a queue that the next owner inherits", async () => {
    for (const begun of [false, true]) {
      const shard = new Shard();
      const handler = new Handler();
      const { queue, gate, abort, workers } = shard.begin(handler.reconcile);
      await shard.clock.advance(0);
      queue.add("a");
      if (begun) await shard.clock.advance(0);
      gate.open = false;
      abort.abort(new Error("the term has ended"));
      handler.runs[0]?.fail(abort.signal.reason);
      await workers.ended;
      expect(handler.runs).toHaveLength(begun ? 1 : 0);
      expect(queue.statistics).toMatchObject({ depth: 1, inWork: 0 });
    }
  });

  it("a worker that finished a key after the gate closed takes no other", async () => {
    const shard = new Shard();
    const handler = new Handler();
    const { queue, gate, workers } = shard.begin(handler.reconcile);
    queue.add("a");
    queue.add("b");
    await shard.clock.advance(0);
    gate.open = false;
    handler.runs[0]?.end();
    await workers.ended;
    expect(handler.keys).toEqual(["a"]);
  });

  it("after stop no handler is called, although the gate is still open", async () => {
    const shard = new Shard();
    const handler = new Handler();
    const { queue, workers, gate } = shard.begin(handler.reconcile);
    await shard.clock.advance(0);
    queue.add("a");
    await workers.stop();
    await workers.ended;
    expect(handler.runs).toEqual([]);
    expect(gate.refusals).toBe(0);
  });
});

describe("handlers that never wait", () => {
  it("do not keep the event loop from turning: the timer of a renewal fires among them, not after the last", async () => {
    const shard = new Shard();
    const queue = createMemoryQueue({ clock: systemClock, meter: shard.meter, name: "busy" });
    for (let index = 0; index < 300; index++) queue.add(`key-${index}`);
    let handled = 0;
    const allHandled = Promise.withResolvers<void>();
    const renewal = Promise.withResolvers<number>();
    systemClock.timer(1, () => renewal.resolve(handled));
    const workers = runWorkers({
      clock: systemClock,
      log: recordingLog([]),
      metrics: shard.metrics,
      queue,
      workers: 2,
      resource: "configmaps",
      shard: "configmaps-00",
      epoch: "1",
      signal: new AbortController().signal,
      client,
      keysInWork: shard.keysInWork,
      reconcile: async () => {
        const untilMs = systemClock.monotonicMs() + 1;
        while (systemClock.monotonicMs() < untilMs);
        if (++handled === 300) allHandled.resolve();
      },
      admits: () => true,
      objectOf: () => undefined,
    });
    expect(await renewal.promise).toBeLessThan(300);
    await allHandled.promise;
    await workers.stop();
    await workers.ended;
  });

  it("leave no timer behind when the workers end", async () => {
    const shard = new Shard();
    const { queue, workers } = shard.begin(async () => {}, 3);
    for (let index = 0; index < 100; index++) queue.add(`key-${index}`);
    await shard.clock.advance(1_000);
    queue.add("one more");
    // It is handled in this turn, and the timer that would see the next turn is armed.
    await new Promise((resolve) => setImmediate(resolve));
    expect(shard.clock.pendingTimers).toBe(1);
    await workers.stop();
    await workers.ended;
    expect(shard.clock.pendingTimers).toBe(0);
  });
});
