import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../src/kube/api.ts";
import { createKeyMap } from "../../../src/placement/key-map.ts";
import { NODES, object } from "./key-world.ts";
import { changed, deleted, news, run, snapshot, type World } from "./source-world.ts";

describe("what is announced", () => {
  it("each key of the first list, each added, changed and deleted object, once", async () => {
    const world = run();
    await world.feed.say(snapshot("10", object("a", "5"), object("b", "7")));
    expect(news(world)).toEqual(["default/a", "default/b"]);
    await world.feed.say(changed(object("c", "11")));
    await world.feed.say(changed(object("a", "12")));
    await world.feed.say(deleted(object("b", "13")));
    expect(news(world)).toEqual(["default/c", "default/a", "default/b"]);
    await world.stop();
  });

  it("nothing of which nothing changed: an event told again, a bookmark, an equal relist", async () => {
    const world = run();
    await world.feed.say(snapshot("10", object("a", "5")));
    news(world);
    await world.feed.say(changed(object("a", "5")));
    await world.feed.say({ type: "bookmark", resourceVersion: "20" });
    await world.feed.say(snapshot("21", object("a", "5")));
    await world.feed.say(deleted(object("never-seen", "22")));
    expect(news(world)).toEqual([]);
    await world.stop();
  });

  it("what a broken watch missed: the relist shows additions, changes and deletions that no event told", async () => {
    const world = run();
    await world.feed.say(snapshot("10", object("same", "1"), object("changed", "2"), object("gone", "3")));
    news(world);
    await world.feed.say(snapshot("30", object("same", "1"), object("changed", "25"), object("new", "26")));
    expect(news(world).sort()).toEqual(["default/changed", "default/gone", "default/new"]);
    expect(world.source.objectOf("default/gone")).toBeUndefined();
    expect(world.source.size).toBe(3);
    await world.stop();
  });

  it("an object that was deleted and made again under its name while the watch was away", async () => {
    const world = run();
    await world.feed.say(snapshot("10", object("a", "5")));
    news(world);
    await world.feed.say(snapshot("30", object("a", "25", { uid: "another" })));
    expect(news(world)).toEqual(["default/a"]);
    expect(world.source.objectOf("default/a")?.metadata.uid).toBe("another");
    await world.stop();
  });

  it("a key always with its own bucket, the one under which it is found", async () => {
    const seen = new Map<string, number>();
    const world = run({ onKey: (bucket, key) => void seen.set(key, bucket) });
    const objects = Array.from({ length: 200 }, (_, index) => object(`object-${index}`, String(index + 1)));
    await world.feed.say(snapshot("1000", ...objects));
    for (const [key, bucket] of seen) {
      expect(bucket).toBe(createKeyMap(8).bucketOf(key));
      expect([...world.source.keysOf(bucket)]).toContain(key);
    }
    const found = Array.from({ length: 8 }, (_, bucket) => [...world.source.keysOf(bucket)]).flat();
    expect(found.sort()).toEqual([...seen.keys()].sort());
    await world.feed.say(deleted(object("object-7", "1001")));
    expect([...world.source.keysOf(createKeyMap(8).bucketOf("default/object-7"))]).not.toContain("default/object-7");
    await world.stop();
  });

  it("cluster-scoped objects by their name alone", async () => {
    const world = run({ resource: NODES });
    await world.feed.say(snapshot("10", { metadata: { name: "node-1", resourceVersion: "5" } }));
    expect(news(world)).toEqual(["node-1"]);
    expect(world.source.objectOf("node-1")?.metadata.resourceVersion).toBe("5");
    await world.stop();
  });
});

