import { describe, expect, test } from "vitest";
import { Api, CONFIG_MAPS, eventIn, LEASES, MERGE } from "./requests.ts";

const version = (text: string): number => Number(text.split("@")[1]);

describe("what a watcher sees", () => {
  test("from a resourceVersion on: every later change in order, and none twice", () => {
    const api = new Api();
    const { resourceVersion } = api.made(LEASES, "a").metadata;
    api.made(LEASES, "b");
    const watched = api.watch(`${LEASES}?resourceVersion=${resourceVersion}`);
    api.patch(`${LEASES}/a`, { spec: { holderIdentity: "x" } });
    api.delete(`${LEASES}/b`);
    expect(watched.seen().map((line) => line.split("@")[0])).toEqual(["ADDED b", "MODIFIED a", "DELETED b"]);
    const versions = watched.seen().map(version);
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(watched.events[2]?.object.metadata.resourceVersion).toBe(api.core.resourceVersion);
  });

  test.each(["", "resourceVersion=0"])("from the start (%j): what is there as ADDED, then what happens", (query) => {
    const api = new Api();
    api.made(LEASES, "b");
    api.made(LEASES, "a");
    const watched = api.watch(`${LEASES}?${query}`);
    api.made(LEASES, "c");
    expect(watched.seen().map((line) => line.split("@")[0])).toEqual(["ADDED a", "ADDED b", "ADDED c"]);
  });

  test("other kinds, namespaces and names stay out", () => {
    const api = new Api({ namespaces: ["default-2"] });
    const watched = api.watch(`${CONFIG_MAPS}?fieldSelector=metadata.name%3Da`);
    const everywhere = api.watch("/api/v1/configmaps");
    api.made(LEASES, "a");
    api.made(CONFIG_MAPS, "b");
    api.made("/api/v1/namespaces/default-2/configmaps", "a");
    api.made(CONFIG_MAPS, "a");
    expect(watched.seen()).toHaveLength(1);
    expect(everywhere.seen()).toHaveLength(3);
  });

  test("through a selector: what begins to match is ADDED, what stops is DELETED at that version, or a foreign edit of a label goes unseen", () => {
    const api = new Api();
    const { resourceVersion } = api.made(LEASES, "a", { metadata: { labels: { app: "x" } } }).metadata;
    const watched = api.watch(`${LEASES}?labelSelector=app%3Dx&resourceVersion=${resourceVersion}`);
    const label = (app: string | null) => api.patch(`${LEASES}/a`, { metadata: { labels: { app } } }).body.metadata;
    const gone = label("y");
    label("z");
    const back = label("x");
    api.delete(`${LEASES}/a`);
    expect(watched.seen()).toEqual([
      `DELETED a@${gone.resourceVersion}`,
      `ADDED a@${back.resourceVersion}`,
      `DELETED a@${api.core.resourceVersion}`,
    ]);
    // The object of a DELETED event is the last that matched.
    expect(watched.events[0]?.object.metadata.labels).toEqual({ app: "x" });
  });

  test("a replay of the history sees the same as a watcher that was there", () => {
    const api = new Api();
    const live = api.watch(`${LEASES}?labelSelector=app%3Dx&resourceVersion=${api.core.resourceVersion}`);
    const start = api.core.resourceVersion;
    api.made(LEASES, "a", { metadata: { labels: { app: "x" } } });
    api.made(LEASES, "b");
    api.patch(`${LEASES}/a`, { metadata: { labels: { app: "y" } } });
    api.patch(`${LEASES}/b`, { metadata: { labels: { app: "x" } } });
    api.delete(`${LEASES}/b`);
    const replay = api.watch(`${LEASES}?labelSelector=app%3Dx&resourceVersion=${start}`);
    expect(replay.events).toEqual(live.events);
    expect(live.seen()).toHaveLength(4);
  });

  test("a watcher that writes while it reads neither loses nor reorders events of others", () => {
    const api = new Api();
    const { watch } = api.watch(LEASES);
    watch.close();
    const order: string[][] = [[], []];
    for (const seen of order) {
      const answer = api.core.handle({ method: "GET", path: LEASES, query: { watch: "1" } });
      if (answer.kind !== "stream") throw new Error("no watch");
      answer.watch.subscribe({
        line: (line) => {
          const { type, object } = eventIn(line);
          seen.push(`${type} ${object.metadata.resourceVersion}`);
          if (type === "ADDED") {
            const body = JSON.stringify({ metadata: { annotations: { seen: "1" } } });
            api.core.handle({ method: "PATCH", path: `${LEASES}/${object.metadata.name}`, contentType: MERGE, body });
          }
        },
        end: () => {},
      });
    }
    api.made(LEASES, "a");
    expect(order[0]).toHaveLength(2);
    expect(order[1]).toEqual(order[0]);
  });
});

