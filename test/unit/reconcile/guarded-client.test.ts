import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../src/kube/api.ts";
import type { GuardedClient } from "../../../src/reconcile/client-contract.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { a, containing, open, WRITES } from "./client-world.ts";
import { object } from "./key-world.ts";

describe("a write of a term that has ended never reaches the API server", () => {
  it.each(WRITES)("%s is refused when the gate is closed, although nothing was aborted yet", async (_verb, write) => {
    const { api, gate, client } = open();
    gate.open = false;
    await expect(write(client)).rejects.toMatchObject({ code: "gate-closed" });
    expect(api.calls).toEqual([]);
  });

  it.each(WRITES)("%s is refused after the term's signal, although the gate is open", async (_verb, write) => {
    const { api, abort, client } = open();
    abort.abort();
    await expect(write(client)).rejects.toMatchObject({ code: "gate-closed" });
    expect(api.calls).toEqual([]);
  });

  it.each(WRITES)("%s compares the gate each time, not once", async (verb, write) => {
    const { api, gate, client } = open();
    await write(client);
    await write(client);
    expect(gate.comparisons).toBe(2);
    gate.open = false;
    await expect(write(client)).rejects.toMatchObject({ code: "gate-closed" });
    expect(api.calls.map((call) => call.verb)).toEqual([verb, verb]);
  });

  it("the gate is compared after the resource was discovered, which takes time", async () => {
    const { api, gate, client } = open();
    api.beforeDiscovered = () => {
      gate.open = false;
    };
    await expect(client.create(object("a", ""), { resource: "deployments.apps" })).rejects.toMatchObject({
      code: "gate-closed",
    });
    expect(api.calls).toEqual([]);
  });

  it.each(WRITES)(
    "%s in flight is given up when the term's signal aborts, as gate-closed, and is not sent again",
    async (_verb, write) => {
      const { api, abort, client } = open();
      api.answer = () => new Promise(() => {});
      const written = write(client);
      await new Promise((resolve) => setImmediate(resolve));
      expect(api.calls).toHaveLength(1);
      abort.abort(new Error("term ended"));
      await expect(written).rejects.toMatchObject({ code: "gate-closed", message: containing("unknown") });
      expect(api.calls).toHaveLength(1);
    },
  );

  it.each(["conflict", "timeout", "unreachable", "server-error", "too-many-requests"] as const)(
    "a write that failed with %s is told as it is and never retried",
    async (code) => {
      const { api, client } = open();
      api.answer = () => Promise.reject(new ElectorateError(code, "told by the server"));
      await expect(client.update(a)).rejects.toMatchObject({ code, message: "told by the server" });
      expect(api.calls).toHaveLength(1);
    },
  );
});

describe("no write outlives the gate by more than the quiesce time", () => {
  it.each(WRITES)("%s has a deadline of what is left of the gate and Q", async (_verb, write) => {
    const { api, gate, client } = open();
    gate.remaining = 500;
    await write(client);
    expect(api.calls[0]?.options.deadlineMs).toBe(2_500);
    expect(api.calls[0]?.options.signal).toBeDefined();
  });

  it("nor waits longer than the ordinary deadline when the gate is far away", async () => {
    const { api, gate, client } = open({ requestDeadlineMs: 1_234 });
    gate.remaining = Number.POSITIVE_INFINITY;
    await client.update(a);
    expect(api.calls[0]?.options.deadlineMs).toBe(1_234);
  });
});

