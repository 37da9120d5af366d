import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import type { RateLimiter } from "../../../src/queue/rate-limiter.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { open } from "./queue-world.ts";

describe("workers that wait", () => {
  it("are served in order, one key each", async () => {
    const { queue } = open();
    const takes = [queue.take(), queue.take(), queue.take()];
    for (const key of ["a", "b", "c"]) queue.add(key);
    expect(await Promise.all(takes)).toEqual(["a", "b", "c"]);
  });
});

describe("a closed queue", () => {
  it("keeps nothing that waited, was delayed, or is added by a late handler, and holds no timer", async () => {
    const { clock, queue } = open();
    for (const key of ["a", "b"]) queue.add(key);
    queue.addAfter("c", 10);
    expect(await queue.take()).toBe("a");
    queue.close();
    queue.addAfter("e", 10);
    queue.addRateLimited("a");
    queue.putBack("a");
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(10_000);
    expect(queue.statistics).toEqual({ depth: 0, delayed: 0, inWork: 0, oldestAgeMs: 0 });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("1,000,000 keys", () => {
  it("cost more than their entries while they wait, or anything once they are done", { timeout: 60_000 }, async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const heapBytes = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const count = 1_000_000;
    const { queue } = open({ meter: silentTelemetry.meter });
    const keys = Array.from({ length: count }, (_, index) => `namespace-${index % 10}/object-${index}`);
    const emptyBytes = heapBytes();
    for (const key of keys) queue.add(key, "resync");
    for (const key of keys) queue.add(key, "resync");
    expect(queue.statistics.depth).toBe(count);
    expect((heapBytes() - emptyBytes) / count).toBeLessThan(300);
    for (let taken = 0; taken < count; taken++) queue.done((await queue.take()) ?? "");
    expect(queue.statistics).toMatchObject({ depth: 0, inWork: 0 });
    expect((heapBytes() - emptyBytes) / count).toBeLessThan(20);
  });
});

const ALL_AT_ONCE: RateLimiter = {
  kind: "max-of",
  limiters: [
    { kind: "item-exponential-failure", baseDelayMs: 5, maxDelayMs: 1_000_000 },
    { kind: "bucket", perSecond: 1e9, burst: 1e9 },
  ],
};

describe("200,000 keys, each step of which would be quadratic over arrays or over a Set used as a queue", () => {
  it("are added, promoted, counted, taken, added again, delayed, failed and done", { timeout: 30_000 }, async () => {
    const { clock, queue } = open({ meter: silentTelemetry.meter, rateLimiter: ALL_AT_ONCE });
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
