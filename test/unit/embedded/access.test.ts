import { describe, expect, test } from "vitest";
import { type Grant, grantedBy } from "../../../src/embedded/index.ts";
import { Api, LEASES } from "./requests.ts";

const as = (token: string) => ({ authorization: `Bearer ${token}` });
const REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

describe("tokens", () => {
  const api = new Api({ tokens: { secret: { name: "ann" } } });

  test.each([undefined, "Bearer wrong", "Bearer", "Basic secret"])(
    "%j is 401, before anything else is looked at",
    (authorization) => {
      const extra = authorization === undefined ? {} : { authorization };
      for (const path of [LEASES, "/api/v1/nonsense", "/apis"]) {
        expect(api.get(path, extra)).toMatchObject({ status: 401, body: { reason: "Unauthorized", code: 401 } });
      }
    },
  );

  test("the right one is let in, probes are answered to anybody, and a token can be taken away", () => {
    expect(api.get(LEASES, as("secret")).status).toBe(200);
    expect(api.get("/readyz").status).toBe(200);
    api.core.tokens.set("second", { name: "bob" });
    expect(api.get(LEASES, as("second")).status).toBe(200);
    api.core.tokens.delete("second");
    expect(api.get(LEASES, as("second")).status).toBe(401);
  });
});

describe("grants", () => {
  const grants: Grant[] = [];
  const tokens = { secret: { name: "ann" } };
  const api = new Api({ tokens, authorize: grantedBy(grants) });
  const get = (path: string) => api.get(path, as("secret"));

  test("a missing verb is told by user, verb, resource and namespace, as the command's messages need it", () => {
    expect(get(`${LEASES}/x`)).toMatchObject({
      status: 403,
      body: {
        reason: "Forbidden",
        message:
          'leases.coordination.k8s.io "x" is forbidden: User "ann" cannot get resource "leases" in API group "coordination.k8s.io" in the namespace "default"',
        details: { name: "x", group: "coordination.k8s.io", kind: "leases" },
      },
    });
    expect(get("/api/v1/configmaps").body.message).toBe(
      'configmaps is forbidden: User "ann" cannot list resource "configmaps" in API group "" at the cluster scope',
    );
    expect(get(`${LEASES}?watch=true`).body.message).toContain("cannot watch resource");
    expect(api.get(LEASES).body.message).toContain('User "system:anonymous" cannot list');
  });

  test("what is granted while the server runs is granted at once, and only that", () => {
    grants.push({
      user: "ann",
      verbs: ["get", "list"],
      groups: ["coordination.k8s.io"],
      resources: ["leases"],
      namespaces: ["default"],
    });
    expect(get(LEASES).status).toBe(200);
    expect(get("/apis/coordination.k8s.io/v1/leases").status).toBe(403);
    expect(get("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases").status).toBe(403);
    expect(api.send("POST", LEASES, {}, as("secret")).status).toBe(403);
  });

  test("a client can ask about itself", () => {
    const ask = (verb: string) => {
      const resourceAttributes = { verb, group: "coordination.k8s.io", resource: "leases", namespace: "default" };
      return api.send("POST", REVIEWS, { spec: { resourceAttributes } }, as("secret"));
    };
    expect(ask("list")).toMatchObject({ status: 201, body: { status: { allowed: true } } });
    expect(ask("delete").body.status.allowed).toBe(false);
    expect(api.send("POST", REVIEWS, { spec: {} }, as("secret")).status).toBe(422);
  });
});
