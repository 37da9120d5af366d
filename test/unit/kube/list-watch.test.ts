import { describe, expect, it } from "vitest";
import { ListWatch } from "../../../src/kube/list-watch.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { CONFIG_MAPS, feed } from "./feed.ts";
import { bookmark, event, inBandError, list, ScriptedTransport, status } from "./scripted-transport.ts";

describe("the ordinary course", () => {
  it("lists all pages as one snapshot, then watches from the list's resourceVersion with bookmarks and selectors", async () => {
    const made = await feed({ pageSize: 2 }, (transport) => {
      transport.answers = [list("10", ["a", "b"], "more"), list("10", ["c"])];
    });
    expect(made.said).toEqual(["snapshot@10[a,b,c]"]);
    expect(made.transport.requests.map(({ path, query }) => [path, query])).toEqual([
      ["/api/v1/namespaces/default/configmaps", { labelSelector: "app in (a,b)", limit: "2" }],
      ["/api/v1/namespaces/default/configmaps", { labelSelector: "app in (a,b)", limit: "2", continue: "more" }],
    ]);
    expect(made.transport.watch.request.query).toEqual({
      labelSelector: "app in (a,b)",
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: "10",
      timeoutSeconds: "300",
    });
  });

  it("passes changes on in order, and gives listed items the kind that they lack", async () => {
    const made = await feed({}, (transport) => {
      transport.answers = [list("10", ["a"])];
    });
    await made.say(
      event("ADDED", "b", "11"),
      event("MODIFIED", "a", "12"),
      bookmark("15"),
      event("DELETED", "b", "16"),
    );
    expect(made.said).toEqual(["snapshot@10[a]", "changed b@11", "changed a@12", "bookmark@15", "deleted b@16"]);
    expect(made.events[0]).toMatchObject({ objects: [{ apiVersion: "v1", kind: "ConfigMap" }] });
  });

  it("lists although only watching is allowed, or begins a watch in the middle", async () => {
    const made = await feed({ watchOnly: true });
    await made.say(event("ADDED", "b", "11"), event("ADDED", "a", "7"), event("MODIFIED", "a", "12"));
    made.transport.watch.cut();
    await made.clock.advance(1_000);
    await made.say(inBandError(410, "Expired"));
    await made.clock.advance(1_000);
    await made.say(event("ADDED", "c", "20"));
    expect(made.said).toEqual(["changed b@11", "changed a@7", "changed a@12", "changed c@20"]);
    expect(made.transport.lists).toBe(0);
    expect(made.transport.watches.map(({ request }) => request.query?.["resourceVersion"])).toEqual([
      undefined,
      "12",
      undefined,
    ]);
  });

  it("asks for metadata alone on the list and on the watch where that is enough", async () => {
    const made = await feed({ metadataOnly: true });
    expect(made.transport.requests[0]?.accept).toContain("as=PartialObjectMetadataList");
    expect(made.transport.watch.request.accept).toContain("as=PartialObjectMetadata;");
  });

  it("applies the transform to listed, changed and deleted objects alike", async () => {
    const made = await feed(
      { transform: (object) => ({ ...object, metadata: { ...object.metadata, name: `~${object.metadata.name}` } }) },
      (transport) => {
        transport.answers = [list("1", ["a"])];
      },
    );
    await made.say(event("MODIFIED", "a", "2"), event("DELETED", "a", "3"));
    expect(made.said).toEqual(["snapshot@1[~a]", "changed ~a@2", "deleted ~a@3"]);
  });

  it("does not read ahead of a consumer that is slow", async () => {
    const clock = new VirtualClock();
    const transport = new ScriptedTransport();
    const stop = new AbortController();
    const listWatch = new ListWatch({ transport, resource: CONFIG_MAPS, clock });
    const events = listWatch.events(stop.signal);
    await events.next();
    const first = events.next();
    await clock.advance(0);
    transport.watch.say(event("ADDED", "a", "2"), event("ADDED", "b", "3"), event("ADDED", "c", "4"));
    await first;
    const before = transport.watch.pulls;
    // A slow consumer is not a silent server: the watch must not be cut however long it takes.
    await clock.advance(1_000_000);
    expect(transport.watch.pulls).toBe(before);
    expect(transport.watch.open).toBe(true);
    expect(await events.next()).toMatchObject({ value: { object: { metadata: { name: "b" } } } });
    await events.return();
    expect(transport.openWatches).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("resuming", () => {
  it("resumes at once from the newest resourceVersion after a clean end, without a list", async () => {
    const made = await feed();
    await made.say(event("ADDED", "a", "5"), bookmark("9"));
    made.transport.watch.end();
    await made.clock.advance(0);
    expect(made.resumedFrom).toEqual(["1", "9"]);
    expect(made.transport.lists).toBe(1);
    expect(made.troubles).toEqual([]);
  });

  it("resumes at once from the newest resourceVersion after a cut line, so that no change is lost", async () => {
    const made = await feed();
    await made.say(event("ADDED", "a", "5"));
    made.transport.watch.cut();
    await made.clock.advance(0);
    expect(made.resumedFrom).toEqual(["1", "5"]);
    await made.say(event("ADDED", "b", "6"));
    expect(made.said).toEqual(["snapshot@1[]", "changed a@5", "changed b@6"]);
  });

  it("never moves its position back when an older event comes late, and compares versions beyond 2^53", async () => {
    const made = await feed();
    await made.say(event("ADDED", "a", "9007199254740993"), event("ADDED", "b", "9007199254740992"));
    made.transport.watch.end();
    await made.clock.advance(0);
    expect(made.resumedFrom.at(-1)).toBe("9007199254740993");
    expect(made.said).toContain("changed b@9007199254740992");
  });

  it("resumes after a line that was cut in the middle, instead of losing that change", async () => {
    const made = await feed();
    await made.say(event("ADDED", "a", "5"), JSON.stringify(event("ADDED", "b", "6")).slice(0, 40));
    expect(made.codes).toEqual(["malformed-answer"]);
    await made.clock.advance(1_000);
    expect(made.resumedFrom).toEqual(["1", "5"]);
    await made.say(event("ADDED", "b", "6"));
    expect(made.said.at(-1)).toBe("changed b@6");
  });

  it("cuts a half-open connection after the limit on silence and resumes on a new one", async () => {
    const made = await feed({ idleLimitMs: 10_000 });
    await made.say(event("ADDED", "a", "5"));
    await made.clock.advance(9_999);
    expect(made.transport.watches).toHaveLength(1);
    await made.clock.advance(1);
    expect(made.resumedFrom).toEqual(["1", "5"]);
    expect(made.transport.openWatches).toBe(1);
  });

  it("counts silence from the last bytes, not from the start of the watch", async () => {
    const made = await feed({ idleLimitMs: 10_000 });
    for (let version = 2; version < 8; version++) {
      await made.clock.advance(9_000);
      await made.say(bookmark(String(version)));
    }
    expect(made.transport.watches).toHaveLength(1);
  });

  it("lists again when two watches in a row stayed silent: the server may have forgotten our position", async () => {
    const made = await feed({ idleLimitMs: 10_000 });
    await made.clock.advance(20_000);
    expect(made.transport.lists).toBe(2);
    expect(made.said).toEqual(["snapshot@1[]", "snapshot@1[]"]);
  });

  it("backs off from a server that ends every watch at once", async () => {
    const made = await feed();
    for (let round = 0; round < 50; round++) {
      if (made.transport.openWatches > 0) made.transport.watch.end();
      await made.clock.advance(20);
    }
    expect(made.transport.watches.length).toBeLessThan(6);
    expect(made.codes).toContain("unreachable");
    expect(made.transport.lists).toBe(1);
  });
});

describe("a position that is lost", () => {
  it("lists again at once and says so by a snapshot when the watch is answered with 410", async () => {
    const made = await feed({}, (transport) => {
      transport.answers = [list("10", ["a"]), list("90", ["b"])];
      transport.refusals = [status(410, "Expired")];
    });
    expect(made.said).toEqual(["snapshot@10[a]", "snapshot@90[b]"]);
    expect(made.resumedFrom).toEqual(["90"]);
  });

  it("lists again at once after an ERROR event 410 in a watch that was healthy", async () => {
    const made = await feed({}, (transport) => {
      transport.answers = [list("10"), list("90", ["b"])];
    });
    await made.say(event("ADDED", "a", "11"), inBandError(410, "Expired"));
    expect(made.said).toEqual(["snapshot@10[]", "changed a@11", "snapshot@90[b]"]);
  });

  it("does not list in a tight loop when every watch is answered with 410", async () => {
    const made = await feed({}, (transport) => {
      transport.refusals = Array.from({ length: 1_000 }, () => status(410, "Gone"));
    });
    await made.clock.advance(60_000);
    expect(made.transport.lists).toBeLessThan(10);
    expect(made.transport.lists).toBeGreaterThan(3);
    expect(made.troubles.at(-1)?.attempt).toBe(made.troubles.length);
  });

  it("does not list in a tight loop when every watch ends with an ERROR event 410", async () => {
    const made = await feed();
    for (let round = 0; round < 600; round++) {
      if (made.transport.openWatches > 0) made.transport.watch.say(inBandError(410, "Expired"));
      await made.clock.advance(100);
    }
    expect(made.transport.lists).toBeLessThan(10);
  });

  it("lists again when the server does not know a resourceVersion so new: it was restored", async () => {
    const made = await feed({}, (transport) => {
      transport.answers = [list("900"), list("20")];
      transport.refusals = [status(504, "Timeout", "Too large resource version: 900, current: 20")];
    });
    expect(made.said).toEqual(["snapshot@900[]", "snapshot@20[]"]);
    expect(made.resumedFrom).toEqual(["20"]);
  });

  it("lists again when a bookmark goes back: it was restored", async () => {
    const made = await feed({}, (transport) => {
      transport.answers = [list("900"), list("20")];
    });
    await made.say(bookmark("20"));
    expect(made.said).toEqual(["snapshot@900[]", "snapshot@20[]"]);
    expect(made.codes).toEqual(["gone"]);
  });

  it("gives up a position from which only errors come after three tries", async () => {
    const made = await feed();
    for (let round = 0; round < 3; round++) {
      await made.say(inBandError(500, "InternalError"));
      await made.clock.advance(5_000);
    }
    expect(made.transport.lists).toBe(2);
  });
});
