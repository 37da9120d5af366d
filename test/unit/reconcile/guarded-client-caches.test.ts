import { describe, expect, it } from "vitest";
import type { ListQuery } from "../../../src/reconcile/client-contract.ts";
import { setControllerReference } from "../../../src/reconcile/owners.ts";
import type { ReadCache } from "../../../src/reconcile/read-caches.ts";
import { a, open } from "./client-world.ts";
import { object } from "./key-world.ts";

const reference = { namespace: "default", name: "a" };

describe("reads of what is watched", () => {
  it("ask the API server at every reconcile for what this replica knows", async () => {
    const { api, known, client } = open();
    known.set("default/a", a);
    expect(await client.get(reference)).toBe(a);
    expect(await client.list({})).toEqual([a]);
    expect(await client.list({ namespace: "default" })).toEqual([a]);
    expect(await client.list({ namespace: "other" })).toEqual([]);
    expect(api.calls).toEqual([]);
  });

  it("take what the cache lacks for missing, although it was made a moment ago", async () => {
    const { api, client } = open();
    expect(await client.get(reference)).toEqual(object("answer", "99"));
    expect(api.calls.map(({ verb }) => verb)).toEqual(["get"]);
  });

  it("answer by an old state when a fresh one is asked for", async () => {
    const { api, known, client } = open();
    known.set("default/a", a);
    expect(await client.get(reference, { fresh: true })).toEqual(object("answer", "99"));
    expect(await client.list({ fresh: true })).toEqual([object("answer", "99")]);
    expect(api.calls.map(({ arguments: given }) => given)).toEqual([["default", "a"], [{}]]);
  });

  const cold = { synced: false, objectOf: () => a, keysOf: () => ["default/a"] };
  it.each<[string, Partial<ReadCache>, ListQuery]>([
    ["a part of the objects", { labelSelector: "app=shop" }, {}],
    ["other objects", { labelSelector: "app=shop" }, { labelSelector: "app=till" }],
    ["a part of the namespaces", { namespaces: ["default"] }, {}],
    ["metadata alone, or what a transform has left", { isWhole: false }, {}],
    ["what it has of a first list that is not complete", { source: cold }, {}],
  ])("list %s as if that were all that was asked for", async (_fear, cache, query) => {
    const { api, known, client } = open({ cache });
    known.set("default/a", a);
    expect(await client.list(query)).toEqual([object("answer", "99")]);
    expect(api.calls.map(({ verb }) => verb)).toEqual(["list"]);
  });

  it("list from the API server what is watched in just that way", async () => {
    const { api, known, client } = open({ cache: { labelSelector: "app=shop", namespaces: ["default", "web"] } });
    known.set("default/a", a).set("web/b", object("web/b", "8"));
    expect(await client.list({ labelSelector: "app=shop", namespace: "web" })).toEqual([object("web/b", "8")]);
    expect(api.calls).toEqual([]);
  });

  it("take metadata for the object", async () => {
    const { api, known, client } = open({ cache: { isWhole: false } });
    known.set("default/a", a);
    expect(await client.get(reference)).toEqual(object("answer", "99"));
    // Its uid is known all the same.
    await client.patch(reference, { data: { x: "1" } });
    expect(api.calls[1]?.arguments[2]).toEqual({ data: { x: "1" }, metadata: { uid: "uid-of-a" } });
  });

  it("list the children of others, or those of an earlier owner of that name", async () => {
    const { known, client } = open();
    const owner = { ...a, apiVersion: "v1", kind: "ConfigMap" };
    const mine = setControllerReference(owner, object("mine", "8"));
    const theirs = setControllerReference(
      { ...owner, metadata: { ...a.metadata, uid: "earlier" } },
      object("theirs", "9"),
    );
    known.set("default/a", owner).set("default/mine", mine).set("default/theirs", theirs);
    expect(await client.list({ controlledBy: owner })).toEqual([mine]);
  });
});
