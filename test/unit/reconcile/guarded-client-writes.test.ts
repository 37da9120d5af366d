import { describe, expect, it } from "vitest";
import type { GuardedClient } from "../../../src/reconcile/client-contract.ts";
import { a, matching, open } from "./client-world.ts";
import { object } from "./key-world.ts";

const reference = { namespace: "default", name: "a" };
const remove = { op: "remove", path: "/data/x" };

describe("patches", () => {
  it("a list of operations is not bound to the object that it was computed from", async () => {
    const { api, known, client } = open();
    await client.patch(reference, [remove], { of: a });
    known.set("default/a", a);
    await client.patch(reference, [remove]);
    expect(api.calls.map(({ arguments: given }) => given[2])).toEqual([
      [
        { op: "add", path: "/metadata/resourceVersion", value: "7" },
        { op: "add", path: "/metadata/uid", value: "uid-of-a" },
        remove,
      ],
      [{ op: "add", path: "/metadata/uid", value: "uid-of-a" }, remove],
    ]);
    expect(api.calls[0]?.options).toMatchObject({ kind: "json" });
  });

  it("one of another kind is sent as a merge patch, which loses lists", async () => {
    const { api, client } = open();
    await client.patch(reference, { data: { x: "1" } }, { kind: "strategic", of: a });
    await client.patch(reference, { data: { x: "1" } });
    await client.patchStatus(reference, { status: { ready: true } }, { of: a });
    expect(api.calls.map(({ options }) => options)).toMatchObject([
      { kind: "strategic" },
      { kind: "merge" },
      { kind: "merge", subresource: "status" },
    ]);
    expect(api.calls[2]?.arguments).toEqual([
      "default",
      "a",
      { metadata: { resourceVersion: "7", uid: "uid-of-a" }, status: { ready: true } },
    ]);
  });

  it.each<[string, (client: GuardedClient) => Promise<unknown>, RegExp]>([
    ["operations as another kind", (client) => client.patch(reference, [remove], { kind: "merge" }), /kind: "json"/],
    [
      "an object as operations",
      (client) => client.patch(reference, { data: {} }, { kind: "json" }),
      /list of operations/,
    ],
  ])("%s are a puzzling 400", async (_fear, patch, message) => {
    const { api, client } = open();
    await expect(patch(client)).rejects.toMatchObject({ code: "misuse", message: matching(message) });
    expect(api.calls).toEqual([]);
  });
});

describe("server-side apply", () => {
  const configuration = { metadata: reference, data: { x: "1" } };

  it("has no owner, or takes fields from others unasked", async () => {
    const { api, client } = open();
    await client.apply(configuration);
    await client.apply(configuration, { fieldManager: "till", force: true });
    await client.applyStatus({ metadata: reference, status: { ready: true } });
    expect(api.calls.map(({ options }) => options)).toMatchObject([
      { kind: "apply", fieldManager: "shop", force: false },
      { kind: "apply", fieldManager: "till", force: true },
      { kind: "apply", fieldManager: "shop", force: false, subresource: "status" },
    ]);
    expect(api.calls[0]?.arguments).toEqual([
      "default",
      "a",
      { apiVersion: "v1", kind: "ConfigMap", metadata: reference, data: { x: "1" } },
    ]);
  });

  it("makes again what was just deleted, or lands on a later object of that name", async () => {
    const { api, known, client } = open();
    known.set("default/a", a);
    await client.apply(configuration);
    await client.apply({ ...configuration, metadata: { ...reference, uid: "given", resourceVersion: "6" } });
    expect(api.calls.map(({ arguments: given }) => given[2])).toMatchObject([
      { metadata: { ...reference, uid: "uid-of-a" } },
      { metadata: { ...reference, uid: "given", resourceVersion: "6" } },
    ]);
  });

  it("of a whole object as it was read owns all of it", async () => {
    const { api, client } = open();
    const read = { ...configuration, metadata: { ...reference, managedFields: [{ manager: "till" }] } };
    await expect(client.apply(read)).rejects.toMatchObject({ code: "misuse", message: matching(/managedFields/) });
    expect(api.calls).toEqual([]);
  });

  it("or a creation forgets whose child it is", async () => {
    const { api, client } = open();
    const controller = { ...a, apiVersion: "v1", kind: "ConfigMap" };
    await client.apply({ metadata: { namespace: "default", name: "b" } }, { controller });
    await client.create({ metadata: { namespace: "default", name: "b" } }, { controller });
    const owned = { metadata: { name: "b", ownerReferences: [{ uid: "uid-of-a", controller: true }] } };
    expect([api.calls[0]?.arguments[2], api.calls[1]?.arguments[0]]).toMatchObject([owned, owned]);
    await expect(client.create({ metadata: { namespace: "web", name: "b" } }, { controller })).rejects.toMatchObject({
      code: "misuse",
    });
    expect(api.calls).toHaveLength(2);
  });
});

describe("deletions", () => {
  it("of whatever version lose the uid, or what becomes of dependents is not said", async () => {
    const { api, client } = open();
    const { resourceVersion: _, ...metadata } = a.metadata;
    await client.delete({ metadata }, { ifUnchanged: false, propagationPolicy: "Foreground" });
    await client.delete(object("a", "7"));
    expect(api.calls.map(({ arguments: given }) => given[2])).toEqual([
      { uid: "uid-of-a" },
      { uid: "uid-of-a", resourceVersion: "7" },
    ]);
    expect(api.calls[0]?.options).toMatchObject({ propagationPolicy: "Foreground" });
    expect(api.calls[1]?.options).not.toHaveProperty("propagationPolicy");
  });
});
