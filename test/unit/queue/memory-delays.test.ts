import { describe, expect, it } from "vitest";
import { EarlyTimers, open } from "./queue-world.ts";

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
    const { clock, queue } = open({ tokenBucket: { perSecond: 1_000_000, burst: 1_000_000 } });
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
    const { clock, queue } = open({ tokenBucket: { perSecond: 1_000_000, burst: 1_000_000 } });
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

  it("settings that cannot work are refused with their name and value", () => {
    for (const [options, message] of [
      [{ backOff: { baseMs: 0, maxMs: 1 } }, /backOff\.baseMs.*longer than 0.*0/],
      [{ backOff: { baseMs: 10, maxMs: 5 } }, /backOff\.maxMs.*10.*5/],
      [{ backOff: { baseMs: 5, maxMs: Number.NaN } }, /backOff\.maxMs/],
      [{ tokenBucket: { perSecond: 0, burst: 1 } }, /tokenBucket\.perSecond/],
      [{ tokenBucket: { perSecond: 1, burst: 0 } }, /tokenBucket\.burst/],
    ] as const) {
      expect(() => open(options)).toThrow(message);
    }
  });
});
