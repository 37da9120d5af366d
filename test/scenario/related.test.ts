import { describe, expect, it } from "vitest";
import { EventChannel } from "../../src/reconcile/events.ts";
import { annotationsChanged, labelsChanged } from "../../src/reconcile/update-filter.ts";
import { child, OWNERS, RelatedWorld } from "../support/related-world.ts";

const OWNS = { owns: ["secrets"] };

describe("the children of a sharded resource", () => {
  it("an event of a child is looked at by nobody, by both replicas, or by the one that does not lead its owner", async () => {
    const world = new RelatedWorld();
    const replicas = await world.start(["r1", "r2"], OWNS);
    expect(replicas.map(({ shards }) => shards.length)).toEqual([4, 4]);
    const leaders = new Set(OWNERS.map((name) => world.leaderOf(`default/${name}`).split(" ")[0]));
    expect(leaders).toEqual(new Set(["r1", "r2"]));
    for (const owner of OWNERS) {
      const leader = world.leaderOf(`default/${owner}`);
      world.put("secrets", child("child", owner));
      await world.clock.advance(1_000);
      expect(world.news()).toEqual([leader]);
      world.put("secrets", child("child", owner, { labels: { changed: "yes" } }));
      await world.clock.advance(1_000);
      expect(world.news()).toEqual([leader]);
      world.remove("child", "secrets");
      await world.clock.advance(1_000);
      expect(world.news()).toEqual([leader]);
    }
  });

  it("a child that changes its owner leaves the old owner with what it does not have, or the new one without it", async () => {
    const world = new RelatedWorld();
    await world.start(["r1", "r2"], OWNS);
    world.put("secrets", child("child", "a"));
    await world.clock.advance(1_000);
    world.news();
    world.put("secrets", child("child", "b"));
    await world.clock.advance(1_000);
    expect(world.news()).toEqual([world.leaderOf("default/a"), world.leaderOf("default/b")].sort());
    world.put("secrets", { metadata: { name: "child" } });
    await world.clock.advance(1_000);
    expect(world.news()).toEqual([world.leaderOf("default/b")]);
  });

  it("children of nobody, or of an owner that is not selected, call a handler for what it must not touch", async () => {
    const world = new RelatedWorld();
    world.put("configmaps", { metadata: { name: "mine", labels: { app: "shop" } } });
    await world.start(["r1"], { ...OWNS, labelSelector: "app=shop" });
    world.put("secrets", { metadata: { name: "nobodys" } });
    world.put("secrets", child("of-another", "a"));
    world.put("secrets", child("of-a-missing", "gone"));
    await world.clock.advance(1_000);
    expect(world.news()).toEqual([]);
    world.put("secrets", child("of-mine", "mine"));
    await world.clock.advance(1_000);
    expect(world.news()).toEqual(["r1 default/mine"]);
  });

  it("what happened to a child while its owner's shard had no owner is never looked at, or a standby lists first", async () => {
    const world = new RelatedWorld();
    const [first] = await world.start(["r1", "r2"], OWNS);
    const lost = OWNERS.map((name) => `default/${name}`).filter((key) => world.leaderOf(key).startsWith("r1 "));
    expect(lost.length).toBeGreaterThan(0);
    const lists = () => world.core.requests.count({ verb: "list", resource: "secrets" });
    const before = lists();
    first?.line.cut();
    await world.clock.advance(1_000);
    world.put("secrets", child("child", lost[0]?.slice("default/".length) ?? ""));
    await world.clock.advance(40_000);
    const [, second] = world.replicas;
    expect(second?.shards).toHaveLength(8);
    expect(second?.news().filter((key) => lost.includes(key))).toEqual(expect.arrayContaining(lost));
    expect(lists()).toBe(before);
  });

  it("a replica works before it knows the children", async () => {
    const world = new RelatedWorld();
    world.put("secrets", child("child", "a"));
    world.core.faults.add({ verb: "list", resource: "secrets", fault: { kind: "answer", status: 500 } });
    const [replica] = await world.start(["r1"], OWNS);
    expect(replica?.shards).toEqual([]);
    const checked = await replica?.coordinator.checks.run("ready", ["coordinator"]);
    expect(checked).toEqual([{ name: "coordinator", problem: "first list not complete: secrets" }]);
  });

  it("a cluster-scoped kind is taken for children of a namespaced one", async () => {
    const world = new RelatedWorld();
    const [replica] = await world.start(["r1"], { owns: ["namespaces"] });
    expect(replica?.outcome).toMatch(/configmaps cannot own namespaces: those are cluster-scoped.*use watches/);
  });
});

