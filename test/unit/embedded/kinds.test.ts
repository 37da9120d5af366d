import { describe, expect, test } from "vitest";
import { Api, CONFIG_MAPS, LEASES, MERGE, names } from "./requests.ts";

const WIDGETS = "/apis/example.com/v1/namespaces/default/widgets";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const widget = (name: string, rest: object) => ({
  apiVersion: "example.com/v1",
  kind: "Widget",
  metadata: { name },
  ...rest,
});
const definition = {
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "widgets", kind: "Widget", shortNames: ["wd"] },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
      },
      { name: "v1beta1", served: false, storage: false },
    ],
  },
};

describe("custom kinds", () => {
  test("a kind is served from its CustomResourceDefinition on, and gone with it", () => {
    const api = new Api();
    expect(api.get(WIDGETS).status).toBe(404);
    expect(api.post(CRDS, definition).status).toBe(201);
    expect(api.get(`${CRDS}/widgets.example.com`).body.status).toMatchObject({ storedVersions: ["v1"] });
    expect(api.post(WIDGETS, widget("w", { spec: { size: 3 } })).status).toBe(201);
    const watched = api.watch(`${WIDGETS}?resourceVersion=${api.core.resourceVersion}`);
    expect(api.delete(`${CRDS}/widgets.example.com`).status).toBe(200);
    expect(watched.seen().map((line) => line.split("@")[0])).toEqual(["DELETED w"]);
    expect(api.get(WIDGETS).status).toBe(404);
    expect(api.post(CRDS, definition).status).toBe(201);
    expect(names(api.get(WIDGETS))).toEqual([]);
  });

  test("printer columns are shown", () => {
    const api = new Api();
    api.post(CRDS, definition);
    api.post(WIDGETS, widget("w", { spec: { size: 3 } }));
    api.post(WIDGETS, widget("x", {}));
    const table = api.get(WIDGETS, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" }).body;
    expect(table.rows).toMatchObject([{ cells: ["w", 3] }, { cells: ["x", null] }]);
  });

  test("a definition whose name is not plural.group is refused", () => {
    expect(new Api().post(CRDS, { ...definition, metadata: { name: "other" } }).status).toBe(422);
  });

  test("a backup from before the definition takes the kind away again", () => {
    const api = new Api();
    const saved = api.core.save();
    api.post(CRDS, definition);
    const later = api.core.save();
    api.core.restore(saved);
    expect(api.get(WIDGETS).status).toBe(404);
    api.core.restore(later);
    expect(api.get(WIDGETS).status).toBe(200);
  });

  test("apiVersion and kind must be said, and be right", () => {
    const api = new Api();
    api.post(CRDS, definition);
    expect(api.post(WIDGETS, { metadata: { name: "w" } }).status).toBe(400);
    expect(api.post(WIDGETS, widget("w", { kind: "Gadget" })).status).toBe(422);
    expect(api.post(WIDGETS, widget("w", { apiVersion: "example.com/v2" })).status).toBe(400);
  });
});

describe("the status subresource", () => {
  test("spec and status do not overwrite one another, and only the spec counts as a new generation", () => {
    const api = new Api();
    api.post(CRDS, definition);
    const created = api.post(WIDGETS, widget("w", { spec: { a: 1 }, status: { early: true } })).body;
    expect(created.status).toBeUndefined();
    expect(created.metadata.generation).toBe(1);
    const url = `${WIDGETS}/w`;
    const reported = api.put(`${url}/status`, { ...created, spec: { a: 9 }, status: { ok: true } }).body;
    expect(reported).toMatchObject({ spec: { a: 1 }, status: { ok: true }, metadata: { generation: 1 } });
    expect(api.put(`${url}/status`, { ...created, status: { ok: false } }).status).toBe(409);
    const labels = { metadata: { labels: { x: "y" } }, status: { ok: false } };
    expect(api.patch(url, labels).body).toMatchObject({ status: { ok: true }, metadata: { generation: 1 } });
    expect(api.patch(`${url}/status`, { ...labels, metadata: { labels: { x: "z" } } }).body).toMatchObject({
      status: { ok: false },
      metadata: { labels: { x: "y" } },
    });
    expect(api.patch(url, { spec: { a: 2 } }).body.metadata.generation).toBe(2);
    expect(api.get(`${url}/status`).body.spec).toEqual({ a: 2 });
    expect(api.get(`${url}/scale`).status).toBe(404);
    expect(api.put(`${LEASES}/a/status`, {}).status).not.toBe(200);
  });
});

describe("events", () => {
  const CORE = "/api/v1/namespaces/default/events";
  const GROUPED = "/apis/events.k8s.io/v1/namespaces/default/events";
  const about = { kind: "Lease", namespace: "default", name: "shop-pods-00" };

  test("one event is seen through both APIs, each with its own field names", () => {
    const api = new Api();
    api.post(CORE, {
      metadata: { name: "e" },
      involvedObject: about,
      reason: "LeaderElection",
      message: "hi",
      count: 2,
    });
    expect(api.get(`${GROUPED}/e`).body).toMatchObject({
      apiVersion: "events.k8s.io/v1",
      regarding: about,
      note: "hi",
      deprecatedCount: 2,
      eventTime: null,
    });
    expect(names(api.get(`${CORE}?fieldSelector=involvedObject.name%3Dshop-pods-00`))).toEqual(["e"]);
    expect(names(api.get(`${GROUPED}?fieldSelector=regarding.name%3Dother`))).toEqual([]);
    const patched = api.patch(`${GROUPED}/e`, { note: "again" });
    expect(patched.status).toBe(200);
    expect(api.get(`${CORE}/e`).body.message).toBe("again");
    const watched = api.watch(GROUPED);
    expect(watched.events[0]?.object.note).toBe("again");
  });

  test("an event in another namespace than its object, or a new-style one without its fields, is refused", () => {
    const api = new Api();
    const elsewhere = { ...about, namespace: "kube-system" };
    expect(api.post(CORE, { metadata: { name: "e" }, involvedObject: elsewhere }).status).toBe(422);
    expect(api.post(GROUPED, { metadata: { name: "e" }, regarding: about, reason: "x" }).status).toBe(422);
    const complete = {
      metadata: { name: "e" },
      regarding: about,
      reason: "x",
      action: "Elect",
      type: "Normal",
      eventTime: "2026-01-01T00:00:00.000000Z",
      reportingController: "electorate.dev/elector",
      reportingInstance: "me",
    };
    expect(api.post(GROUPED, complete).status).toBe(201);
    expect(api.post(CORE, { ...complete, involvedObject: about, eventTime: "2026-01-01T00:00:00Z" }).status).toBe(400);
  });
});

describe("what else is served", () => {
  test("discovery names every kind with its verbs", () => {
    const api = new Api();
    api.post(CRDS, definition);
    const groups = api.get("/apis").body.groups;
    expect(groups).toContainEqual({
      name: "coordination.k8s.io",
      versions: [{ groupVersion: "coordination.k8s.io/v1", version: "v1" }],
      preferredVersion: { groupVersion: "coordination.k8s.io/v1", version: "v1" },
    });
    const resources = api.get("/apis/example.com/v1").body.resources;
    expect(resources).toMatchObject([{ name: "widgets", shortNames: ["wd"] }, { name: "widgets/status" }]);
    expect(api.get("/apis/example.com/v1beta1").status).toBe(404);
    const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    expect(api.core.handle({ method: "GET", path: "/apis", accept }).headers["content-type"]).toContain("v=v2");
  });

  test.each(["/healthz", "/livez", "/readyz", "/version", "/api", "/apis", "/api/v1", "/openapi/v3"])(
    "%s answers",
    (path) => {
      expect(new Api().get(path).status).toBe(200);
    },
  );

  test.each(["/nope", "/apis/nope", "/apis/nope/v1", "/apis/nope/v1/things", "/openapi/v2", "/api/v2"])(
    "%s is not mistaken for a resource",
    (path) => {
      expect(new Api().get(path)).toMatchObject({ status: 404, body: { message: "404 page not found\n" } });
    },
  );

  test.each([
    ["POST", `${CONFIG_MAPS}/a`],
    ["PUT", CONFIG_MAPS],
    ["PATCH", CONFIG_MAPS],
    ["POST", "/api/v1/configmaps"],
    ["DELETE", "/api/v1/configmaps"],
    ["DELETE", "/api/v1/namespaces"],
    ["POST", "/version"],
  ])("%s %s is 405", (method, url) => {
    expect(new Api().send(method, url, {}, { contentType: MERGE }).status).toBe(405);
  });
});
