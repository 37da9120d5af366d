import { describe, expect, it } from "vitest";
import type { CoordinatorOptions } from "../../src/config/options.ts";
import { type Coordinator, createCoordinator } from "../../src/coordinator.ts";
import { messageOf } from "../../src/runtime/errors.ts";
import { silentTelemetry } from "../../src/runtime/telemetry.ts";
import type { Part, PartContext, PartOptions } from "../../src/shard/part.ts";
import { LeaderWorld, Line } from "../support/leader-world.ts";

const L = 15_000;
const V = 10_000;

/** One replica with parts, and a diary of all replicas. */
class Replica {
  readonly coordinator: Coordinator;
  readonly line: Line;
  outcome: string | undefined;
  readonly #name: string;
  readonly #diary: string[];
  readonly #world: LeaderWorld;
  readonly #stop = new AbortController();

  constructor(world: LeaderWorld, name: string, diary: string[], options: Partial<CoordinatorOptions> = {}) {
    this.#name = name;
    this.#diary = diary;
    this.#world = world;
    this.line = new Line(world);
    this.coordinator = createCoordinator({
      coordinator: "shop",
      identity: name,
      connection: this.line.connection,
      clock: world.clock,
      randomness: world.randomness,
      telemetry: silentTelemetry,
      terminate: (reason) => diary.push(`${name} is ended: ${reason}`),
      resources: [{ resource: "configmaps", buckets: 2, reconcile: async () => {} }],
      ...options,
    });
  }

