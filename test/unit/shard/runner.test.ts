import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Gate, Term } from "../../../src/election/term.ts";
import type { ApiResource } from "../../../src/kube/api.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import type { Transport } from "../../../src/kube/transport.ts";
import { shardsOf } from "../../../src/lease/names.ts";
import type { Reconcile, ReconcileContext } from "../../../src/reconcile/contract.ts";
import { ReconcileMetrics } from "../../../src/reconcile/metrics.ts";
import { createResourceFinder } from "../../../src/reconcile/resource-finder.ts";
import type { Source } from "../../../src/reconcile/source.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { GateClock } from "../../../src/runtime/gate-clock.ts";
import { silentTelemetry, type Telemetry } from "../../../src/runtime/telemetry.ts";
import { ShardRunner } from "../../../src/shard/runner.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const CONFIGMAPS: ApiResource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };
const V = 10_000;
const Q = 2_000;
const DRAIN_MS = 20_000;

/** A handler whose runs end when the test says so. */
class Handler {
  readonly runs: { readonly key: string; readonly context: ReconcileContext; end(): void }[] = [];

  /** Called in the handler's first line. */
  begun: () => void = () => {};

  readonly reconcile: Reconcile = (request, context) => {
    this.begun();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.runs.push({ key: request.key, context, end: resolve });
    return promise;
  };

  get keys(): string[] {
    return this.runs.map(({ key }) => key);
  }
}

const unreachable: Transport["request"] = () =>
  Promise.reject(new ElectorateError("unreachable", "no API server here"));

function made(keys: readonly string[] = ["default/a"], workers = 1, request = unreachable) {
  const clock = new VirtualClock();
  const gateClock = new GateClock(clock);
  const handler = new Handler();
  const transitions: string[] = [];
  const telemetry: Telemetry = {
    ...silentTelemetry,
    transition: ({ event, epoch }) => void transitions.push(`${event} ${epoch}`),
  };
  const stream = () => Promise.reject(new ElectorateError("unreachable", "no API server here"));
  const api = new KubeClient({ request, stream, close: () => Promise.resolve() }, { clock });
  const source: Source = {
    resource: CONFIGMAPS,
    synced: true,
    size: keys.length,
    whenSynced: () => Promise.resolve(),
    objectOf: (key) => ({ metadata: { name: key } }),
    keysOf: () => keys,
    run: () => Promise.resolve(),
  };
  const said: string[] = [];
  const watchdog = { armedMs: Number.POSITIVE_INFINITY };
  const [shard] = shardsOf("shop", CONFIGMAPS, 1, "ring-1/1");
  if (shard === undefined) throw new Error("no shard");
  const runner = new ShardRunner(
    shard,
    {
      identity: "r1_uuid",
      resource: CONFIGMAPS,
      reconcile: handler.reconcile,
      workers,
      drainTimeoutMs: DRAIN_MS,
      quiesceMs: Q,
      api,
      finder: createResourceFinder(api),
      source,
      metrics: new ReconcileMetrics(telemetry.meter, "configmaps"),
      clock,
      telemetry,
      overrun: (id, stuck) => void said.push(`overrun ${id} ${stuck.join(",")}`),
    },
    {
      arm(remainingMs) {
        watchdog.armedMs = remainingMs;
      },
      disarm() {
        watchdog.armedMs = Number.POSITIVE_INFINITY;
      },
    },
    {
      vacated: () => void said.push("vacated"),
      look: () => void said.push("look"),
      stuck: () => void said.push("stuck"),
      relieved: () => void said.push("relieved"),
    },
  );
  const term = (epoch: string): Term => new Term(shard.id, epoch, new Gate(gateClock, gateClock.earliestMs() + V));
  const settle = async (): Promise<void> => {
    await clock.advance(0);
    await setImmediate();
  };
  return { clock, gateClock, handler, runner, term, said, transitions, watchdog, settle };
}

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
      first.gate.extendTo(gateClock.earliestMs() + V);
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
    first.gate.extendTo(gateClock.earliestMs() + V);
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
      first.gate.extendTo(world.gateClock.earliestMs() + V);
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
      second.gate.extendTo(gateClock.earliestMs() + V);
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
