import { describe, expect, it } from "vitest";
import type { Transport } from "../../../src/kube/transport.ts";
import { DRAIN_MS, made, Q, V } from "../../support/runner-world.ts";

describe("one shard on one replica", () => {
  it("what happened while nobody looked is not missed: every key of the bucket is worked on at the opening", async () => {
    const { handler, runner, term, settle, transitions } = made(["default/a", "default/b"], 2);
    runner.open(term("7"));
    await settle();
    expect(handler.keys.toSorted()).toEqual(["default/a", "default/b"]);
    expect(handler.runs[0]?.context).toMatchObject({ shard: "configmaps-00", epoch: "7" });
    expect(transitions).toEqual(["queue-started 7"]);
  });

  it("a key that comes while nobody leads here is of no interest, and harms nothing", async () => {
    const { handler, runner, settle } = made();
    runner.add("default/x");
    await settle();
    expect(handler.keys).toEqual([]);
    expect(runner.statistics.depth).toBe(0);
  });

  it("a write that its handler did not wait for does not land after the Lease was freed: it is work until it has its answer", async () => {
    const answered = Promise.withResolvers<Awaited<ReturnType<Transport["request"]>>>();
    const { handler, runner, term, settle, said } = made(["default/a"], 1, () => answered.promise);
    const first = term("7");
    runner.open(first);
    await settle();
    const [run] = handler.runs;
    const loose = run?.context.client.patch(
      { namespace: "default", name: "a" },
      { metadata: { labels: { seen: "yes" } } },
    );
    run?.end();
    first.gate.drain();
    runner.drain(first);
    await settle();
    expect(said).toEqual([]);
    answered.resolve({
      status: 200,
      headers: {},
      body: JSON.stringify({ kind: "ConfigMap", metadata: { name: "a" } }),
    });
    await loose;
    await settle();
    expect(said).toEqual(["vacated"]);
  });

  it("a drain takes nothing new and waits for what runs before it says that the shard is vacated", async () => {
    const { handler, runner, term, settle, said, transitions } = made(["default/a", "default/b"]);
    const first = term("7");
    runner.open(first);
    await settle();
    first.gate.drain();
    runner.drain(first);
    runner.add("default/c");
    await settle();
    expect(handler.keys).toHaveLength(1);
    expect(said).toEqual([]);
    handler.runs[0]?.end();
    await settle();
    expect(said).toEqual(["vacated"]);
    expect(handler.keys).toHaveLength(1);
    expect(transitions.at(-1)).toBe("queue-stopped 7");
  });

  it("work that ignores a drain is told to stop at the drain time-out, while its Lease is still renewed", async () => {
    const { clock, gateClock, handler, runner, term, settle, said } = made();
    const first = term("7");
    runner.open(first);
    await settle();
    first.gate.drain();
    runner.drain(first);
    for (let passed = 0; passed < DRAIN_MS; passed += 2_000) {
      expect(first.signal.aborted).toBe(false);
      await clock.advance(2_000);
      first.gate.moveTo(gateClock.earliestMs() + V);
    }
    expect(first.signal.aborted).toBe(true);
    expect(first.gate.permitsWrite()).toBe(true);
    expect(said).toEqual([]);
    handler.runs[0]?.end();
    await settle();
    expect(said).toEqual(["vacated"]);
  });

  it("a lost term stops its work at once and is vacated when the last handler has ended", async () => {
    const { handler, runner, term, settle, said } = made();
    const first = term("7");
    runner.open(first);
    await settle();
    first.end(new Error("foreign-holder"));
    runner.lose(first);
    expect(handler.runs[0]?.context.signal.aborted).toBe(true);
    await settle();
    expect(said).toEqual([]);
    handler.runs[0]?.end();
    await settle();
    expect(said).toEqual(["vacated"]);
    expect(runner.phase).toBe("idle");
  });

  it("a term that is lost while it drains is vacated once, not twice", async () => {
    const { clock, handler, runner, term, settle, said } = made();
    const first = term("7");
    runner.open(first);
    await settle();
    runner.drain(first);
    first.end(new Error("lost"));
    runner.lose(first);
    handler.runs[0]?.end();
    await settle();
    await clock.advance(2 * DRAIN_MS);
    expect(said).toEqual(["vacated"]);
  });

  it("work that outlives validity and quiesce time is reported by key, exactly then", async () => {
    const { clock, runner, term, settle, said } = made();
    runner.open(term("7"));
    await settle();
    await clock.advance(V + Q - 1);
    expect(said).toEqual([]);
    await clock.advance(2);
    expect(said).toEqual(["overrun configmaps-00 default/a"]);
  });

  it("a renewal moves that moment, for the timer here and for the watchdog's thread", async () => {
    const { clock, gateClock, runner, term, settle, said, watchdog } = made();
    const first = term("7");
    runner.open(first);
    await settle();
    expect(watchdog.armedMs).toBe(V + Q);
    await clock.advance(8_000);
    first.gate.moveTo(gateClock.earliestMs() + V);
    expect(watchdog.armedMs).toBe(V + Q);
    await clock.advance(8_000);
    expect(said).toEqual([]);
    await clock.advance(4_001);
    expect(said).toHaveLength(1);
  });

  it("the watchdog watches exactly while a handler runs: an idle shard that loses its Lease kills nobody", async () => {
    const { clock, handler, runner, term, settle, said, watchdog } = made();
    runner.open(term("7"));
    await settle();
    expect(watchdog.armedMs).toBeLessThan(Number.POSITIVE_INFINITY);
    handler.runs[0]?.end();
    await settle();
    expect(watchdog.armedMs).toBe(Number.POSITIVE_INFINITY);
    await clock.advance(10 * V);
    expect(said).toEqual([]);
  });

  it("a handler is guarded before its first line runs: it may never yield again", async () => {
    const { handler, runner, term, settle, watchdog } = made();
    let armedMs = Number.POSITIVE_INFINITY;
    handler.begun = () => {
      armedMs = watchdog.armedMs;
    };
    runner.open(term("7"));
    await settle();
    expect(armedMs).toBe(V + Q);
  });

  it("a worker that finds the gate shut makes somebody look: the term must not go on without workers", async () => {
    const { clock, handler, runner, term, settle, said } = made(["default/a", "default/b"]);
    runner.open(term("7"));
    await settle();
    await clock.advance(V);
    handler.runs[0]?.end();
    await settle();
    expect(said).toEqual(["look"]);
    expect(handler.keys).toHaveLength(1);
  });

  it("a later term begins with a queue of its own: nothing of the term before reaches it", async () => {
    const { handler, runner, term, settle, said } = made(["default/a"]);
    const first = term("7");
    runner.open(first);
    await settle();
    runner.add("default/late");
    first.end(new Error("lost"));
    runner.lose(first);
    handler.runs[0]?.end();
    await settle();
    expect(said).toEqual(["vacated"]);
    runner.open(term("9"));
    await settle();
    expect(handler.runs.map(({ key, context }) => `${key} ${context.epoch}`)).toEqual(["default/a 7", "default/a 9"]);
    handler.runs[1]?.end();
    await settle();
    expect(handler.keys).not.toContain("default/late");
  });

  it("a key whose handler still runs is not run again by an opening that comes too early", async () => {
    const { handler, runner, term, settle } = made();
    const first = term("7");
    runner.open(first);
    await settle();
    first.end(new Error("lost"));
    runner.lose(first);
    runner.open(term("9"));
    await settle();
    expect(handler.keys).toEqual(["default/a"]);
    expect(runner.keysInWork).toEqual(["default/a"]);
  });

  it("a handler that throws before it returns a promise leaves no watchdog armed", async () => {
    const { runner, term, settle, watchdog, handler } = made();
    handler.begun = () => {
      throw new Error("thrown in the first line");
    };
    runner.open(term("7"));
    await settle();
    expect(watchdog.armedMs).toBe(Number.POSITIVE_INFINITY);
  });
});
