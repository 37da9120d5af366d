import { describe, expect, it } from "vitest";
import { TerminalError } from "../../../src/reconcile/contract.ts";
import { hasCode } from "../../../src/runtime/errors.ts";
import { Handler, Shard } from "./shard-world.ts";

const TIMEOUT_MS = 1_000;

function timed() {
  const shard = new Shard();
  const handler = new Handler();
  const term = shard.begin(handler.reconcile, 1, TIMEOUT_MS);
  term.queue.add("a");
  return { shard, handler, ...term };
}

describe("a handler that takes longer than reconcileTimeout", () => {
  it("is not told to stop, or is told too early", async () => {
    const { shard, handler } = timed();
    await shard.clock.advance(TIMEOUT_MS - 1);
    expect(handler.runs[0]?.context.signal.aborted).toBe(false);
    await shard.clock.advance(1);
    const { signal } = handler.runs[0]!.context;
    expect(signal.aborted).toBe(true);
    expect(hasCode(signal.reason, "reconcile-timeout")).toBe(true);
    expect(String(signal.reason)).toContain("the handler of a took longer than 1000 ms");
  });

  type Run = (typeof Handler)["prototype"]["runs"][number];

  it.each<readonly [string, (run: Run) => void]>([
    ["returns, as one does that is asked to stop", (run) => run.end()],
    ["asks to be called in an hour", (run) => run.end({ requeueAfterMs: 3_600_000 })],
    ["throws why it was stopped", (run) => run.fail(run.context.signal.reason)],
    ["throws what its client threw", (run) => run.fail(Object.assign(new Error("cut"), { name: "AbortError" }))],
  ])("counts as a success, or is not tried again, when it %s", async (_, stop) => {
    const { shard, handler, queue } = timed();
    await shard.clock.advance(TIMEOUT_MS);
    stop(handler.runs[0]!);
    await shard.clock.advance(4);
    expect(handler.runs).toHaveLength(1);
    expect(queue.failures("a")).toBe(1);
    expect(shard.results()).toEqual({ success: 0, error: 1, requeue: 0, requeue_after: 0 });
    expect(shard.counted("reconcile_timeouts_total")).toBe(1);
    expect(shard.errors()[0]?.fields).toMatchObject({ key: "a", code: "reconcile-timeout", failures: 1 });
    await shard.clock.advance(1);
    expect(handler.runs).toHaveLength(2);
  });

  it("is run a second time beside itself when it does not stop", async () => {
    const { shard, handler, queue } = timed();
    await shard.clock.advance(TIMEOUT_MS);
    queue.add("a");
    await shard.clock.advance(60_000);
    expect(handler.runs).toHaveLength(1);
    handler.runs[0]?.end();
    await shard.clock.advance(0);
    expect(handler.runs).toHaveLength(2);
  });

  it("is tried again although it has said that no retry can mend it", async () => {
    const { shard, handler } = timed();
    await shard.clock.advance(TIMEOUT_MS);
    handler.runs[0]?.fail(new TerminalError("no such zone"));
    await shard.clock.advance(60_000);
    expect(handler.runs).toHaveLength(1);
    expect(shard.counted("terminal_reconcile_errors_total")).toBe(1);
  });

  it("is put to its own account when its term has ended", async () => {
    const { shard, handler, abort, gate } = timed();
    await shard.clock.advance(TIMEOUT_MS);
    gate.open = false;
    abort.abort(new Error("the term has ended"));
    handler.runs[0]?.fail(handler.runs[0].context.signal.reason);
    await shard.clock.advance(0);
    expect(shard.counted("reconcile_timeouts_total")).toBe(0);
  });
});

describe("a handler that ends in time", () => {
  it("leaves its timer behind, or is counted as late", async () => {
    const { shard, handler } = timed();
    await shard.clock.advance(TIMEOUT_MS - 1);
    handler.runs[0]?.end();
    await shard.clock.advance(0);
    expect(shard.clock.pendingTimers).toBe(0);
    await shard.clock.advance(60_000);
    expect(shard.results()).toMatchObject({ success: 1, error: 0 });
    expect(handler.runs[0]?.context.signal.aborted).toBe(false);
  });

  it("is not told when its term ends", async () => {
    const { shard, handler, abort } = timed();
    await shard.clock.advance(10);
    const reason = new Error("the term has ended");
    abort.abort(reason);
    expect(handler.runs[0]?.context.signal.reason).toBe(reason);
  });
});