describe("other kinds that are watched for a sharded resource", () => {
  const byLabel = {
    watches: [
      {
        resource: "secrets",
        labelSelector: "about",
        map: ({ metadata }: { metadata: { labels?: Readonly<Record<string, string>>; namespace?: string } }) =>
          (metadata.labels?.about ?? "").split(".").map((name) => `${metadata.namespace}/${name}`),
      },
    ],
  };
  const secret = (about: string) => ({ metadata: { name: "key", labels: { about } } });

  it("the keys that a function names are not looked at where they are led, before and after a change", async () => {
    const world = new RelatedWorld();
    await world.start(["r1", "r2"], byLabel);
    world.put("secrets", secret("a.b"));
    await world.clock.advance(1_000);
    expect(world.news()).toEqual([world.leaderOf("default/a"), world.leaderOf("default/b")].sort());
    world.put("secrets", secret("b.c"));
    await world.clock.advance(1_000);
    expect(world.news()).toEqual(["a", "b", "c"].map((name) => world.leaderOf(`default/${name}`)).sort());
    world.remove("key", "secrets");
    await world.clock.advance(1_000);
    expect(world.news()).toEqual(["b", "c"].map((name) => world.leaderOf(`default/${name}`)).sort());
  });
});

describe("filters of updates", () => {
  it("an update that does not matter is looked at, or one that does is not", async () => {
    const world = new RelatedWorld();
    await world.start(["r1"], { updates: labelsChanged, owns: [{ resource: "secrets", updates: annotationsChanged }] });
    const configMap = (more: object) => world.put("configmaps", { metadata: { name: "a", ...more } });
    const secret = (owner: string, more = {}) => world.put("secrets", child("child", owner, more));
    const looks: readonly (readonly [act: () => void, looked: readonly string[]])[] = [
      [() => configMap({ annotations: { note: "x" } }), []],
      [() => configMap({ labels: { app: "shop" } }), ["a"]],
      [() => secret("a"), ["a"]],
      [() => secret("a", { labels: { app: "shop" } }), []],
      [() => secret("a", { annotations: { note: "x" } }), ["a"]],
      [() => secret("b", { annotations: { note: "x" } }), ["a", "b"]],
      [() => world.remove("child", "secrets"), ["b"]],
      [() => world.remove("a", "configmaps"), ["a"]],
      [() => configMap({}), ["a"]],
    ];
    for (const [index, [act, looked]] of looks.entries()) {
      act();
      await world.clock.advance(1_000);
      expect([index, world.news()]).toEqual([index, looked.map((name) => `r1 default/${name}`)]);
    }
  });

  it("a key whose last run failed loses its retry with an event that is dropped", async () => {
    const world = new RelatedWorld();
    let fails = true;
    const limiter = { kind: "item-fixed", delayMs: 5_000 } as const;
    await world.start(["r1"], {
      updates: labelsChanged,
      rateLimiter: limiter,
      reconcile: async ({ name }) => {
        if (name === "a" && fails) throw new Error("not yet");
      },
    });
    await world.until("a failure", 10_000, () => world.news().length > 0);
    fails = false;
    world.put("configmaps", { metadata: { name: "a", annotations: { note: "x" } } });
    await world.clock.advance(4_900);
    expect(world.news()).toEqual([]);
    await world.clock.advance(200);
    expect(world.news()).toEqual(["r1 default/a"]);
  });

  it("a promoted shard leaves keys out that a filter would drop", async () => {
    const world = new RelatedWorld();
    await world.start(["r1"], { updates: () => false });
    world.put("configmaps", { metadata: { name: "a", labels: { changed: "yes" } } });
    await world.clock.advance(1_000);
    expect(world.news()).toEqual([]);
    world.replicas[0]?.stop();
    await world.clock.advance(30_000);
    world.replicas.length = 0;
    const seen: (string | undefined)[] = [];
    await world.start(["r2"], {
      updates: () => false,
      reconcile: async ({ name }, { object }) => {
        if (name === "a") seen.push(object?.metadata.labels?.["changed"]);
      },
    });
    expect(seen).toEqual(["yes"]);
  });
});

describe("events from elsewhere", () => {
  it("an event is looked at by a replica that does not lead its shard, or by none", async () => {
    const world = new RelatedWorld();
    const channels = [new EventChannel(), new EventChannel()] as const;
    await world.start(["r1"], { sources: [channels[0]] });
    await world.start(["r2"], { sources: [channels[1]] });
    for (const owner of OWNERS) {
      for (const channel of channels) channel.emit({ namespace: "default", name: owner });
      await world.clock.advance(1_000);
      expect(world.news()).toEqual([world.leaderOf(`default/${owner}`)]);
    }
    for (const replica of world.replicas) replica.stop();
    await world.clock.advance(30_000);
    expect(world.replicas.map(({ outcome }) => outcome)).toEqual(["clean", "clean"]);
  });

  it("a source that fails is left behind in silence, or ends the replica without giving its shards back", async () => {
    const world = new RelatedWorld();
    const { promise, reject } = Promise.withResolvers<never>();
    async function* broken() {
      yield await promise;
    }
    const [replica] = await world.start(["r1"], { sources: [broken()] });
    expect(replica?.outcome).toBeUndefined();
    reject(new Error("the broker is gone"));
    await world.clock.advance(60_000);
    expect(replica?.outcome).toBe("the broker is gone");
    expect(world.stored("leases", "shop-configmaps-00")).toMatchObject({ spec: { holderIdentity: "" } });
  });
});
