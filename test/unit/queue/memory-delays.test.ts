import { describe, expect, it } from "vitest";
import { EarlyTimers, open } from "./queue-world.ts";

const EXPONENTIAL = { kind: "item-exponential-failure", baseDelayMs: 5, maxDelayMs: 1_000_000 } as const;

describe("delays", () => {
  it("a timer that fires early, as the longest timers of Node do, hands nothing out before its time", async () => {
    const clock = new EarlyTimers();
    const { queue } = open({ clock });
    queue.addAfter("a", 2_500);
    await clock.advance(2_499);
    expect(queue.statistics).toMatchObject({ depth: 0, delayed: 1 });
    await clock.advance(1);
    expect(queue.statistics).toMatchObject({ depth: 1, delayed: 0 });
  });

  it("a retry asked for while the key is in work stays, also when the key was added meanwhile and fails again", async () => {
    const { clock, queue } = open();
    queue.add("a");
    await queue.take();
    queue.addRateLimited("a");
    queue.done("a");
    expect(queue.statistics.delayed).toBe(1);
    await clock.advance(5);
    expect(await queue.take()).toBe("a");
    expect(queue.statistics.delayed).toBe(0);
  });

  it("a back-off that merged with a named moment is not dropped by an earlier run", async () => {
    const { clock, queue } = open();
    queue.addAfter("a", 3);
    queue.addRateLimited("a");
    queue.add("a");
    expect(await queue.take()).toBe("a");
    queue.done("a");
    await clock.advance(3);
    expect(await queue.take()).toBe("a");
  });
});

describe("back-off", () => {
  it("doubles from 5 ms up to 1,000 s and starts anew after forget", async () => {
    const { clock, queue } = open({ rateLimiter: EXPONENTIAL });
    for (const wantedMs of [5, 10, 20, 40, 80, 160]) {
      queue.addRateLimited("a");
      await clock.advance(wantedMs - 1);
      expect(queue.statistics.depth).toBe(0);
      await clock.advance(1);
      expect(await queue.take()).toBe("a");
      queue.done("a");
    }
    expect(queue.failures("a")).toBe(6);
    queue.forget("a");
    expect(queue.failures("a")).toBe(0);
    queue.addRateLimited("a");
    await clock.advance(5);
    expect(await queue.take()).toBe("a");
  });

  it("stays at its cap after two thousand failures instead of overflowing into no delay at all", async () => {
    const { clock, queue } = open({ rateLimiter: EXPONENTIAL });
    for (let i = 0; i < 2_000; i++) queue.addRateLimited("a");
    await clock.advance(5);
    expect(await queue.take()).toBe("a");
    queue.addRateLimited("a");
    queue.done("a");
    await clock.advance(999_999);
    expect(queue.statistics).toMatchObject({ depth: 0, delayed: 1 });
    await clock.advance(1);
    expect(queue.statistics).toMatchObject({ depth: 1, delayed: 0 });
  });

  it("a thousand keys that fail at once are spread at the rate of the token bucket", async () => {
    const { clock, queue } = open();
    for (let i = 0; i < 1_000; i++) queue.addRateLimited(`key-${i}`);
    await clock.advance(5);
    expect(queue.statistics.depth).toBe(100);
    await clock.advance(10_000 - 5);
    expect(queue.statistics.depth).toBe(200);
    await clock.advance(80_000);
    expect(queue.statistics).toMatchObject({ depth: 1_000, delayed: 0 });
  });
});
