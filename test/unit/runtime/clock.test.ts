import { describe, expect, it } from "vitest";
import { preciseWall, sleep, systemClock } from "../../../src/runtime/clock.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

describe("the system's clock", () => {
  it("no timer fires early: who compares the time then and waits for nothing else would wait for ever", async () => {
    const early: number[] = [];
    await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const delayMs = 2 + (index % 40) * 0.77;
        const startMs = systemClock.monotonicMs();
        await sleep(systemClock, delayMs);
        const tookMs = systemClock.monotonicMs() - startMs;
        if (tookMs < delayMs) early.push(delayMs - tookMs);
      }),
    );
    expect(early).toEqual([]);
  });

  it("a cancelled timer never fires, also when it was cancelled in the turn in which it was due", async () => {
    let fired = false;
    const timer = systemClock.timer(1, () => (fired = true));
    const untilMs = systemClock.monotonicMs() + 5;
    while (systemClock.monotonicMs() < untilMs);
    timer.cancel();
    timer.cancel();
    await sleep(systemClock, 5);
    expect(fired).toBe(false);
  });

  it("a timer for longer than Node's 24.8 days does not fire at once", async () => {
    let fired = false;
    const timer = systemClock.timer(4_000_000_000, () => (fired = true));
    await sleep(systemClock, 10);
    timer.cancel();
    expect(fired).toBe(false);
  });
});

describe("sleep", () => {
  it("ends at once with the reason when it is aborted, and leaves no timer", async () => {
    const clock = new VirtualClock();
    const abort = new AbortController();
    const sleeping = sleep(clock, 1_000, abort.signal);
    abort.abort(new Error("stop"));
    await expect(sleeping).rejects.toThrow("stop");
    expect(clock.pendingTimers).toBe(0);
    await expect(sleep(clock, 1_000, abort.signal)).rejects.toThrow("stop");
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("the precise wall clock of log lines", () => {
  it("does not jump between two lines of one millisecond, and follows the wall clock when that is set", () => {
    const clock = new VirtualClock();
    const now = preciseWall(clock);
    const first = now();
    expect(first).toBe(clock.wallMs());
    clock.jumpWall(3_600_000);
    expect(now() - first).toBe(3_600_000);
  });
});
