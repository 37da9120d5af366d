import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../src/kube/api.ts";
import { createKeyMap } from "../../../src/placement/key-map.ts";
import { createSource } from "../../../src/reconcile/source.ts";
import { CONFIG_MAPS, object, recordingLog } from "./key-world.ts";
import { changed, news, run, ScriptedFeed, snapshot, type World } from "./source-world.ts";

describe("several namespaces", () => {
  it("a relist of one does not delete the objects of another", async () => {
    const world = run({ namespaces: ["shop", "bank"] });
    await world.feeds["shop"]?.say(snapshot("10", object("shop/a", "5")));
    await world.feeds["bank"]?.say(snapshot("10", object("bank/a", "6")));
    expect(news(world)).toEqual(["shop/a", "bank/a"]);
    await world.feeds["shop"]?.say(snapshot("30"));
    expect(news(world)).toEqual(["shop/a"]);
    expect(world.source.objectOf("shop/a")).toBeUndefined();
    expect(world.source.objectOf("bank/a")?.metadata.resourceVersion).toBe("6");
    expect(world.source.size).toBe(1);
    const keys = Array.from({ length: 8 }, (_, bucket) => [...world.source.keysOf(bucket)]).flat();
    expect(keys).toEqual(["bank/a"]);
    await world.stop();
  });

  it("each has versions of its own: a slow one's first list may be older than what another has seen", async () => {
    const world = run({ namespaces: ["shop", "bank"] });
    await world.feeds["shop"]?.say(snapshot("1000", object("shop/a", "900")));
    await world.feeds["bank"]?.say(snapshot("10", object("bank/a", "6")));
    expect(world.source.synced).toBe(true);
    await world.stop();
  });

  it("the source is synced only when the first list of every one is in, and stays synced", async () => {
    const world = run({ namespaces: ["shop", "bank"] });
    let told = false;
    const synced = world.source.whenSynced().then(() => {
      told = true;
    });
    await world.feeds["shop"]?.say(snapshot("10"));
    await world.feeds["shop"]?.say(snapshot("11"));
    expect([world.source.synced, told]).toEqual([false, false]);
    await world.feeds["bank"]?.say({ type: "bookmark", resourceVersion: "9" });
    expect(world.source.synced).toBe(false);
    await world.feeds["bank"]?.say(snapshot("10"));
    await synced;
    expect(world.source.synced).toBe(true);
    await world.stop();
    expect(world.source.synced).toBe(true);
    await world.source.whenSynced();
  });

  it("is synced only after the keys of the last list were announced", async () => {
    let syncedAtAnnouncement: boolean | undefined;
    const world: World = run({
      onKey: () => {
        syncedAtAnnouncement ??= world.source.synced;
      },
    });
    await world.feed.say(snapshot("10", object("a", "5")));
    expect(syncedAtAnnouncement).toBe(false);
    expect(world.source.synced).toBe(true);
    await world.stop();
  });

  it("naming one twice, or one beside all, or none at all is refused", () => {
    const feed = new ScriptedFeed();
    const options = { resource: CONFIG_MAPS, buckets: createKeyMap(1), log: recordingLog([]), onKey: () => {} };
    for (const feeds of [
      [],
      [
        { namespace: "shop", feed },
        { namespace: "shop", feed },
      ],
      [{ feed }, { namespace: "shop", feed }],
      [{ feed }, { feed }],
    ]) {
      expect(() => createSource({ ...options, feeds })).toThrow(expect.objectContaining({ code: "misuse" }));
    }
  });
});

describe("the transform", () => {
  const managed = object("a", "5", { managedFields: [{ manager: "kubectl" }], labels: { app: "shop" } });

  it("drops managedFields by default and nothing else, and leaves the object it was given alone", async () => {
    const world = run();
    await world.feed.say(snapshot("10", managed));
    const { managedFields: _, ...metadata } = managed.metadata;
    expect(world.source.objectOf("default/a")).toEqual({ metadata });
    expect(managed.metadata["managedFields"]).toBeDefined();
    await world.stop();
  });

  it("may drop even the resourceVersion: order is kept by the version as it was sent", async () => {
    const world = run({ transform: ({ metadata: { name } }) => ({ metadata: { name } }) });
    await world.feed.say(snapshot("10", object("a", "5")));
    await world.feed.say(changed(object("a", "4")));
    await world.feed.say(changed(object("a", "12")));
    expect(news(world)).toEqual(["default/a", "default/a"]);
    await world.stop();
  });

  it.each<[string, () => KubernetesObject]>([
    [
      "throws",
      () => {
        throw new Error("no such field");
      },
    ],
    ["returns nothing, as one that changes its argument does", () => undefined as unknown as KubernetesObject],
  ])("that %s does not make an object look deleted; it is said once", async (_name, transform) => {
    const world = run({ transform });
    await world.feed.say(snapshot("10", object("a", "5"), object("b", "6")));
    expect(world.source.objectOf("default/a")?.metadata.name).toBe("a");
    expect(world.lines.filter(({ level }) => level === "error")).toHaveLength(1);
    expect(world.lines[0]?.fields).toMatchObject({ resource: "configmaps", key: "default/a" });
    await world.stop();
  });
});

describe("how a source ends", () => {
  it("stopped: resolves, and whoever waits for the first list is told", async () => {
    const world = run();
    const synced = world.source.whenSynced();
    await world.stop();
    await expect(synced).rejects.toMatchObject({ code: "aborted" });
  });

  it("one feed that fails for good ends them all with its error", async () => {
    const world = run({ namespaces: ["shop", "bank"] });
    world.feeds["bank"]?.fail(new Error("no permission for ever"));
    await expect(world.running).rejects.toThrow("no permission for ever");
    await expect(world.source.whenSynced()).rejects.toThrow("no permission for ever");
  });

  it("a feed that just ends is a failure, not an eternal silence", async () => {
    const world = run();
    await world.feed.say(snapshot("10"));
    world.feed.end();
    await expect(world.running).rejects.toMatchObject({ code: "unreachable" });
  });

  it("a list from before what was known means a restored API server: no cache can be trusted any more", async () => {
    const world = run();
    await world.feed.say(snapshot("100", object("a", "90")));
    await world.feed.say({ type: "bookmark", resourceVersion: "150" });
    void world.feed.say(snapshot("149", object("a", "90")));
    await expect(world.running).rejects.toMatchObject({ code: "api-server-restored" });
  });

  it.each([undefined, "", "0x5", "5a"])(
    "an object whose resourceVersion is %j fails closed",
    async (resourceVersion) => {
      const world = run();
      void world.feed.say(
        snapshot("100", {
          metadata: { name: "a", namespace: "default", ...(resourceVersion !== undefined && { resourceVersion }) },
        }),
      );
      await expect(world.running).rejects.toMatchObject({ code: "malformed-answer" });
    },
  );

  it("what a feed says after it was stopped is neither kept nor announced", async () => {
    const abort = new AbortController();
    const announced: string[] = [];
    const source = createSource({
      resource: CONFIG_MAPS,
      feeds: [
        {
          feed: {
            async *events() {
              yield snapshot("10", object("a", "5"));
              abort.abort();
              yield changed(object("b", "11"));
            },
          },
        },
      ],
      buckets: createKeyMap(1),
      log: recordingLog([]),
      onKey: (_bucket, key) => void announced.push(key),
    });
    await source.run(abort.signal);
    expect(announced).toEqual(["default/a"]);
    expect(source.size).toBe(1);
  });
});
