import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { type Controller, type ControllerOptions, createController } from "../../src/controller.ts";
import { TerminalError } from "../../src/reconcile/contract.ts";
import { messageOf } from "../../src/runtime/errors.ts";
import { silentTelemetry } from "../../src/runtime/telemetry.ts";
import { LeaderWorld, Line } from "../support/leader-world.ts";

const L = 15_000;
const V = 10_000;
const MINUTE = 60_000;
const ELECTION = { name: "shop", namespace: "default" };

/** One replica of a controller, and what its handler was called for. */
class Replica {
  readonly handled: string[] = [];
  readonly line: Line;
  readonly controller: Controller;
  readonly metrics = new Registry();
  outcome: string | undefined;
  inWork = 0;
  mostInWork = 0;
  readonly #stop = new AbortController();

  constructor(world: LeaderWorld, options: Partial<ControllerOptions> = {}) {
    this.line = new Line(world);
    this.controller = createController({
      name: "shop",
      retriever: "configmaps",
      connection: this.line.connection,
      clock: world.clock,
      randomness: world.randomness,
      logger: silentTelemetry.log,
      metrics: this.metrics,
      ...options,
      handler: async (object, context) => {
        this.handled.push(object.metadata.name);
        this.inWork += 1;
        this.mostInWork = Math.max(this.mostInWork, this.inWork);
        try {
          return await options.handler?.(object, context);
        } finally {
          this.inWork -= 1;
        }
      },
    });
    this.controller.run(this.#stop.signal).then(
      ({ clean }) => {
        this.outcome = clean ? "clean" : "unclean";
      },
      (error: unknown) => {
        this.outcome = messageOf(error);
      },
    );
  }

  stop(): void {
    this.#stop.abort();
  }

  /** What was handled since this was last asked. */
  news(): string[] {
    return this.handled.splice(0).sort();
  }
}

function worldOf(...names: readonly string[]): LeaderWorld {
  const world = new LeaderWorld();
  for (const name of names) world.put("configmaps", { metadata: { name } });
  return world;
}

const wait = (world: LeaderWorld, ms: number) => new Promise<void>((resolve) => void world.clock.timer(ms, resolve));

