import { describe, expect, it } from "vitest";
import { DRAIN_MS, made, Q, V } from "../../support/runner-world.ts";

describe("a handler that ignores a drain", () => {
  /** A term whose one handler was told to stop and went on, until the shard's owner kept the shard. */
  async function stuckOnce(keys: readonly string[] = ["default/a", "default/b"]) {
    const world = made(keys);
    const first = world.term("7");
    world.runner.open(first);
    await world.settle();
    first.gate.drain();
    world.runner.drain(first);
    for (let passed = 0; passed < DRAIN_MS + 1_000; passed += 1_000) {
      await world.clock.advance(1_000);
      first.gate.moveTo(world.gateClock.earliestMs() + V);
    }
    expect(world.said).toEqual(["stuck"]);
    first.end(new Error("stuck"));
    world.runner.forsake(first);
    const second = world.term("9");
    world.runner.open(second);
    await world.settle();
    return { ...world, second };
  }

  it("a stuck handler's key is not run twice: the new term runs the others, and that key once it has ended", async () => {
    const { handler, said, settle } = await stuckOnce();
    expect(said).toEqual(["stuck"]);
    expect(handler.runs.map(({ key, context }) => `${key} ${context.epoch}`)).toEqual(["default/a 7", "default/b 9"]);
    handler.runs[1]?.end();
    await settle();
    expect(handler.runs).toHaveLength(2);
    handler.runs[0]?.end();
    await settle();
    expect(handler.runs.map(({ key, context }) => `${key} ${context.epoch}`).at(-1)).toBe("default/a 9");
    expect(said).toEqual(["stuck", "relieved"]);
  });

  it("the late completion of a stuck handler says nothing about the new term, and lets the shard be moved again", async () => {
    const { handler, settle, said, runner } = await stuckOnce();
    handler.runs[0]?.end();
    await settle();
    expect(said).toEqual(["stuck", "relieved"]);
    expect(runner.phase).toBe("working");
  });

  it("a Lease does not go while a handler of a forsaken term runs: the next drain waits for it", async () => {
    const { handler, runner, second, settle, said, clock, gateClock } = await stuckOnce();
    handler.runs[1]?.end();
    await settle();
    second.gate.drain();
    runner.drain(second);
    for (let passed = 0; passed < 60_000; passed += 1_000) {
      await clock.advance(1_000);
      second.gate.moveTo(gateClock.earliestMs() + V);
    }
    expect(said).not.toContain("vacated");
    handler.runs[0]?.end();
    await settle();
    expect(said).toContain("vacated");
  });

  it("a Lease that is lost is not taken again while a handler of a forsaken term runs", async () => {
    const { handler, runner, second, settle, said } = await stuckOnce();
    handler.runs[1]?.end();
    await settle();
    second.end(new Error("lost"));
    runner.lose(second);
    await settle();
    expect(said).not.toContain("vacated");
    handler.runs[0]?.end();
    await settle();
    expect(said).toContain("vacated");
  });

  it("a stuck handler is not let off the guard by a new term: it is reported when that one's validity and the quiesce time are over", async () => {
    const { handler, settle, said, clock, watchdog } = await stuckOnce(["default/a"]);
    expect(watchdog.armedMs).toBe(V + Q);
    await clock.advance(V + Q - 1);
    expect(said).toEqual(["stuck"]);
    await clock.advance(2);
    expect(said).toContain("overrun configmaps-00 default/a");
    handler.runs[0]?.end();
    await settle();
    expect(watchdog.armedMs).toBe(Number.POSITIVE_INFINITY);
  });

  it("a stuck handler is not let off the guard when no new term begins", async () => {
    const world = made();
    const first = world.term("7");
    world.runner.open(first);
    await world.settle();
    world.runner.drain(first);
    world.runner.forsake(first);
    await world.clock.advance(V + Q + 1);
    expect(world.said).toContain("overrun configmaps-00 default/a");
  });
});
