import { describe, expect, it } from "vitest";
import type { GuardedClient } from "../../../src/reconcile/client-contract.ts";
import { a, matching, open } from "./client-world.ts";
import { NODES } from "./key-world.ts";

describe("what would address something else is refused by name", () => {
  it.each<[string, (client: GuardedClient) => Promise<unknown>, RegExp]>([
    [
      "an empty name, which would delete a whole collection",
      (client) => client.delete({ metadata: { ...a.metadata, name: "" } }),
      /delete of configmaps "".*name/,
    ],
    ["a name that is a path", (client) => client.get({ namespace: "default", name: "a/status" }), /name/],
    ["no namespace for a namespaced object", (client) => client.get({ name: "a" }), /needs a namespace/],
    [
      "an empty namespace for a namespaced object",
      (client) => client.update({ metadata: { ...a.metadata, namespace: "" } }),
      /needs a namespace/,
    ],
    [
      "a namespace for a cluster-scoped object",
      (client) => client.get({ resource: "nodes", namespace: "default", name: "node-1" }),
      /cluster-scoped/,
    ],
    [
      "an object of another kind",
      (client) => client.create({ apiVersion: "v1", kind: "Secret", metadata: { namespace: "default", name: "a" } }),
      /Secret of v1.*resource/,
    ],
    [
      "an object of another group",
      (client) =>
        client.create({
          apiVersion: "shop.example/v1",
          kind: "ConfigMap",
          metadata: { namespace: "default", name: "a" },
        }),
      /shop.example/,
    ],
    [
      "metadata sent as the whole object",
      (client) => client.update({ ...a, apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadata" }),
      /metadataOnly/,
    ],
    [
      "no name and no generateName",
      (client) => client.create({ metadata: { namespace: "default", name: "" } }),
      /name/,
    ],
  ])("%s", async (_fear, call, message) => {
    const { api, client } = open();
    await expect(call(client)).rejects.toMatchObject({ code: "misuse", message: matching(message) });
    expect(api.calls).toEqual([]);
  });

  it("but metadata alone suffices to delete, and generateName to create", async () => {
    const { api, client } = open();
    await client.delete({ ...a, apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadata" });
    await client.create({ metadata: { namespace: "default", name: "", generateName: "a-" } });
    expect(api.calls.map((call) => call.verb)).toEqual(["delete", "create"]);
  });

  it("and the empty namespace of a request for a cluster-scoped object is none", async () => {
    const { api, client } = open({ resource: NODES });
    await client.get({ namespace: "", name: "node-1" });
    await client.list({ namespace: "" });
    expect(api.calls.map((call) => call.arguments)).toEqual([["", "node-1"], [{}]]);
  });
});

describe("other resources", () => {
  it("are discovered once per name, and the reconciled one never, whatever it is called", async () => {
    const { api, client } = open();
    for (const resource of ["configmaps", "configmaps/v1"])
      await client.get({ resource, namespace: "default", name: "a" });
    for (let i = 0; i < 3; i++) await client.get({ resource: "deployments.apps", namespace: "default", name: "a" });
    expect(api.discovered).toEqual(["deployments.apps"]);
    expect(api.calls.map((call) => call.resource)).toEqual([
      "configmaps",
      "configmaps",
      "deployments",
      "deployments",
      "deployments",
    ]);
  });

  it("a discovery that failed is tried again at the next call", async () => {
    const { api, client } = open();
    api.discoveryFails = true;
    await expect(client.get({ resource: "deployments.apps", namespace: "default", name: "a" })).rejects.toMatchObject({
      code: "unreachable",
    });
    api.discoveryFails = false;
    await client.get({ resource: "deployments.apps", namespace: "default", name: "a" });
    expect(api.discovered).toHaveLength(2);
  });
});
