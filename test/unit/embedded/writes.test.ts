import { describe, expect, test } from "vitest";
import { Api, CONFIG_MAPS, LEASES, names } from "./requests.ts";

describe("create", () => {
  test("two clients that create the same Lease: the second must hear 409 AlreadyExists, or both lead", () => {
    const api = new Api();
    expect(api.post(LEASES, { metadata: { name: "a" } }).status).toBe(201);
    const second = api.post(LEASES, { metadata: { name: "a" } });
    expect(second.status).toBe(409);
    expect(second.body).toMatchObject({
      kind: "Status",
      status: "Failure",
      reason: "AlreadyExists",
      message: 'leases.coordination.k8s.io "a" already exists',
      details: { name: "a", group: "coordination.k8s.io", kind: "leases" },
      code: 409,
    });
  });

  test("uid, resourceVersion and creationTimestamp are the server's, never the client's", () => {
    const api = new Api();
    const { metadata } = api.made(LEASES, "a", {
      metadata: { uid: "mine", creationTimestamp: "2001-01-01T00:00:00Z" },
    });
    expect(metadata.uid).not.toBe("mine");
    expect(metadata.creationTimestamp).toBe("2026-01-01T00:00:00Z");
    expect(metadata.resourceVersion).toBe(api.core.resourceVersion);
    expect(metadata.namespace).toBe("default");
  });

  test("resourceVersions grow over all kinds, or epochs of different Leases could not be compared", () => {
    const api = new Api();
    const versions = [
      api.made(LEASES, "a").metadata.resourceVersion,
      api.made(CONFIG_MAPS, "a").metadata.resourceVersion,
      api.made(LEASES, "b").metadata.resourceVersion,
    ].map(Number);
    expect(versions[1]).toBe((versions[0] ?? 0) + 1);
    expect(versions[2]).toBe((versions[1] ?? 0) + 1);
  });

  test("generateName gives each object a name of its own", () => {
    const api = new Api();
    const made = Array.from({ length: 50 }, () => api.post(LEASES, { metadata: { generateName: "g-" } }).body.metadata);
    expect(new Set(made.map(({ name }) => name)).size).toBe(50);
    for (const { name } of made) expect(name).toMatch(/^g-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test("an object in a namespace that does not exist, or in another than the path's, is refused", () => {
    const api = new Api();
    const missing = api.post("/api/v1/namespaces/nowhere/configmaps", { metadata: { name: "a" } });
    expect(missing).toMatchObject({ status: 404, body: { message: 'namespaces "nowhere" not found' } });
    const other = api.post(CONFIG_MAPS, { metadata: { name: "a", namespace: "kube-system" } });
    expect(other).toMatchObject({ status: 400, body: { reason: "BadRequest" } });
  });

  test.each([
    ["Upper", 422],
    ["under_score", 422],
    ["-dash", 422],
    [`${"a".repeat(254)}`, 422],
    [`${"a".repeat(253)}`, 201],
    ["a.b-c.9", 201],
  ])("name %s answers %i, so that a bad Lease name is found in a test and not in production", (name, status) => {
    expect(new Api().post(LEASES, { metadata: { name } }).status).toBe(status);
  });

  test("bodies that are no object of the kind are refused, not stored", () => {
    const api = new Api();
    for (const body of ["", "nonsense", "[]", "5", { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "a" } }]) {
      expect(api.post(LEASES, body).status).toBe(400);
    }
    expect(api.post(LEASES, {}).body.message).toContain("name or generateName is required");
    expect(api.post(LEASES, { metadata: { name: "a", resourceVersion: "7" } }).status).toBe(500);
    expect(api.get(LEASES).body.items).toEqual([]);
  });

  test("unknown fields are dropped, and refused with fieldValidation=Strict", () => {
    const api = new Api();
    expect(api.post(LEASES, { metadata: { name: "a" }, spec: { foo: 1 }, bar: 2 }).body.spec).toEqual({});
    const strict = api.post(`${LEASES}?fieldValidation=Strict`, { metadata: { name: "b" }, spec: { foo: 1 } });
    expect(strict).toMatchObject({
      status: 400,
      body: { reason: "BadRequest" },
    });
    expect(strict.body.message).toContain('unknown field "spec.foo"');
  });

  test("dropped fields are told in a Warning header, unless they are to be ignored", () => {
    const api = new Api();
    const body = JSON.stringify({ metadata: { generateName: "a-" }, spec: { foo: 1 }, bar: 2 });
    const warned = (query: Record<string, string>) =>
      api.core.handle({ method: "POST", path: LEASES, query, body }).headers.warning;
    expect(warned({})).toBe('299 - "unknown field \\"spec.foo\\"", 299 - "unknown field \\"bar\\""');
    expect(warned({ fieldValidation: "Ignore" })).toBeUndefined();
  });

  test("a body may be YAML, and nothing else that is not JSON", () => {
    const api = new Api();
    const send = (contentType: string) =>
      api.send("POST", LEASES, "metadata:\n  name: a\nspec:\n  holderIdentity: me\n", { contentType });
    expect(send("application/yaml")).toMatchObject({ status: 201, body: { spec: { holderIdentity: "me" } } });
    expect(send("application/vnd.kubernetes.protobuf").status).toBe(415);
    expect(send("application/json").status).toBe(400);
  });

  test("a ConfigMap beyond 1 MiB and a body beyond 3 MiB are refused", () => {
    const api = new Api();
    const made = (bytes: number) =>
      api.post(CONFIG_MAPS, { metadata: { generateName: "a-" }, data: { k: "x".repeat(bytes) } });
    expect(made(1_048_576).status).toBe(201);
    expect(made(1_048_577).status).toBe(422);
    expect(made(3 * 1_048_576)).toMatchObject({ status: 413, body: { reason: "RequestEntityTooLarge" } });
  });

  test("a dry run checks everything and stores nothing", () => {
    const api = new Api();
    const before = api.core.resourceVersion;
    expect(api.post(`${LEASES}?dryRun=All`, { metadata: { name: "a" } }).status).toBe(201);
    expect(api.post(`${LEASES}?dryRun=All`, { metadata: { name: "A" } }).status).toBe(422);
    expect(api.get(`${LEASES}/a`).status).toBe(404);
    expect(api.core.resourceVersion).toBe(before);
    expect(api.post(`${LEASES}?dryRun=Some`, { metadata: { name: "a" } }).status).toBe(422);
  });
});

describe("update", () => {
  test("a write with an old resourceVersion loses, or two holders would overwrite one another", () => {
    const api = new Api();
    const first = api.made(LEASES, "a", { spec: { holderIdentity: "x" } });
    expect(api.put(`${LEASES}/a`, { ...first, spec: { holderIdentity: "y" } }).status).toBe(200);
    const late = api.put(`${LEASES}/a`, { ...first, spec: { holderIdentity: "z" } });
    expect(late).toMatchObject({ status: 409, body: { reason: "Conflict", details: { kind: "leases" } } });
    expect(late.body.message).toContain("the object has been modified");
    expect(api.get(`${LEASES}/a`).body.spec.holderIdentity).toBe("y");
  });

  test("a write with the uid of a Lease that was deleted and made again loses, whatever its resourceVersion", () => {
    const api = new Api();
    const old = api.made(LEASES, "a");
    api.delete(`${LEASES}/a`);
    const renewed = api.made(LEASES, "a");
    const { resourceVersion } = renewed.metadata;
    const answer = api.put(`${LEASES}/a`, { metadata: { name: "a", uid: old.metadata.uid, resourceVersion } });
    expect(answer).toMatchObject({ status: 409, body: { reason: "Conflict" } });
    expect(answer.body.message).toContain("UID in precondition");
  });

  test("a PUT to a missing Lease makes it again without a uid and conflicts with one: a trap for whoever takes the answer for an update", () => {
    const api = new Api();
    const made = api.put(`${LEASES}/a`, {
      metadata: { name: "a", resourceVersion: "77" },
      spec: { holderIdentity: "x" },
    });
    expect(made.status).toBe(201);
    expect(api.put(`${LEASES}/b`, { metadata: { name: "b", uid: "u", resourceVersion: "1" } }).status).toBe(409);
    expect(api.put(`${CONFIG_MAPS}/c`, { metadata: { name: "c" } }).status).toBe(404);
  });

  test("a PUT of a Lease without resourceVersion is 422; of a ConfigMap it replaces whatever is there", () => {
    const api = new Api();
    api.made(LEASES, "a");
    api.made(CONFIG_MAPS, "a");
    const refused = api.put(`${LEASES}/a`, { metadata: { name: "a" } });
    expect(refused.status).toBe(422);
    expect(refused.body.message).toBe(
      'leases.coordination.k8s.io "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    );
    expect(api.put(`${CONFIG_MAPS}/a`, { metadata: { name: "a" }, data: { k: "v" } }).status).toBe(200);
  });

  test("a PUT that changes nothing keeps its resourceVersion and tells nobody, whatever the order of its fields", () => {
    const api = new Api();
    const { kind, apiVersion, metadata, spec } = api.made(LEASES, "a", {
      spec: { leaseTransitions: 1, holderIdentity: "x" },
    });
    const watched = api.watch(`${LEASES}?resourceVersion=${metadata.resourceVersion}`);
    const { holderIdentity, leaseTransitions } = spec;
    const same = { spec: { holderIdentity, leaseTransitions, acquireTime: null }, metadata, apiVersion, kind };
    const answer = api.put(`${LEASES}/a`, same);
    expect(answer.status).toBe(200);
    expect(answer.body.metadata.resourceVersion).toBe(metadata.resourceVersion);
    expect(watched.seen()).toEqual([]);
  });

  test("name and namespace of the body must be those of the path", () => {
    const api = new Api();
    const made = api.made(LEASES, "a");
    expect(api.put(`${LEASES}/a`, { ...made, metadata: { ...made.metadata, name: "b" } }).status).toBe(400);
    expect(api.put(`${LEASES}/a`, { ...made, metadata: { ...made.metadata, namespace: "b" } }).status).toBe(400);
    expect(api.put(`${LEASES}/a`, { ...made, metadata: {} }).status).toBe(400);
  });

  test("labels and annotations are replaced by a PUT, the creation time is not", () => {
    const api = new Api();
    const made = api.made(LEASES, "a", { metadata: { labels: { x: "1" }, annotations: { y: "2" } } });
    const { name, resourceVersion } = made.metadata;
    const { metadata } = api.put(`${LEASES}/a`, { metadata: { name, resourceVersion, labels: { z: "3" } } }).body;
    expect(metadata.labels).toEqual({ z: "3" });
    expect(metadata.annotations).toBeUndefined();
    expect(metadata.creationTimestamp).toBe(made.metadata.creationTimestamp);
    expect(metadata.uid).toBe(made.metadata.uid);
  });
});

describe("delete", () => {
  test("a deletion with the uid or version of another incarnation must not hit the new one", () => {
    const api = new Api();
    const made = api.made(LEASES, "a");
    for (const preconditions of [{ uid: "other" }, { resourceVersion: "1" }]) {
      const answer = api.delete(`${LEASES}/a`, { preconditions });
      expect(answer).toMatchObject({ status: 409, body: { reason: "Conflict" } });
    }
    const { uid, resourceVersion } = made.metadata;
    const answer = api.delete(`${LEASES}/a`, { preconditions: { uid, resourceVersion } });
    expect(answer).toMatchObject({ status: 200, body: { status: "Success", details: { name: "a", uid } } });
    expect(api.delete(`${LEASES}/a`).status).toBe(404);
  });

  test("an object with a finalizer goes only when the last one is removed", () => {
    const api = new Api();
    const made = api.made(CONFIG_MAPS, "a", { metadata: { finalizers: ["x.io/one", "x.io/two"] } });
    const watched = api.watch(`${CONFIG_MAPS}?resourceVersion=${made.metadata.resourceVersion}`);
    const deleting = api.delete(`${CONFIG_MAPS}/a`);
    expect(deleting.body.metadata).toMatchObject({
      deletionTimestamp: "2026-01-01T00:00:00Z",
      deletionGracePeriodSeconds: 0,
    });
    expect(api.patch(`${CONFIG_MAPS}/a`, { metadata: { finalizers: ["x.io/one", "x.io/three"] } }).status).toBe(422);
    expect(api.patch(`${CONFIG_MAPS}/a`, { metadata: { finalizers: ["x.io/two"] } }).status).toBe(200);
    expect(api.get(`${CONFIG_MAPS}/a`).status).toBe(200);
    expect(api.patch(`${CONFIG_MAPS}/a`, { metadata: { finalizers: null } }).status).toBe(200);
    expect(api.get(`${CONFIG_MAPS}/a`).status).toBe(404);
    expect(watched.events.map(({ type }) => type)).toEqual(["MODIFIED", "MODIFIED", "DELETED"]);
  });

  test("deletecollection takes exactly what the selector names", () => {
    const api = new Api();
    for (const [name, app] of [
      ["a", "x"],
      ["b", "y"],
      ["c", "x"],
    ]) {
      api.made(CONFIG_MAPS, name ?? "", { metadata: { labels: { app } } });
    }
    const answer = api.delete(`${CONFIG_MAPS}?labelSelector=app%3Dx`);
    expect(names(answer)).toEqual(["a", "c"]);
    expect(api.get(`${CONFIG_MAPS}/b`).status).toBe(200);
    expect(api.get(`${CONFIG_MAPS}/a`).status).toBe(404);
  });

  test("a foreground deletion holds the object with a finalizer until the collector lets it go", async () => {
    const api = new Api();
    api.made(CONFIG_MAPS, "a");
    const held = api.delete(`${CONFIG_MAPS}/a`, { propagationPolicy: "Foreground" });
    expect(held.body.metadata.finalizers).toEqual(["foregroundDeletion"]);
    await api.clock.advance(2_000);
    expect(api.get(`${CONFIG_MAPS}/a`).status).toBe(404);
    expect(api.delete(`${CONFIG_MAPS}/a`, { propagationPolicy: "Sideways" }).status).toBe(422);
  });
});

describe("namespaces", () => {
  test("a namespace goes with its contents; while it goes nothing new can be made in it", async () => {
    const api = new Api();
    api.post("/api/v1/namespaces", { metadata: { name: "team" } });
    const inside = "/api/v1/namespaces/team/configmaps";
    api.made(inside, "a");
    api.made(inside, "b", { metadata: { finalizers: ["x.io/hold"] } });
    expect(api.delete("/api/v1/namespaces/team").body.status.phase).toBe("Terminating");
    expect(api.post(inside, { metadata: { name: "c" } })).toMatchObject({ status: 403, body: { reason: "Forbidden" } });
    await api.clock.advance(5_000);
    expect(api.get(`${inside}/a`).status).toBe(404);
    expect(api.get(`${inside}/b`).body.metadata.deletionTimestamp).toBeDefined();
    api.patch(`${inside}/b`, { metadata: { finalizers: null } });
    await api.clock.advance(5_000);
    expect(api.get("/api/v1/namespaces/team").status).toBe(404);
    expect(api.delete("/api/v1/namespaces/default").status).toBe(403);
  });
});
