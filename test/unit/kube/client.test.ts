import { describe, expect, it } from "vitest";
import { type ApiResource, type KubernetesObject, LEASES } from "../../../src/kube/api.ts";
import { KubeClient, type KubeClientOptions } from "../../../src/kube/client.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { type Answered, list, ScriptedTransport, status } from "./scripted-transport.ts";

const NODES: ApiResource = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };
const CONFIG_MAPS: ApiResource = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};

function clientOf(answers: Answered[], options: KubeClientOptions = {}) {
  const transport = new ScriptedTransport();
  transport.answers = answers;
  const clock = new VirtualClock();
  const client = new KubeClient(transport, { clock, randomness: { next: () => 0, uuid: () => "" }, ...options });
  return { client, transport, clock };
}

function lease(name = "a"): KubernetesObject {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace: "ns", resourceVersion: "5" },
  };
}

const json = (value: unknown): Answered => ({ body: JSON.stringify(value) });

describe("a call", () => {
  it("goes to the path of its resource with the right verb, body and content type", async () => {
    const { client, transport } = clientOf([json(lease())]);
    await client.get(LEASES, "ns", "a");
    await client.create(LEASES, lease());
    await client.update(LEASES, lease());
    await client.updateStatus(LEASES, lease());
    await client.patch(LEASES, "ns", "a", { metadata: { labels: { x: null } } });
    await client.delete(LEASES, "ns", "a", { uid: "u", resourceVersion: "5" });
    const base = "/apis/coordination.k8s.io/v1/namespaces/ns/leases";
    expect(transport.requests.map(({ method, path, contentType }) => [method, path, contentType])).toEqual([
      ["GET", `${base}/a`, undefined],
      ["POST", base, undefined],
      ["PUT", `${base}/a`, undefined],
      ["PUT", `${base}/a/status`, undefined],
      ["PATCH", `${base}/a`, "application/merge-patch+json"],
      ["DELETE", `${base}/a`, undefined],
    ]);
    expect(JSON.parse(transport.requests[4]?.body ?? "")).toEqual({ metadata: { labels: { x: null } } });
    expect(JSON.parse(transport.requests[5]?.body ?? "")).toEqual({
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions: { uid: "u", resourceVersion: "5" },
    });
    expect(transport.requests.every(({ deadlineMs }) => deadlineMs === 30_000)).toBe(true);
  });

  it("sends a patch of one kind as one of another, or to the wrong part of the object", async () => {
    const { client, transport } = clientOf([json(lease())]);
    const operations = [{ op: "remove", path: "/spec" }];
    await client.patch(LEASES, "ns", "a", operations, { kind: "json" });
    await client.patch(LEASES, "ns", "a", {}, { kind: "strategic", subresource: "status" });
    await client.patch(LEASES, "ns", "a", lease(), { kind: "apply", fieldManager: "shop", force: true });
    await client.patch(LEASES, "ns", "a", lease(), { kind: "apply", fieldManager: "shop", force: false });
    await client.delete(LEASES, "ns", "a", { uid: "u" }, { propagationPolicy: "Orphan" });
    const path = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/a";
    expect(transport.requests.slice(0, 4)).toMatchObject([
      { path, contentType: "application/json-patch+json", body: JSON.stringify(operations) },
      { path: `${path}/status`, contentType: "application/strategic-merge-patch+json" },
      { path, contentType: "application/apply-patch+yaml", query: { fieldManager: "shop", force: "true" } },
      { path, contentType: "application/apply-patch+yaml", query: { fieldManager: "shop" } },
    ]);
    expect(transport.requests[3]?.query).not.toHaveProperty("force");
    expect(JSON.parse(transport.requests[4]?.body ?? "")).toMatchObject({
      preconditions: { uid: "u" },
      propagationPolicy: "Orphan",
    });
  });

  it("leaves the namespace out for a cluster-scoped resource, whatever the caller gives", async () => {
    const { client, transport } = clientOf([json({ kind: "Node", metadata: { name: "n" } })]);
    await client.get(NODES, "ns", "n");
    expect(transport.requests[0]?.path).toBe("/api/v1/nodes/n");
  });

  it("escapes every part of its path, so that a name cannot reach another resource", async () => {
    const { client, transport } = clientOf([json(lease())]);
    await client.get(LEASES, "ns", "a/../../pods?x#y%");
    expect(transport.requests[0]?.path).toBe(
      "/apis/coordination.k8s.io/v1/namespaces/ns/leases/a%2F..%2F..%2Fpods%3Fx%23y%25",
    );
  });

  it("is refused without sending anything when its name is empty: a DELETE would take the whole collection", async () => {
    const { client, transport } = clientOf([json(lease())]);
    for (const name of ["", ".", ".."]) {
      await expect(client.delete(LEASES, "ns", name, {})).rejects.toMatchObject({ code: "misuse" });
    }
    await expect(client.get(LEASES, undefined, "a")).rejects.toMatchObject({ code: "misuse" });
    await expect(client.create(LEASES, { metadata: { name: "a" } })).rejects.toMatchObject({ code: "misuse" });
    expect(transport.requests).toEqual([]);
  });

  it("has the deadline and the signal of its caller", async () => {
    const { client, transport } = clientOf([json(lease())]);
    const { signal } = new AbortController();
    await client.get(LEASES, "ns", "a", { deadlineMs: 700, signal });
    expect(transport.requests[0]).toMatchObject({ deadlineMs: 700, signal });
  });
});