describe("too old, too new", () => {
  test("a compacted version is told in band as ERROR 410 Expired and the watch ends, or the client would miss changes for ever", () => {
    const api = new Api();
    const { resourceVersion } = api.made(LEASES, "a").metadata;
    api.made(LEASES, "b");
    api.core.compact();
    const watched = api.watch(`${LEASES}?resourceVersion=${resourceVersion}`);
    expect(watched.seen()).toEqual(["ERROR 410 Expired"]);
    expect(watched.ended()).toBe("finished");
    expect(api.watch(`${LEASES}?resourceVersion=${api.core.resourceVersion}`).seen()).toEqual([]);
  });

  test("a long run does not grow for ever: the ring forgets, and says so", () => {
    const api = new Api({ historyLimit: 10 });
    const { resourceVersion } = api.made(LEASES, "a").metadata;
    for (let index = 0; index < 100; index += 1) api.patch(`${LEASES}/a`, { spec: { leaseTransitions: index } });
    expect(api.watch(`${LEASES}?resourceVersion=${resourceVersion}`).seen()).toEqual(["ERROR 410 Expired"]);
    const recent = String(Number(api.core.resourceVersion) - 5);
    expect(api.watch(`${LEASES}?resourceVersion=${recent}`).seen()).toHaveLength(5);
  });

  test("traffic of another kind does not make a quiet resource's version too old", () => {
    const api = new Api({ historyLimit: 10 });
    const { resourceVersion } = api.made(LEASES, "a").metadata;
    api.made(CONFIG_MAPS, "a");
    for (let index = 0; index < 100; index += 1) api.patch(`${CONFIG_MAPS}/a`, { data: { index: String(index) } });
    const watched = api.watch(`${LEASES}?resourceVersion=${resourceVersion}`);
    api.made(LEASES, "b");
    expect(watched.seen()).toHaveLength(1);
  });

  test("a version of the future waits quietly: nothing up to it is sent", () => {
    const api = new Api();
    const future = Number(api.core.resourceVersion) + 2;
    const watched = api.watch(`${LEASES}?resourceVersion=${future}`);
    for (const name of ["a", "b", "c"]) api.made(LEASES, name);
    expect(watched.seen()).toEqual([`ADDED c@${future + 1}`]);
  });

  test("a list newer than the server's data is refused: that is how a restored server shows", () => {
    const api = new Api();
    const saved = api.core.save();
    const { resourceVersion } = api.made(LEASES, "a").metadata;
    const watched = api.watch(LEASES);
    api.core.restore(saved);
    expect(watched.ended()).toBe("cut");
    const answer = api.get(`${LEASES}?resourceVersion=${resourceVersion}`);
    expect(answer).toMatchObject({ status: 504, body: { reason: "Timeout" } });
    expect(Number(api.get(LEASES).body.metadata.resourceVersion)).toBeLessThan(Number(resourceVersion));
    expect(api.get(LEASES).body.items).toEqual([]);
  });
});

