import { describe, expect, it } from "vitest";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { Handler, Shard } from "./shard-world.ts";

describe("draining", () => {
  it("idle resolves only when the last handler has ended, and reports tell which keys are in work since when", async () => {
    const shard = new Shard();
    const handler = new Handler();
    const { queue, workers, epoch } = shard.begin(handler.reconcile, 2);
    queue.add("a");
    await shard.clock.advance(500);
    queue.add("b");
    await shard.clock.advance(500);
    const nowMs = shard.clock.monotonicMs();
    expect(workers.inWork()).toEqual([
      { key: "a", shard: "configmaps-00", epoch, startedMs: nowMs - 1_000 },
      { key: "b", shard: "configmaps-00", epoch, startedMs: nowMs - 500 },
    ]);
    expect(shard.keysInWork.list()).toEqual(workers.inWork());
    let drained = false;
    const stopped = workers.stop().then(() => {
      drained = true;
    });
    handler.runs[0]?.end();
    await shard.clock.advance(0);
    expect(drained).toBe(false);
    expect(workers.running).toBe(1);
    handler.runs[1]?.end();
    await stopped;
    expect(workers.running).toBe(0);
    await workers.ended;
  });

  it("idle of workers that do nothing resolves at once", async () => {
    const { workers } = new Shard().begin(new Handler().reconcile);
    await workers.idle();
    await workers.stop();
  });

  it.each<[string, (abort: AbortController) => unknown]>([
    ["gate-closed from the guarded client", () => new ElectorateError("gate-closed", "the term has ended")],
    ["its signal's reason", (abort): unknown => abort.signal.reason],
    ["an AbortError", () => new DOMException("This operation was aborted", "AbortError")],
    [
      "an error caused by one of those",
      () => new Error("update failed", { cause: new ElectorateError("aborted", "gone") }),
    ],
  ])(
    "a handler that ends with %s because its term ended is no failure: no error line, no count, no retry",
    async (_name, errorOf) => {
      for (const reason of [new Error("term ended"), "just text"]) {
        const shard = new Shard();
        const handler = new Handler();
        const { queue, gate, abort, workers } = shard.begin(handler.reconcile);
        queue.add("a");
        await shard.clock.advance(0);
        gate.open = false;
        abort.abort(reason);
        handler.runs[0]?.fail(errorOf(abort));
        await workers.stop();
        expect(shard.errors()).toEqual([]);
        expect(shard.results()).toEqual({ success: 0, error: 0, requeue: 0, requeue_after: 0 });
        expect(shard.counted("reconcile_panics_total")).toBe(0);
      }
    },
  );

  it.each(["gate", "stop"])(
    "a write refused during a drain is no failure, although no signal has fired yet (%s)",
    async (what) => {
      const shard = new Shard();
      const handler = new Handler();
      const { queue, gate, workers } = shard.begin(handler.reconcile);
      queue.add("a");
      await shard.clock.advance(0);
      if (what === "gate") gate.open = false;
      const stopped = what === "stop" ? workers.stop() : workers.idle();
      handler.runs[0]?.fail(new ElectorateError("gate-closed", "the term has ended"));
      await stopped;
      expect(shard.errors()).toEqual([]);
      expect(shard.results()).toMatchObject({ error: 0 });
    },
  );

  it("a genuine failure during a drain is still told, and an old term's gate-closed in an open term is retried", async () => {
    const shard = new Shard();
    const handler = new Handler();
    const { queue, gate, workers } = shard.begin(handler.reconcile);
    queue.add("a");
    await shard.clock.advance(0);
    handler.runs[0]?.fail(new ElectorateError("gate-closed", "of another term"));
    await shard.clock.advance(5);
    expect(handler.runs.length).toBe(2);
    gate.open = false;
    handler.runs[1]?.fail(new Error("a bug"));
    await shard.clock.advance(10);
    await workers.ended;
    expect(shard.errors().map(({ fields }) => fields["error"])).toEqual(["of another term", "a bug"]);
  });
});

describe("a handler that outlives its term", () => {
  it("does nothing to the queue of the next term when it ends late, whatever it returns", async () => {
    for (const finish of ["end", "fail"] as const) {
      const shard = new Shard();
      const old = new Handler();
      const first = shard.begin(old.reconcile);
      first.queue.add("a");
      await shard.clock.advance(0);
      void first.workers.stop();
      const next = new Handler();
      const second = shard.begin(next.reconcile);
      second.queue.add("b");
      await shard.clock.advance(0);
      if (finish === "end") old.runs[0]?.end({ requeueAfterMs: 1 });
      else old.runs[0]?.fail(new Error("late"));
      await shard.clock.advance(1_000_000);
      expect(next.keys).toEqual(["b"]);
      expect(second.queue.failures("a")).toBe(0);
      expect(second.queue.statistics).toMatchObject({ depth: 0, delayed: 0, inWork: 1 });
    }
  });

  it("is not joined by a second handler for its key: the new term waits for its end, then looks at the key once", async () => {
    const shard = new Shard();
    const old = new Handler();
    const first = shard.begin(old.reconcile);
    first.queue.add("a");
    await shard.clock.advance(0);
    void first.workers.stop();
    const next = new Handler();
    const second = shard.begin(next.reconcile, 2);
    for (const key of ["a", "b"]) second.queue.add(key, "resync");
    await shard.clock.advance(0);
    second.queue.add("a");
    await shard.clock.advance(60_000);
    second.queue.add("a");
    await shard.clock.advance(60_000);
    expect(next.keys).toEqual(["b"]);
    old.runs[0]?.end();
    await shard.clock.advance(0);
    expect(next.keys).toEqual(["b", "a"]);
    next.runs[1]?.end();
    await shard.clock.advance(60_000);
    expect(next.keys).toEqual(["b", "a"]);
    expect(second.queue.statistics).toMatchObject({ depth: 0, delayed: 0, inWork: 1 });
  });

  it("blocks its key over several terms, and the last of them gets it", async () => {
    const shard = new Shard();
    const old = new Handler();
    const first = shard.begin(old.reconcile);
    first.queue.add("a");
    await shard.clock.advance(0);
    void first.workers.stop();
    const middle = new Handler();
    const second = shard.begin(middle.reconcile);
    second.queue.add("a");
    await shard.clock.advance(0);
    await second.workers.stop();
    const last = new Handler();
    const third = shard.begin(last.reconcile);
    third.queue.add("a");
    await shard.clock.advance(0);
    old.runs[0]?.end();
    await shard.clock.advance(0);
    expect(middle.keys).toEqual([]);
    expect(last.keys).toEqual(["a"]);
  });
});