describe("an answer that is no success", () => {
  it.each([
    [400, "BadRequest", "invalid-request"],
    [401, "Unauthorized", "unauthorized"],
    [403, "Forbidden", "forbidden"],
    [404, "NotFound", "not-found"],
    [409, "AlreadyExists", "conflict"],
    [410, "Gone", "gone"],
    [422, "Invalid", "invalid-request"],
    [429, "TooManyRequests", "too-many-requests"],
    [500, "InternalError", "server-error"],
    [503, "ServiceUnavailable", "server-error"],
    [301, "", "server-error"],
  ])("%i %s is thrown as %3$s, with status and reason", async (code, reason, ours) => {
    const { client } = clientOf([status(code, reason, "told why")]);
    const failure = client.get(LEASES, "ns", "a");
    await expect(failure).rejects.toMatchObject({
      code: ours,
      status: code,
      reason: reason === "" ? undefined : reason,
    });
    await expect(failure).rejects.toThrow(`GET /apis/coordination.k8s.io/v1/namespaces/ns/leases/a: ${code}`);
    await expect(failure).rejects.toThrow("told why");
  });

  it("never puts an HTML page or a whole body into a message", async () => {
    const page = clientOf([
      { status: 502, headers: { "content-type": "text/html" }, body: "<html>bad gateway</html>" },
    ]);
    const failure: unknown = await page.client.get(LEASES, "ns", "a").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "server-error", status: 502 });
    expect(String(failure)).not.toContain("html");
    const long = clientOf([status(422, "Invalid", "x".repeat(100_000))]);
    const other: unknown = await long.client.get(LEASES, "ns", "a").catch((error: unknown) => error);
    expect(String(other).length).toBeLessThan(700);
  });

  it("without a body is still told apart by its status", async () => {
    const { client } = clientOf([{ status: 401, body: "" }]);
    await expect(client.get(LEASES, "ns", "a")).rejects.toMatchObject({ code: "unauthorized", status: 401 });
  });

  it.each([
    ["3", 3_000],
    ["Thu, 01 Jan 2026 00:00:10 GMT", 9_000],
    ["Wed, 31 Dec 2025 00:00:00 GMT", 0],
    ["soon", undefined],
    ["-1", undefined],
  ])("says how long to wait when Retry-After is %s", async (header, expected) => {
    const { client, clock } = clientOf([status(429, "TooManyRequests", "", { "retry-after": header })]);
    await clock.advance(1_000);
    await expect(client.get(LEASES, "ns", "a")).rejects.toMatchObject({ retryAfterMs: expected });
  });

  it.each([
    ["not JSON", { body: "<html>" }],
    ["empty", { body: "" }],
    ["of another kind", json({ kind: "Status", metadata: { name: "a" } })],
    ["without metadata", json({ kind: "Lease" })],
    ["null", json(null)],
  ])("that is a success but %s is malformed, not an object", async (_, answer) => {
    await expect(clientOf([answer]).client.get(LEASES, "ns", "a")).rejects.toMatchObject({ code: "malformed-answer" });
  });
});