describe("bookmarks", () => {
  test("a quiet watch is told the newest version from time to time, or it would be too old when it is cut", async () => {
    const api = new Api({ bookmarkIntervalMs: 1_000 });
    const watched = api.watch(`${LEASES}?allowWatchBookmarks=true`);
    const silent = api.watch(LEASES);
    api.made(CONFIG_MAPS, "other");
    await api.clock.advance(2_500);
    expect(watched.seen()).toEqual([
      `BOOKMARK -@${api.core.resourceVersion}`,
      `BOOKMARK -@${api.core.resourceVersion}`,
    ]);
    expect(watched.events[0]?.object).toMatchObject({ kind: "Lease", apiVersion: "coordination.k8s.io/v1" });
    expect(silent.seen()).toEqual([]);
  });

  test("a watch that will time out gets a last bookmark before, to go on from", async () => {
    const api = new Api();
    const watched = api.watch(`${LEASES}?allowWatchBookmarks=true&timeoutSeconds=150`);
    await api.clock.advance(147_000);
    expect(watched.seen()).toHaveLength(2);
    await api.clock.advance(1_000);
    expect(watched.seen()).toHaveLength(3);
    await api.clock.advance(2_000);
    expect([watched.seen().length, watched.ended()]).toEqual([3, "finished"]);
  });

  test("a WatchList ends its initial events with the marked bookmark", () => {
    const api = new Api();
    api.made(LEASES, "a");
    const query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    const watched = api.watch(`${LEASES}?${query}`);
    expect(watched.seen().map((line) => line.split("@")[0])).toEqual(["ADDED a", "BOOKMARK -"]);
    expect(watched.events[1]?.object.metadata.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
    const later = api.watch(`${LEASES}?sendInitialEvents=false&resourceVersionMatch=NotOlderThan`);
    expect(later.seen()).toEqual([]);
  });

  test.each([
    "watch=true&sendInitialEvents=true",
    "watch=true&resourceVersion=1&resourceVersionMatch=NotOlderThan",
    "sendInitialEvents=true",
    "resourceVersionMatch=Exact",
    "resourceVersion=0&resourceVersionMatch=Exact",
    "resourceVersion=5&resourceVersionMatch=Sometimes",
  ])("options that contradict one another are refused: %s", (query) => {
    expect(new Api().get(`${LEASES}?${query}`)).toMatchObject({ status: 422, body: { reason: "Invalid" } });
  });
});

describe("a watch of tables", () => {
  test("the columns are told once, with the first event", () => {
    const api = new Api();
    api.made(LEASES, "a");
    const watched = api.watch(LEASES, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" });
    api.made(LEASES, "b", { spec: { holderIdentity: "me" } });
    expect(watched.events[0]?.object.columnDefinitions).toHaveLength(3);
    expect(watched.events[1]?.object).toMatchObject({ columnDefinitions: null, rows: [{ cells: ["b", "me", "0s"] }] });
  });
});

describe("the end of a watch", () => {
  test("timeoutSeconds ends it, and nothing comes after", async () => {
    const api = new Api();
    const watched = api.watch(`${LEASES}?timeoutSeconds=5`);
    await api.clock.advance(4_999);
    expect(watched.ended()).toBeUndefined();
    await api.clock.advance(1);
    expect(watched.ended()).toBe("finished");
    api.made(LEASES, "a");
    expect(watched.seen()).toEqual([]);
    expect(api.core.watches).toEqual([]);
  });

  test("a closed watch leaves neither a timer nor a listener behind", () => {
    const api = new Api();
    const timers = api.clock.pendingTimers;
    const watched = api.watch(`${LEASES}?allowWatchBookmarks=true`);
    expect(api.clock.pendingTimers).toBeGreaterThan(timers);
    watched.watch.close();
    expect(api.clock.pendingTimers).toBe(timers);
    expect(api.core.watches).toEqual([]);
    api.made(LEASES, "a");
    expect(watched.seen()).toEqual([]);
  });

  test("a held watch delivers nothing until it is resumed, then everything in order", () => {
    const api = new Api();
    const watched = api.watch(LEASES);
    watched.watch.hold();
    api.made(LEASES, "a");
    api.made(LEASES, "b");
    expect(watched.seen()).toEqual([]);
    watched.watch.resume();
    api.made(LEASES, "c");
    expect(watched.seen().map((line) => line.split("@")[0])).toEqual(["ADDED a", "ADDED b", "ADDED c"]);
  });
});