  /** A part that notes its begin and end, is up after `upMs`, and takes `endMs` to stop. */
  add(name: string, options: PartOptions, times: { readonly upMs?: number; readonly endMs?: number } = {}): this {
    const wait = (ms: number) => new Promise<void>((resolve) => void this.#world.clock.timer(ms, resolve));
    const run = async ({ signal, term, ready }: PartContext): Promise<void> => {
      const under = term === undefined ? "" : ` in ${term.shard}`;
      this.#diary.push(`${this.#name} begins ${name}${under}`);
      await wait(times.upMs ?? 0);
      ready();
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      await wait(times.endMs ?? 0);
      this.#diary.push(`${this.#name} ends ${name}`);
    };
    return this.addPart({ name, run }, options);
  }

  addPart(part: Part, options: PartOptions): this {
    this.coordinator.add(part, options);
    return this;
  }

  start(): this {
    this.coordinator.run(this.#stop.signal).then(
      ({ clean }) => {
        this.outcome = clean ? "clean" : "unclean";
      },
      (error: unknown) => {
        this.outcome = messageOf(error);
      },
    );
    return this;
  }

  stop(): void {
    this.#stop.abort();
  }
}

function scene() {
  const world = new LeaderWorld();
  const diary: string[] = [];
  /** What was noted since this was last asked. */
  const news = (): string[] => diary.splice(0);
  return { world, diary, news };
}

describe("parts that run on every replica", () => {
  it("something is started before what it stands on, or stopped after it", async () => {
    const { world, diary, news } = scene();
    const replica = new Replica(world, "r1", diary)
      .add("elected", { runsOn: "leader" })
      .add("other", { runsOn: "every-replica" }, { endMs: 100 })
      .add("cache", { runsOn: "every-replica", stage: "caches" }, { upMs: 2_000, endMs: 100 })
      .add("webhook", { runsOn: "every-replica", stage: "webhooks" }, { upMs: 1_000 })
      .add("second webhook", { runsOn: "every-replica", stage: "webhooks" }, { upMs: 3_000 })
      .start();
    await world.clock.advance(2_900);
    expect(news()).toEqual(["r1 begins webhook", "r1 begins second webhook"]);
    await world.clock.advance(2_000);
    expect(news()).toEqual(["r1 begins cache"]);
    await world.clock.advance(500);
    expect(news()).toEqual(["r1 begins other", "r1 begins elected in leader-00"]);
    replica.stop();
    await world.clock.advance(5_000);
    expect(news()).toEqual([
      "r1 ends elected",
      "r1 ends other",
      "r1 ends cache",
      "r1 ends webhook",
      "r1 ends second webhook",
    ]);
    expect(replica.outcome).toBe("clean");
  });

  it("a part that would never run is taken: too late, of no place, of no stage, or of a name that is there already", async () => {
    const { world, diary } = scene();
    const replica = new Replica(world, "r1", diary).add("webhook", { runsOn: "every-replica" });
    const add = (name: string, options: object) => () => void replica.add(name, options as PartOptions);
    expect(add("webhook", { runsOn: "leader" })).toThrow(/there is a part "webhook" already/);
    expect(add("a", { runsOn: "replica" })).toThrow(
      /"every-replica", "leader" or \{ shard \}, but runsOn is "replica"/,
    );
    expect(add("a", {})).toThrow(/but runsOn is undefined/);
    expect(add("a", { runsOn: "every-replica", stage: "webhook" })).toThrow(/but stage is "webhook"/);
    replica.start();
    await world.clock.advance(1_000);
    expect(add("a", { runsOn: "leader" })).toThrow(/"a" comes too late/);
  });

  it("a part that fails is not missed, or takes the Leases down with it", async () => {
    const { world, diary } = scene();
    const failure = Promise.withResolvers<void>();
    const replica = new Replica(world, "r1", diary)
      .addPart({ name: "endpoint", run: () => failure.promise }, { runsOn: "every-replica" })
      .start();
    await world.clock.advance(1_000);
    expect(replica.coordinator.terms()).toHaveLength(2);
    failure.reject(new Error("the port is taken"));
    await world.clock.advance(1_000);
    expect(replica.outcome).toBe("the port is taken");
    expect(world.stored("leases", "shop-configmaps-00")?.spec).toMatchObject({ holderIdentity: "" });
  });

  it("a cache that fails before it is up hangs the start, or is forgotten", async () => {
    const { world, diary } = scene();
    const replica = new Replica(world, "r1", diary)
      .addPart(
        { name: "cache", run: () => Promise.reject(new Error("no such kind")) },
        { runsOn: "every-replica", stage: "caches" },
      )
      .start();
    await world.clock.advance(1_000);
    expect(replica.outcome).toBe("no such kind");
  });

  it("a stop during the start waits for what never becomes ready", async () => {
    const { world, diary } = scene();
    const replica = new Replica(world, "r1", diary)
      .add("cache", { runsOn: "every-replica", stage: "caches" }, { upMs: 3_600_000 })
      .start();
    await world.clock.advance(1_000);
    replica.stop();
    await world.clock.advance(26_000);
    expect(replica.outcome).toBe("unclean");
  });
});

describe("parts that are elected", () => {
  it("the one leader's part runs on two replicas, or on none after its replica stops", async () => {
    const { world, diary, news } = scene();
    const [first, second] = ["r1", "r2"].map((name) =>
      new Replica(world, name, diary).add("writer", { runsOn: "leader" }, { endMs: 3_000 }).start(),
    );
    await world.clock.advance(L);
    expect(news()).toHaveLength(1);
    const leader = [first!, second!].find((one) => one.coordinator.terms().some(({ shard }) => shard === "leader-00"))!;
    const other = leader === first ? "r2" : "r1";
    const name = leader === first ? "r1" : "r2";
    leader.stop();
    await world.clock.advance(2_900);
    expect(news()).toEqual([]);
    await world.clock.advance(1_000);
    expect(news()).toEqual([`${name} ends writer`, `${other} begins writer in leader-00`]);
  });

  it("a part that is bound to a shard runs where the shard is not, or the shard moves from under it", async () => {
    const { world, diary, news } = scene();
    const bound = { runsOn: { shard: "configmaps-01" } };
    const first = new Replica(world, "r1", diary).add("tail", bound, { endMs: 2_000 }).start();
    await world.clock.advance(1_000);
    expect(news()).toEqual(["r1 begins tail in configmaps-01"]);
    const second = new Replica(world, "r2", diary).add("tail", bound).start();
    await world.clock.advance(5_000);
    news();
    first.stop();
    await world.clock.advance(5_000);
    expect(second.coordinator.terms().map(({ shard }) => shard)).toEqual(["configmaps-00", "configmaps-01"]);
    expect(news().filter((line) => line.startsWith("r1 begins"))).toEqual([]);
    expect(first.outcome).toBe("clean");
  });

  it("a part is not told that its term was lost, or outlives it unseen", async () => {
    const { world, diary, news } = scene();
    const replica = new Replica(world, "r1", diary).add("writer", { runsOn: "leader" }, { endMs: 60_000 }).start();
    await world.clock.advance(1_000);
    news();
    replica.line.cut();
    await world.clock.advance(V + 2_100);
    expect(news()).toEqual(["r1 is ended: work of shard leader-00 outlived its validity; the process ends"]);
  });

  it("a part that does not end when its shard is to move is begun twice, or never again", async () => {
    const { world, diary, news } = scene();
    const options = { drainTimeoutMs: 2_000 };
    const parts = (replica: Replica) =>
      replica
        .add("a", { runsOn: { shard: "configmaps-00" } }, { endMs: 20_000 })
        .add("b", { runsOn: { shard: "configmaps-01" } }, { endMs: 20_000 })
        .start();
    parts(new Replica(world, "r1", diary, options));
    await world.clock.advance(1_000);
    expect(news()).toHaveLength(2);
    // One of the two shards is to move to it; its part does not end in time.
    parts(new Replica(world, "r2", diary, options));
    await world.clock.advance(10_000);
    expect(news()).toEqual([]);
    await world.clock.advance(60_000);
    const said = news();
    const running = new Map<string, number>();
    for (const line of said) {
      const [, verb = "", part = ""] = line.split(" ");
      running.set(part, (running.get(part) ?? 1) + (verb === "begins" ? 1 : -1));
      expect(running.get(part)).toBeLessThanOrEqual(1);
    }
    expect(said[0]).toMatch(/^r1 ends/);
    expect([...running.values()].every((count) => count === 1)).toBe(true);
  });

  it("a shard that there is not is waited for", async () => {
    const { world, diary } = scene();
    const replica = new Replica(world, "r1", diary).add("tail", { runsOn: { shard: "configmaps-07" } }).start();
    await world.clock.advance(1_000);
    expect(replica.outcome).toMatch(
      /"tail" is to run on the shard "configmaps-07".*there are configmaps-00, configmaps-01$/,
    );
  });

  it("without an election, or under one leader for the process, elected parts do not run", async () => {
    for (const leaderElection of ["none", { name: "shop" }] as const) {
      const { world, diary, news } = scene();
      const replica = new Replica(world, "r1", diary, { leaderElection })
        .add("writer", { runsOn: "leader" })
        .add("tail", { runsOn: { shard: "configmaps-00" } })
        .start();
      await world.clock.advance(L + 1_000);
      expect(news().sort()).toEqual(["r1 begins tail in configmaps-00", "r1 begins writer in leader-00"]);
      replica.stop();
      await world.clock.advance(1_000);
      expect(news().sort()).toEqual(["r1 ends tail", "r1 ends writer"]);
      expect(replica.outcome).toBe("clean");
    }
  });
});