describe("Kooper's controller", () => {
  it("without a leader election it waits for one", async () => {
    const world = worldOf("a", "b");
    const replica = new Replica(world);
    await world.clock.advance(100);
    expect(replica.news()).toEqual(["a", "b"]);
    world.put("configmaps", { metadata: { name: "c" } });
    world.put("configmaps", { metadata: { name: "a", labels: { changed: "yes" } } });
    world.remove("b", "configmaps");
    await world.clock.advance(100);
    expect(replica.news()).toEqual(["a", "c"]);
    expect(world.stored("leases")).toBeUndefined();
    replica.stop();
    await world.clock.advance(100);
    expect(replica.outcome).toBe("clean");
  });

  it("two replicas handle one object at once, or a standby has to list before it can take over", async () => {
    const world = worldOf("a", "b");
    const work = Promise.withResolvers<void>();
    const first = new Replica(world, { leaderElection: ELECTION, handler: () => work.promise });
    await world.clock.advance(L + 200);
    const second = new Replica(world, { leaderElection: ELECTION });
    await world.clock.advance(L);
    expect([first.news(), second.news()]).toEqual([["a", "b"], []]);
    expect(first.controller.terms().map(({ shard }) => shard)).toEqual(["configmaps-00"]);
    expect(second.controller.terms()).toEqual([]);

    const listed = world.core.requests.count({ verb: "list", resource: "configmaps" });
    first.stop();
    await world.clock.advance(V);
    expect(second.news()).toEqual([]);
    work.resolve();
    await world.clock.advance(100);
    expect(first.outcome).toBe("clean");
    expect(second.news()).toEqual(["a", "b"]);
    expect(world.core.requests.count({ verb: "list", resource: "configmaps" })).toBe(listed);
  });

  it("a loss leaves handlers running, or ends run() before they have stopped", async () => {
    const world = worldOf("a");
    const stopped: string[] = [];
    const first = new Replica(world, {
      leaderElection: { ...ELECTION, onOverrun: "report" },
      handler: async (_, { signal }) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        stopped.push(first.outcome ?? "run() has not ended");
        await wait(world, 1_000);
        stopped.push(first.outcome ?? "run() has not ended");
      },
    });
    await world.clock.advance(L + 200);
    const second = new Replica(world, { leaderElection: ELECTION });
    await world.clock.advance(1_000);
    first.line.cut();
    await world.clock.advance(V + 1_500);
    expect(stopped).toEqual(["run() has not ended", "run() has not ended"]);
    expect(second.news()).toEqual([]);
    await world.clock.advance(L);
    expect(first.outcome).toMatch(/^leadership of shop was lost/);
    expect(second.news()).toEqual(["a"]);
  });

  it.each([1, 3])("more than %i objects are handled at once, over all resources", async (concurrentWorkers) => {
    const world = worldOf("a", "b", "c", "d", "e");
    for (const name of ["p", "q", "r", "s", "t"]) world.put("secrets", { metadata: { name } });
    const replica = new Replica(world, {
      retriever: ["configmaps", { resource: "secrets" }],
      concurrentWorkers,
      handler: () => wait(world, 100),
    });
    await world.clock.advance(2_000);
    expect(replica.news()).toEqual(["a", "b", "c", "d", "e", "p", "q", "r", "s", "t"]);
    expect(replica.mostInWork).toBe(concurrentWorkers);
  });

  it("a failure is tried for ever, or a success does not begin its count anew", async () => {
    const world = worldOf("a");
    let fails = true;
    const replica = new Replica(world, {
      processingJobRetries: 2,
      handler: async () => {
        if (fails) throw new Error("no");
      },
    });
    await world.clock.advance(10_000);
    expect(replica.news()).toEqual(["a", "a", "a"]);
    for (const [turn, again] of [true, false, true].entries()) {
      fails = again;
      world.put("configmaps", { metadata: { name: "a", labels: { turn: String(turn) } } });
      await world.clock.advance(10_000);
    }
    expect(replica.news()).toEqual(Array.from({ length: 3 + 1 + 3 }, () => "a"));
    const failures = await replica.metrics.getSingleMetricAsString("controller_runtime_reconcile_errors_total");
    expect(failures).toMatch(/ 9$/m);
  });

  it("two controllers on one resource, or two resources of one controller, cannot be told apart in the metrics", async () => {
    const world = worldOf("a", "b");
    world.put("secrets", { metadata: { name: "p" } });
    const metrics = new Registry();
    new Replica(world, { name: "carts", metrics });
    new Replica(world, { name: "orders", metrics, retriever: ["configmaps", "secrets"], concurrentWorkers: 2 });
    await world.clock.advance(1_000);
    const handled = await metrics.getSingleMetricAsString("controller_runtime_reconcile_total");
    expect(handled).toMatch(/\{controller="carts",result="success"\} 2$/m);
    expect(handled).toMatch(/\{controller="orders",result="success"\} 3$/m);
    const workers = await metrics.getSingleMetricAsString("controller_runtime_max_concurrent_reconciles");
    expect(workers).toMatch(/\{controller="orders"\} 4$/m);
  });

  it("an error that the handler calls terminal is tried again, or counts against the next change", async () => {
    const world = worldOf("a");
    let failure: Error = new TerminalError("never");
    const replica = new Replica(world, {
      processingJobRetries: 2,
      handler: async () => {
        throw failure;
      },
    });
    await world.clock.advance(10_000);
    expect(replica.news()).toEqual(["a"]);
    failure = new Error("no");
    world.put("configmaps", { metadata: { name: "a", labels: { changed: "yes" } } });
    await world.clock.advance(10_000);
    expect(replica.news()).toEqual(["a", "a", "a"]);
  });

  it("nothing is handled again without a change, or a failed object waits for one for ever", async () => {
    const world = worldOf("a", "b");
    const replica = new Replica(world, {
      handler: async ({ metadata }) => {
        if (metadata.name === "b") throw new Error("no");
      },
    });
    await world.clock.advance(100);
    replica.news();
    await world.clock.advance(3 * MINUTE);
    expect(replica.news()).toEqual(["a", "b"]);
    await world.clock.advance(3 * MINUTE);
    expect(replica.news()).toEqual(["a", "b"]);
  });

  it("an event of a child, or of what is mapped, is not taken for one of its object", async () => {
    const world = worldOf("a", "b");
    const map = () => ["default/b"];
    const retriever = { resource: "configmaps", owns: ["secrets"], watches: [{ resource: "pods", map }] };
    const replica = new Replica(world, { retriever });
    await world.clock.advance(100);
    replica.news();
    const owner = { apiVersion: "v1", kind: "ConfigMap", name: "a", uid: "1", controller: true };
    world.put("secrets", { metadata: { name: "child", ownerReferences: [owner] } });
    await world.clock.advance(100);
    expect(replica.news()).toEqual(["a"]);
    world.put("pods", { metadata: { name: "any" } });
    await world.clock.advance(100);
    expect(replica.news()).toEqual(["b"]);
  });

  it("resyncInterval 0 handles everything all the time, or never ends", async () => {
    const world = worldOf("a");
    const replica = new Replica(world, { resyncInterval: 0 });
    await world.clock.advance(10 * MINUTE);
    expect(replica.news()).toEqual(["a"]);
  });

  it("wrong options are told one after the other", () => {
    const wrong = {
      name: "Shop",
      retriever: "configmaps",
      handler: "handle",
      concurrentWorkers: 0,
      resyncInterval: "3",
      processingJobRetries: -1,
      leaderElection: { name: "shop", leaseDuration: "10s" },
    } as unknown as ControllerOptions;
    expect(() => createController(wrong)).toThrow(
      new RegExp(
        [
          "handler must be a function",
          "concurrentWorkers must be",
          "processingJobRetries must be",
          "resyncInterval must be",
          "coordinator must be",
          "leaderElection.leaseDuration leaves too little time",
        ].join("[^\\n]*\\n +"),
      ),
    );
  });
});
