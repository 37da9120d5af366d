import { describe, expect, it } from "vitest";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { NOTHING, open, takeNow } from "./queue-world.ts";

describe("no key is worked on twice at once, and none is lost", () => {
  it("a key added a hundred times while it waits is one run", async () => {
    const { queue } = open();
    for (let i = 0; i < 100; i++) queue.add("a");
    expect(queue.statistics.depth).toBe(1);
    expect(await queue.take()).toBe("a");
    queue.done("a");
    expect(await takeNow(queue)).toBe(NOTHING);
  });

  it("a key added while in work is not handed to a second worker that already waits, and runs exactly once more", async () => {
    const { queue } = open();
    queue.add("a");
    expect(await queue.take()).toBe("a");
    const second = queue.take();
    queue.add("a");
    queue.add("a");
    expect(await Promise.race([second, new Promise((resolve) => setImmediate(resolve, NOTHING))])).toBe(NOTHING);
    queue.done("a");
    expect(await second).toBe("a");
    queue.done("a");
    expect(queue.statistics).toEqual({ depth: 0, delayed: 0, inWork: 0, oldestAgeMs: 0 });
  });

  it("a key that runs again goes behind those that waited longer, so that one busy object starves nobody", async () => {
    const { queue } = open();
    queue.add("busy");
    await queue.take();
    queue.add("busy");
    queue.add("patient");
    queue.done("busy");
    expect(await queue.take()).toBe("patient");
    expect(await queue.take()).toBe("busy");
  });

  it("done for a key that is waiting, unknown or already done changes nothing", async () => {
    const { queue } = open();
    queue.add("a");
    queue.done("a");
    queue.done("unknown");
    expect(await queue.take()).toBe("a");
    queue.done("a");
    queue.done("a");
    expect(queue.statistics).toMatchObject({ depth: 0, inWork: 0 });
  });

  it("workers that wait are served in order, one key each", async () => {
    const { queue } = open();
    const takes = [queue.take(), queue.take(), queue.take()];
    for (const key of ["a", "b", "c"]) queue.add(key);
    expect(await Promise.all(takes)).toEqual(["a", "b", "c"]);
  });
});

describe("a resync of a whole shard does not hold up events", () => {
  it("fresh keys overtake resync keys that were added before, and keep their own order", async () => {
    const { queue } = open();
    for (const key of ["r1", "r2"]) queue.add(key, "resync");
    for (const key of ["f1", "f2"]) queue.add(key);
    const order = [await queue.take(), await queue.take(), await queue.take(), await queue.take()];
    expect(order).toEqual(["f1", "f2", "r1", "r2"]);
  });

  it("an event for a key that waits as resync promotes it, without a second run", async () => {
    const { queue } = open();
    for (const key of ["r1", "r2", "r3"]) queue.add(key, "resync");
    queue.add("r2", "fresh");
    expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(["r2", "r1", "r3"]);
    expect(queue.statistics.depth).toBe(0);
  });

  it("a resync add never demotes a fresh key, waiting or in work", async () => {
    const { queue } = open();
    queue.add("a");
    queue.add("a", "resync");
    queue.add("r", "resync");
    expect(await queue.take()).toBe("a");
    queue.add("a", "fresh");
    queue.add("a", "resync");
    queue.done("a");
    expect(await queue.take()).toBe("a");
  });

  it("a key added in work as resync and then as fresh runs again as fresh", async () => {
    const { queue } = open();
    queue.add("a");
    await queue.take();
    queue.add("a", "resync");
    queue.add("a", "fresh");
    queue.add("r", "resync");
    queue.done("a");
    expect(await queue.take()).toBe("a");
  });
});

describe("a closed queue", () => {
  it("answers every worker that waits and every later take with undefined", async () => {
    const { queue } = open();
    const waiting = [queue.take(), queue.take()];
    queue.close();
    queue.close();
    expect(await Promise.all([...waiting, queue.take()])).toEqual([undefined, undefined, undefined]);
  });

  it("hands out nothing that waited, was delayed, or is added by a late handler, and holds no timer", async () => {
    const { clock, queue } = open();
    for (const key of ["a", "b"]) queue.add(key);
    queue.addAfter("c", 10);
    expect(await queue.take()).toBe("a");
    queue.add("a");
    queue.close();
    queue.add("d");
    queue.addAfter("e", 10);
    queue.addRateLimited("a");
    queue.done("a");
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(10_000);
    expect(await queue.take()).toBeUndefined();
    expect(queue.statistics).toEqual({ depth: 0, delayed: 0, inWork: 0, oldestAgeMs: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it("still knows which keys are in work until they are done", async () => {
    const { queue } = open();
    queue.add("a");
    await queue.take();
    queue.close();
    expect(queue.statistics.inWork).toBe(1);
    queue.done("a");
    expect(queue.statistics.inWork).toBe(0);
  });
});

describe("200,000 keys, each step of which would be quadratic over arrays or over a Set used as a queue", () => {
  it("are added, promoted, counted, taken, added again, delayed, failed and done", { timeout: 30_000 }, async () => {
    const { clock, queue } = open({ meter: silentTelemetry.meter, tokenBucket: { perSecond: 1e9, burst: 1e9 } });
    const keys = Array.from({ length: 200_000 }, (_, index) => `namespace-${index % 10}/object-${index}`);
    for (const key of keys) queue.add(key, "resync");
    for (let index = keys.length - 1; index >= 0; index -= 2) queue.add(keys[index] ?? "", "fresh");
    expect(queue.statistics.depth).toBe(keys.length);
    const taken = new Set<string>();
    for (let index = 0; index < keys.length; index++) {
      const key = (await queue.take()) ?? "";
      if (index === 0) expect(key).toBe(keys.at(-1));
      taken.add(key);
      queue.add(key);
      queue.addAfter(key, 1 + (index % 500));
      expect(queue.statistics.inWork).toBe(index + 1);
    }
    expect(taken.size).toBe(keys.length);
    for (const key of keys) queue.done(key);
    await clock.advance(500);
    expect(queue.statistics).toMatchObject({ depth: keys.length, delayed: 0, inWork: 0 });
    for (let index = 0; index < keys.length; index++) {
      const key = (await queue.take()) ?? "";
      queue.addRateLimited(key);
      queue.done(key);
    }
    for (const key of keys) queue.add(key);
    for (let index = 0; index < keys.length; index++) queue.done((await queue.take()) ?? "");
    expect(queue.statistics).toMatchObject({ depth: 0, delayed: 0, inWork: 0 });
  });

  it("wait for workers that came first, 200,000 of them", { timeout: 30_000 }, async () => {
    const { queue } = open({ meter: silentTelemetry.meter });
    const takes = Array.from({ length: 200_000 }, () => queue.take());
    for (let index = 0; index < takes.length; index++) queue.add(`key-${index}`);
    expect(new Set(await Promise.all(takes)).size).toBe(200_000);
  });
});
