import { describe, expect, it } from "vitest";
import { type Reconcile, TerminalError } from "../../../src/reconcile/contract.ts";
import { object } from "./key-world.ts";
import { Handler, Shard } from "./shard-world.ts";

describe("outcomes", () => {
  it.each([undefined, {}, { requeueAfterMs: undefined }])(
    "%j is done: the history of failures ends and nothing is requeued",
    async (outcome) => {
      const shard = new Shard();
      const handler = new Handler();
      const { queue } = shard.begin(handler.reconcile);
      queue.add("a");
      await shard.clock.advance(0);
      handler.runs[0]?.fail(new Error("first it fails"));
      await shard.clock.advance(5);
      expect(queue.failures("a")).toBe(1);
      handler.runs[1]?.end(outcome);
      await shard.clock.advance(10_000);
      expect(queue.failures("a")).toBe(0);
      expect(handler.runs.length).toBe(2);
      expect(shard.results()).toEqual({ success: 1, error: 1, requeue: 0, requeue_after: 0 });
      expect(queue.statistics).toMatchObject({ depth: 0, delayed: 0, inWork: 0 });
    },
  );

  it("requeueAfterMs looks again then, not before, and ends the history of failures", async () => {
    const shard = new Shard();
    const handler = new Handler();
    const { queue } = shard.begin(handler.reconcile);
    queue.addRateLimited("a");
    await shard.clock.advance(5);
    expect(queue.failures("a")).toBe(1);
    handler.runs[0]?.end({ requeueAfterMs: 60_000 });
    await shard.clock.advance(59_999);
    expect(queue.failures("a")).toBe(0);
    expect(handler.runs.length).toBe(1);
    await shard.clock.advance(1);
    expect(handler.runs.length).toBe(2);
    expect(shard.results()).toMatchObject({ success: 0, requeue_after: 1, error: 0 });
  });

  it.each([0, -5_000])("a moment %i ms from now is now", async (requeueAfterMs) => {
    const shard = new Shard();
    const handler = new Handler();
    const { queue } = shard.begin(handler.reconcile);
    queue.add("a");
    await shard.clock.advance(0);
    handler.runs[0]?.end({ requeueAfterMs });
    await shard.clock.advance(0);
    expect(handler.runs.length).toBe(2);
    expect(shard.results()).toMatchObject({ requeue_after: 1 });
  });

  it("a failure is tried again after its back-off, logged with its text and frames, and counted", async () => {
    const shard = new Shard();
    const handler = new Handler();
    const { queue } = shard.begin(handler.reconcile);
    queue.add("a");
    await shard.clock.advance(0);
    handler.runs[0]?.fail(new Error("the disk is full"));
    await shard.clock.advance(4);
    expect(handler.runs.length).toBe(1);
    await shard.clock.advance(1);
    expect(handler.runs.length).toBe(2);
    expect(shard.results()).toMatchObject({ error: 1 });
    expect(shard.counted("reconcile_errors_total")).toBe(1);
    expect(shard.counted("terminal_reconcile_errors_total")).toBe(0);
    expect(shard.counted("reconcile_panics_total")).toBe(0);
    expect(shard.errors()).toHaveLength(1);
    expect(shard.errors()[0]?.fields).toMatchObject({ key: "a", error: "the disk is full", failures: 1 });
    expect(shard.errors()[0]?.fields["stack"]).toEqual(
      expect.arrayContaining([expect.stringContaining("worker-outcomes.test.ts")]),
    );
  });

  it("a terminal error is not tried again, also when another copy of this package made it", async () => {
    const foreign = Object.assign(new Error("made elsewhere"), { name: "TerminalError" });
    for (const error of [new TerminalError("no such zone"), foreign]) {
      const shard = new Shard();
      const handler = new Handler();
      const { queue } = shard.begin(handler.reconcile);
      queue.addRateLimited("a");
      await shard.clock.advance(5);
      handler.runs[0]?.fail(error);
      await shard.clock.advance(2_000_000);
      expect(handler.runs.length).toBe(1);
      expect(queue.failures("a")).toBe(0);
      expect(shard.results()).toMatchObject({ error: 1 });
      expect(shard.counted("terminal_reconcile_errors_total")).toBe(1);
      expect(shard.errors()[0]?.fields).toMatchObject({ key: "a", error: error.message });
    }
  });

  it("an object that changes while a terminal error is thrown is looked at again", async () => {
    const shard = new Shard();
    const handler = new Handler();
    const { queue } = shard.begin(handler.reconcile);
    queue.add("a");
    await shard.clock.advance(0);
    queue.add("a");
    handler.runs[0]?.fail(new TerminalError("wrong spec"));
    await shard.clock.advance(0);
    expect(handler.runs.length).toBe(2);
  });

  it.each<[string, unknown, RegExp]>([
    ["null", null, /returned null/],
    ["a string", "ok", /the string "ok"/],
    ["true", true, /the boolean true/],
    ["an array", [], /an array/],
    ["a function", () => 5, /type function/],
    ["controller-runtime's field name", { requeueAfter: 5 }, /"requeueAfter".*requeueAfterMs/],
    ["an API object", object("a", "7"), /"metadata"/],
    ["text for a time", { requeueAfterMs: "5s" }, /requeueAfterMs the string "5s"/],
    ["a time that is no number", { requeueAfterMs: Number.NaN }, /requeueAfterMs the number NaN/],
    ["a time without end", { requeueAfterMs: Number.POSITIVE_INFINITY }, /Infinity/],
  ])(
    "%s returned is an error that says what was returned and what should be, not a silent success",
    async (_name, outcome, message) => {
      const shard = new Shard();
      const handler = new Handler();
      const { queue } = shard.begin(handler.reconcile);
      queue.add("a");
      await shard.clock.advance(0);
      handler.runs[0]?.end(outcome);
      await shard.clock.advance(5);
      expect(shard.errors()[0]?.fields["error"]).toMatch(message);
      expect(shard.results()).toMatchObject({ error: 1, success: 0 });
      expect(handler.runs.length).toBe(2);
    },
  );

  it.each<[string, Reconcile]>([
    [
      "throws before it returns a promise",
      () => {
        throw new Error("not async");
      },
    ],
    ["throws a string", () => Promise.reject("just text")],
    ["throws undefined", () => Promise.reject(undefined)],
    ["throws what has no text", () => Promise.reject(Object.create(null))],
    ["throws a symbol", () => Promise.reject(Symbol("odd"))],
  ])("a handler that %s is counted as a panic, tried again, and ends no worker", async (_name, reconcile) => {
    const shard = new Shard();
    let runs = 0;
    const { queue, workers } = shard.begin((request, context) => {
      runs++;
      return reconcile(request, context);
    });
    queue.add("a");
    await shard.clock.advance(5);
    expect(runs).toBe(2);
    expect(shard.counted("reconcile_panics_total")).toBe(2);
    expect(shard.counted("reconcile_errors_total")).toBe(2);
    expect(workers.running).toBe(0);
    expect(typeof shard.errors()[0]?.fields["error"]).toBe("string");
  });

  it("a huge error message is not written whole into the log", async () => {
    const shard = new Shard();
    const handler = new Handler();
    const { queue } = shard.begin(handler.reconcile);
    queue.add("a");
    await shard.clock.advance(0);
    handler.runs[0]?.fail(new Error("body ".repeat(100_000)));
    await shard.clock.advance(0);
    expect(JSON.stringify(shard.errors()).length).toBeLessThan(5_000);
  });

  it("a key that changed during its run is run again at once, whatever the outcome", async () => {
    for (const outcome of [undefined, { requeueAfterMs: 60_000 }]) {
      const shard = new Shard();
      const handler = new Handler();
      const { queue } = shard.begin(handler.reconcile);
      queue.add("a");
      await shard.clock.advance(0);
      queue.add("a");
      handler.runs[0]?.end(outcome);
      await shard.clock.advance(0);
      expect(handler.runs.length).toBe(2);
    }
  });
});