describe("no write lands on an object other than the one that was read", () => {
  it.each<[string, (client: GuardedClient, body: KubernetesObject) => Promise<unknown>]>([
    ["update", (client, body) => client.update(body)],
    ["updateStatus", (client, body) => client.updateStatus(body)],
    ["delete", (client, body) => client.delete(body)],
    ["patch of an object", (client, body) => client.patch({ namespace: "default", name: "a" }, {}, { of: body })],
  ])("%s without resourceVersion is refused before anything is sent", async (_verb, write) => {
    const { api, client } = open();
    for (const resourceVersion of [undefined, ""]) {
      const { resourceVersion: _, ...metadata } = a.metadata;
      const body = { metadata: { ...metadata, ...(resourceVersion !== undefined && { resourceVersion }) } };
      await expect(write(client, body)).rejects.toMatchObject({
        code: "misuse",
        message: containing("resourceVersion"),
      });
    }
    expect(api.calls).toEqual([]);
  });

  it("update sends the object's own version and uid, and the type that items of a list lack", async () => {
    const { api, client } = open();
    await client.update({ ...a, data: { x: "1" } });
    expect(api.calls[0]?.arguments).toEqual([{ ...a, apiVersion: "v1", kind: "ConfigMap", data: { x: "1" } }]);
  });

  it("update of an object without uid gets the one that the cache knows for that very version, and only then", async () => {
    const { api, known, client } = open();
    known.set("default/a", a);
    const { uid: _, ...metadata } = a.metadata;
    await client.update({ metadata });
    await client.update({ metadata: { ...metadata, resourceVersion: "6" } });
    expect(api.calls.map((call) => call.arguments)).toEqual([
      [expect.objectContaining({ metadata: a.metadata })],
      [expect.objectContaining({ metadata: { ...metadata, resourceVersion: "6" } })],
    ]);
  });

  it("delete sends uid and resourceVersion as preconditions, and is refused where no uid is known", async () => {
    const { api, client } = open();
    await client.delete(a);
    expect(api.calls[0]?.arguments).toEqual(["default", "a", { uid: "uid-of-a", resourceVersion: "7" }]);
    const { uid: _, ...metadata } = a.metadata;
    await expect(client.delete({ metadata })).rejects.toMatchObject({
      code: "misuse",
      message: containing("uid"),
    });
    expect(api.calls).toHaveLength(1);
  });

  it("patch of an object carries its version and uid beside what it changes", async () => {
    const { api, client } = open();
    await client.patch(
      { namespace: "default", name: "a" },
      { metadata: { labels: { x: "1" } }, data: { y: "2" } },
      { of: a },
    );
    expect(api.calls[0]?.arguments).toEqual([
      "default",
      "a",
      { metadata: { resourceVersion: "7", uid: "uid-of-a", labels: { x: "1" } }, data: { y: "2" } },
    ]);
  });

  it("a version written into the patch itself wins", async () => {
    const { api, client } = open();
    await client.patch({ namespace: "default", name: "a" }, { metadata: { resourceVersion: "8" } }, { of: a });
    expect(api.calls[0]?.arguments[2]).toEqual({ metadata: { resourceVersion: "8", uid: "uid-of-a" } });
  });

  it("patch without any version is bound at least to the uid that the cache knows, so that it misses a later object of that name", async () => {
    const { api, known, client } = open();
    known.set("default/a", a);
    await client.patch({ namespace: "default", name: "a" }, { data: { y: "2" } });
    await client.patch({ namespace: "default", name: "unknown" }, { data: { y: "2" } });
    await client.patch({ resource: "deployments.apps", namespace: "default", name: "a" }, { spec: {} });
    expect(api.calls.map((call) => call.arguments[2])).toEqual([
      { data: { y: "2" }, metadata: { uid: "uid-of-a" } },
      { data: { y: "2" }, metadata: {} },
      { spec: {}, metadata: {} },
    ]);
  });

  it("patch of another object than the one it was computed from is refused", async () => {
    const { api, client } = open();
    for (const reference of [
      { namespace: "default", name: "b" },
      { namespace: "other", name: "a" },
    ]) {
      await expect(client.patch(reference, {}, { of: a })).rejects.toMatchObject({ code: "misuse" });
    }
    await expect(client.patch({ namespace: "default", name: "a" }, { metadata: "text" })).rejects.toMatchObject({
      code: "misuse",
    });
    expect(api.calls).toEqual([]);
  });
});

describe("reads", () => {
  it("work when the gate is closed and after the signal: they harm nobody", async () => {
    const { api, gate, abort, client } = open();
    gate.open = false;
    await client.get({ namespace: "default", name: "a" });
    abort.abort();
    await client.get({ namespace: "default", name: "a" });
    expect(await client.list({ namespace: "default", labelSelector: "app=shop" })).toEqual([object("answer", "99")]);
    expect(api.calls[2]?.arguments).toEqual([{ namespace: "default", labelSelector: "app=shop" }]);
    expect(gate.comparisons).toBe(0);
  });

  it("one that hangs does not keep its handler alive after the term's signal", async () => {
    const { api, abort, client } = open();
    api.answer = () => new Promise(() => {});
    const read = client.get({ namespace: "default", name: "a" });
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await expect(read).rejects.toMatchObject({ code: "aborted" });
  });
});
