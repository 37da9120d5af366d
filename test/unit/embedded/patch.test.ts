import { describe, expect, test } from "vitest";
import { Api, CONFIG_MAPS, LEASES, MERGE } from "./requests.ts";

const JSON_PATCH = "application/json-patch+json";
const STRATEGIC = "application/strategic-merge-patch+json";
const APPLY = "application/apply-patch+yaml";

function withData(data: Record<string, string>, metadata: object = {}): Api {
  const api = new Api();
  api.made(CONFIG_MAPS, "a", { metadata, data });
  return api;
}

describe("merge patch", () => {
  test("null removes, everything else is merged, and a patch that changes nothing has no new version", () => {
    const api = withData({ keep: "1", drop: "2" });
    const patched = api.patch(`${CONFIG_MAPS}/a`, { data: { drop: null, add: "3" } }).body;
    expect(patched.data).toEqual({ keep: "1", add: "3" });
    const again = api.patch(`${CONFIG_MAPS}/a`, { data: { add: "3" } }).body;
    expect(again.metadata.resourceVersion).toBe(patched.metadata.resourceVersion);
  });

  test("a resourceVersion in the patch is a precondition", () => {
    const api = withData({});
    const { resourceVersion } = api.get(`${CONFIG_MAPS}/a`).body.metadata;
    const patch = { metadata: { resourceVersion }, data: { k: "v" } };
    expect(api.patch(`${CONFIG_MAPS}/a`, patch).status).toBe(200);
    expect(api.patch(`${CONFIG_MAPS}/a`, patch)).toMatchObject({ status: 409, body: { reason: "Conflict" } });
  });

  test.each([
    [{ metadata: { uid: "other" } }, 422],
    [{ metadata: { name: "b" } }, 400],
    [{ metadata: { namespace: "kube-system" } }, 400],
    [{ kind: "Lease" }, 422],
    [{ metadata: { labels: { "a b": "c" } } }, 422],
    [[], 400],
    ["nonsense", 400],
  ])("what a patch must not do: %j answers %i", (patch, status) => {
    const api = withData({ k: "v" });
    const before = api.get(`${CONFIG_MAPS}/a`).body;
    expect(api.patch(`${CONFIG_MAPS}/a`, patch).status).toBe(status);
    expect(api.get(`${CONFIG_MAPS}/a`).body).toEqual(before);
  });

  test("another content type is 415, a missing object 404", () => {
    const api = withData({});
    for (const type of ["application/json", "text/plain", ""]) {
      expect(api.patch(`${CONFIG_MAPS}/a`, {}, type)).toMatchObject({
        status: 415,
        body: { reason: "UnsupportedMediaType" },
      });
    }
    expect(api.patch(`${CONFIG_MAPS}/missing`, {}, MERGE).status).toBe(404);
  });
});

describe("JSON patch", () => {
  test("all six operations, with escaped pointers and lists", () => {
    const api = withData({ a: "1", "b.c": "2" }, { finalizers: ["x.io/a", "x.io/c"], annotations: { "x.io/y": "z" } });
    const answer = api.patch(
      `${CONFIG_MAPS}/a`,
      [
        { op: "test", path: "/data/a", value: "1" },
        { op: "replace", path: "/metadata/annotations/x.io~1y", value: "w" },
        { op: "add", path: "/metadata/finalizers/1", value: "x.io/b" },
        { op: "add", path: "/metadata/finalizers/-", value: "x.io/d" },
        { op: "copy", from: "/data/a", path: "/data/copied" },
        { op: "move", from: "/data/b.c", path: "/data/moved" },
        { op: "remove", path: "/data/a" },
      ],
      JSON_PATCH,
    );
    expect(answer.status).toBe(200);
    expect(answer.body.data).toEqual({ copied: "1", moved: "2" });
    expect(answer.body.metadata.annotations).toEqual({ "x.io/y": "w" });
    expect(answer.body.metadata.finalizers).toEqual(["x.io/a", "x.io/b", "x.io/c", "x.io/d"]);
  });

  test.each([
    [[{ op: "test", path: "/data/k", value: "other" }]],
    [[{ op: "remove", path: "/data/missing" }]],
    [[{ op: "add", path: "/no/such/parent", value: "1" }]],
    [[{ op: "add", path: "data", value: "1" }]],
    [[{ op: "explode", path: "/data/k" }]],
    [
      [
        { op: "replace", path: "/data/k", value: "changed" },
        { op: "remove", path: "/data/missing" },
      ],
    ],
    [["text"]],
  ])("%j is refused with 422 and nothing of it is kept", (operations) => {
    const api = withData({ k: "v" });
    expect(api.patch(`${CONFIG_MAPS}/a`, operations, JSON_PATCH).status).toBe(422);
    expect(api.get(`${CONFIG_MAPS}/a`).body.data).toEqual({ k: "v" });
  });
});