describe("a handler never sees an object older than the event that called it", () => {
  it("the cache is changed before a key is announced, and wholly so for a snapshot", async () => {
    const seen: (string | undefined)[] = [];
    const world: World = run({
      onKey: (_bucket, key) => {
        seen.push(world.source.objectOf(key)?.metadata.resourceVersion);
        if (world.source.size === 3) expect(world.source.objectOf("default/c")?.metadata.resourceVersion).toBe("22");
      },
    });
    await world.feed.say(snapshot("10", object("a", "5"), object("b", "6")));
    await world.feed.say(changed(object("a", "11")));
    await world.feed.say(deleted(object("b", "12")));
    await world.feed.say(snapshot("30", object("a", "20"), object("b", "21"), object("c", "22")));
    expect(seen).toEqual(["5", "6", "11", undefined, "20", "21", "22"]);
    await world.stop();
  });

  it("events older than what is known are ignored, as numbers of any length", async () => {
    const world = run();
    await world.feed.say(snapshot("100", object("a", "100")));
    news(world);
    await world.feed.say(changed(object("a", "99")));
    await world.feed.say(deleted(object("a", "99")));
    expect(news(world)).toEqual([]);
    expect(world.source.objectOf("default/a")?.metadata.resourceVersion).toBe("100");
    await world.feed.say(changed(object("a", "1000")));
    await world.feed.say(changed(object("a", "999")));
    expect(world.source.objectOf("default/a")?.metadata.resourceVersion).toBe("1000");
    await world.stop();
  });

  it("agrees with the server after any run of changes, cut watches and relists, and told every difference", async () => {
    const write = fc.record({
      name: fc.constantFrom("a", "b", "c", "d"),
      remove: fc.boolean(),
      /** Not seen by the watch: it is cut until the next relist. */
      lost: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 40 }), async (writes) => {
        const world = run();
        const server = new Map<string, KubernetesObject>();
        const owed = new Set<string>();
        let version = 1;
        let cut = false;
        const relist = async (): Promise<void> => {
          await world.feed.say(snapshot(String(version), ...server.values()));
          cut = false;
          for (const key of news(world)) owed.delete(key);
          expect([...owed]).toEqual([]);
        };
        await relist();
        for (const { name, remove, lost } of writes) {
          version++;
          const before = server.get(name);
          if (remove && before === undefined) continue;
          const next = object(name, String(version));
          if (remove) server.delete(name);
          else server.set(name, next);
          cut ||= lost;
          if (!cut) await world.feed.say(remove ? deleted(next) : changed(next));
          // An object that came and went unseen, or went and came back never having been known, leaves nothing to tell.
          const known = world.source.objectOf(`default/${name}`);
          if (known?.metadata.resourceVersion === server.get(name)?.metadata.resourceVersion)
            owed.delete(`default/${name}`);
          else owed.add(`default/${name}`);
          if (!cut) expect(news(world)).toEqual([`default/${name}`]);
          if (cut && version % 3 === 0) await relist();
        }
        await relist();
        const known = [...server.keys()].map((name) => world.source.objectOf(`default/${name}`));
        expect(known).toEqual([...server.values()]);
        expect(world.source.size).toBe(server.size);
        await world.stop();
      }),
      { numRuns: 200 },
    );
  });
});

describe("large resources", () => {
  it("enumerating one of 64 buckets does not look at the others, and 100,000 keys are relisted without quadratic cost", {
    timeout: 60_000,
  }, async () => {
    const world = run({ buckets: createKeyMap(64) });
    const objects = Array.from({ length: 100_000 }, (_, index) => object(`object-${index}`, String(index + 1)));
    await world.feed.say(snapshot("200000", ...objects));
    expect(news(world)).toHaveLength(100_000);
    for (let round = 0; round < 5; round++) await world.feed.say(snapshot(String(200_001 + round), ...objects));
    expect(news(world)).toEqual([]);
    for (let index = 0; index < 50_000; index++)
      void world.feed.say(deleted(object(`object-${index}`, String(300_000 + index))));
    await world.feed.say({ type: "bookmark", resourceVersion: "400000" });
    expect(news(world)).toHaveLength(50_000);
    expect(world.source.size).toBe(50_000);
    for (let round = 0; round < 1_000; round++)
      expect(
        world.source
          .keysOf(round % 64)
          [Symbol.iterator]()
          .next().done,
      ).toBe(false);
    await world.stop();
  });
});