describe("a list", () => {
  it("gathers all pages, and has the resourceVersion of the moment of the first", async () => {
    const { client, transport } = clientOf([
      list("7", ["a", "b"], "t1"),
      list("7", ["c", "d"], "t2"),
      list("7", ["e"]),
    ]);
    const { objects, resourceVersion } = await client.list(CONFIG_MAPS, { namespace: "default", labelSelector: "x=y" });
    expect(objects.map(({ metadata }) => metadata.name).join("")).toBe("abcde");
    expect(objects[4]).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
    expect(resourceVersion).toBe("7");
    expect(transport.requests.map(({ query }) => query)).toEqual([
      { labelSelector: "x=y", limit: "500" },
      { labelSelector: "x=y", limit: "500", continue: "t1" },
      { labelSelector: "x=y", limit: "500", continue: "t2" },
    ]);
  });

  it("begins again, in one piece, when its continue token expires, and never mixes two moments", async () => {
    const { client, transport } = clientOf([list("7", ["old"], "t1"), status(410, "Expired"), list("9", ["a", "b"])]);
    const { objects, resourceVersion } = await client.list(CONFIG_MAPS, {});
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
    expect(resourceVersion).toBe("9");
    expect(transport.requests[2]?.query).toEqual({});
  });

  it("does not begin again for ever", async () => {
    const { client, transport } = clientOf([
      list("7", [], "t1"),
      status(410, "Expired"),
      list("9", [], "t2"),
      status(410, "Expired"),
    ]);
    await expect(client.list(CONFIG_MAPS, {})).rejects.toMatchObject({ code: "gone" });
    expect(transport.lists).toBe(4);
  });

  it("is not begun again when its first page is refused: that page was of no older moment", async () => {
    const { client, transport } = clientOf([status(410, "Gone")]);
    await expect(client.list(CONFIG_MAPS, {})).rejects.toMatchObject({ code: "gone" });
    expect(transport.lists).toBe(1);
  });

  it("does not follow a continue token that leads to itself for ever", async () => {
    const { client } = clientOf([list("7", ["a"], "same")]);
    await expect(client.list(CONFIG_MAPS, {})).rejects.toMatchObject({ code: "malformed-answer" });
  });

  it("takes items: null, Go's empty list, for an empty list", async () => {
    const { client } = clientOf([
      json({ kind: "ConfigMapList", apiVersion: "v1", metadata: { resourceVersion: "3" }, items: null }),
    ]);
    expect(await client.list(CONFIG_MAPS, {})).toEqual({ objects: [], resourceVersion: "3" });
  });

  it.each([
    ["an object", json(lease())],
    ["a list without resourceVersion", json({ kind: "ConfigMapList", metadata: {}, items: [] })],
    [
      "a list with an item that is none",
      json({ kind: "ConfigMapList", metadata: { resourceVersion: "1" }, items: [{}] }),
    ],
  ])("that is answered with %s is malformed", async (_, answer) => {
    await expect(clientOf([answer]).client.list(CONFIG_MAPS, {})).rejects.toMatchObject({ code: "malformed-answer" });
  });
});

describe("patience", () => {
  const down = new ElectorateError("unreachable", "down");

  it("is not there unless asked for: nothing is sent twice", async () => {
    const { client, transport } = clientOf([down, json(lease())]);
    await expect(client.get(LEASES, "ns", "a")).rejects.toBe(down);
    expect(transport.requests).toHaveLength(1);
  });

  it("sends a read again, with what is left of the deadline", async () => {
    const { client, transport, clock } = clientOf([down, status(503, "ServiceUnavailable"), json(lease())], {
      patience: { reads: 2 },
    });
    const answer = client.get(LEASES, "ns", "a", { deadlineMs: 5_000 });
    await clock.advance(5_000);
    expect((await answer).metadata.name).toBe("a");
    expect(transport.requests.map(({ deadlineMs }) => deadlineMs)).toEqual([5_000, 4_800, 4_400]);
  });

  it("never sends a write again after an unknown outcome", async () => {
    const { client, transport } = clientOf([down, json(lease())], { patience: { reads: 5, throttled: 5 } });
    await expect(client.update(LEASES, lease())).rejects.toBe(down);
    expect(transport.requests).toHaveLength(1);
  });

  it("sends a write again after a 429 with Retry-After, which was refused unread, where asked to", async () => {
    const throttled = status(429, "TooManyRequests", "", { "retry-after": "2" });
    const { client, transport, clock } = clientOf([throttled, json(lease())], { patience: { throttled: 1 } });
    const answer = client.update(LEASES, lease());
    await clock.advance(1_999);
    expect(transport.requests).toHaveLength(1);
    await clock.advance(1);
    await answer;
    const without = clientOf([status(429, "TooManyRequests")], { patience: { throttled: 3 } });
    await expect(without.client.update(LEASES, lease())).rejects.toMatchObject({ code: "too-many-requests" });
    expect(without.transport.requests).toHaveLength(1);
  });

  it("does not wait past the deadline, nor past an abort", async () => {
    const throttled = status(429, "TooManyRequests", "", { "retry-after": "60" });
    const { client } = clientOf([throttled], { patience: { throttled: 1 } });
    await expect(client.get(LEASES, "ns", "a", { deadlineMs: 1_000 })).rejects.toMatchObject({ retryAfterMs: 60_000 });
    const caller = new AbortController();
    const other = clientOf([throttled], { patience: { throttled: 1 } });
    const failure = other.client
      .get(LEASES, "ns", "a", { deadlineMs: 90_000, signal: caller.signal })
      .catch((error: unknown) => error);
    await other.clock.advance(10);
    caller.abort();
    expect(await failure).toMatchObject({ code: "aborted" });
    expect(other.clock.pendingTimers).toBe(0);
  });
});