describe("strategic merge patch", () => {
  test("finalizers and owners are merged instead of replaced, or a controller would take away those of another", () => {
    const api = withData({}, { finalizers: ["x.io/a"] });
    const owner = (uid: string, name: string) => ({ apiVersion: "v1", kind: "Pod", name, uid });
    api.patch(`${CONFIG_MAPS}/a`, { metadata: { ownerReferences: [owner("1", "one")] } }, STRATEGIC);
    const patch = {
      metadata: {
        finalizers: ["x.io/b"],
        ownerReferences: [owner("2", "two"), { uid: "1", name: "renamed" }],
      },
    };
    const { metadata } = api.patch(`${CONFIG_MAPS}/a`, patch, STRATEGIC).body;
    expect(metadata.finalizers).toEqual(["x.io/b", "x.io/a"]);
    expect(metadata.ownerReferences).toEqual([owner("1", "renamed"), owner("2", "two")]);
    const removal = {
      metadata: {
        "$deleteFromPrimitiveList/finalizers": ["x.io/a"],
        ownerReferences: [{ $patch: "delete", uid: "1" }],
      },
    };
    const after = api.patch(`${CONFIG_MAPS}/a`, removal, STRATEGIC).body.metadata;
    expect(after.finalizers).toEqual(["x.io/b"]);
    expect(after.ownerReferences).toEqual([owner("2", "two")]);
  });

  test("custom kinds do not know it", () => {
    const api = new Api({
      resources: [{ group: "example.com", version: "v1", plural: "widgets", kind: "Widget", namespaced: true }],
    });
    const widgets = "/apis/example.com/v1/namespaces/default/widgets";
    api.made(widgets, "w", { apiVersion: "example.com/v1", kind: "Widget" });
    expect(api.patch(`${widgets}/w`, {}, STRATEGIC).status).toBe(415);
    expect(api.patch(`${widgets}/w`, { spec: { a: 1 } }).status).toBe(200);
  });
});

describe("server-side apply", () => {
  const configuration = (data: object) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data });
  const apply = (api: Api, query: string, data: object) =>
    api.patch(`${CONFIG_MAPS}/a?${query}`, configuration(data), APPLY);

  test("creates, drops what its manager no longer applies, and leaves what others applied", () => {
    const api = new Api();
    expect(apply(api, "fieldManager=me", { mine: "1", old: "1" }).status).toBe(201);
    expect(apply(api, "fieldManager=you", { yours: "1" }).status).toBe(200);
    expect(apply(api, "fieldManager=me", { mine: "2" }).body.data).toEqual({ mine: "2", yours: "1" });
  });

  test("two managers that want different values conflict, unless one forces it", () => {
    const api = new Api();
    apply(api, "fieldManager=me", { k: "1" });
    const refused = apply(api, "fieldManager=you", { k: "2" });
    expect(refused).toMatchObject({ status: 409, body: { reason: "Conflict" } });
    expect(refused.body.message).toBe('Apply failed with 1 conflict: conflict with "me": .data.k');
    expect(apply(api, "fieldManager=you&force=true", { k: "2" }).body.data).toEqual({ k: "2" });
    // The field has changed hands: its first manager neither takes it away nor back.
    expect(apply(api, "fieldManager=me", {}).body.data).toEqual({ k: "2" });
  });

  test("YAML is read; without a manager, or for another object, it is refused", () => {
    const api = new Api();
    const text = "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  name: l\nspec:\n  holderIdentity: me\n";
    expect(api.patch(`${LEASES}/l?fieldManager=me`, text, APPLY)).toMatchObject({
      status: 201,
      body: { spec: { holderIdentity: "me" } },
    });
    expect(api.patch(`${LEASES}/l`, text, APPLY).status).toBe(422);
    expect(api.patch(`${LEASES}/other?fieldManager=me`, text, APPLY).status).toBe(400);
    expect(api.patch(`${LEASES}/l?fieldManager=me`, "{}", APPLY).status).toBe(400);
  });
});
