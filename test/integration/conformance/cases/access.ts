/** Who asks, what they may, and how they are told. */
import { expect } from "vitest";
import { type Case, configMap, containing, created, lease, ok, refused, type World } from "../world.ts";

const REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const LEASE_RULE = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };

/** The server as a service account of the case's namespace sees it. */
async function account({ subject, namespace, api }: World, verbs: readonly string[]) {
  const { token, user } = await subject.account(namespace, "worker", [{ ...LEASE_RULE, verbs }]);
  return { worker: api.as(token), user };
}

const question = (namespace: string, verb: string, group: string, resource: string) => ({
  kind: "SelfSubjectAccessReview",
  apiVersion: "authorization.k8s.io/v1",
  spec: { resourceAttributes: { namespace, verb, group, resource } },
});

export const accessCases: readonly Case[] = [
  {
    title: "a token that nobody issued is 401 Unauthorized, whatever is asked",
    async run({ api, configMaps, leases }) {
      const stranger = api.as("made-up");
      for (const reply of [
        await stranger.list(configMaps),
        await stranger.get(`${leases}/a`),
        await stranger.post(leases, lease("a")),
        await stranger.delete(`${leases}/a`),
      ]) {
        refused(reply, 401, "Unauthorized", { message: "Unauthorized" });
      }
      stranger.close();
    },
  },
  {
    title: "a request without credentials is that of system:anonymous and is 403",
    async run({ api, configMaps, namespace }) {
      const nobody = api.as(undefined);
      refused(await nobody.list(configMaps), 403, "Forbidden", {
        message: `configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "${namespace}"`,
      });
      nobody.close();
    },
  },
  {
    title: "the probes and the version are told without credentials",
    async run({ api }) {
      const nobody = api.as(undefined);
      for (const path of ["/livez", "/readyz", "/version"]) expect((await nobody.get(path)).status).toBe(200);
      nobody.close();
    },
  },
  {
    title: "a service account may do what its rules grant, and no other verb",
    async run(world) {
      const { worker, user } = await account(world, ["get", "create"]);
      const { leases, namespace } = world;
      const first = await created(worker, leases, lease("a", { holderIdentity: "x" }));
      expect(ok(await worker.get(`${leases}/a`))).toEqual(first);
      refused(await worker.put(`${leases}/a`, first), 403, "Forbidden", {
        message: `leases.coordination.k8s.io "a" is forbidden: User "${user}" cannot update resource "leases" in API group "coordination.k8s.io" in the namespace "${namespace}"`,
        details: { name: "a", group: "coordination.k8s.io", kind: "leases" },
      });
      worker.close();
    },
  },
  {
    title: "a 403 of a collection names no object",
    async run(world) {
      const { worker, user } = await account(world, ["get"]);
      const reply = await worker.list(world.leases);
      refused(reply, 403, "Forbidden", {
        message: `leases.coordination.k8s.io is forbidden: User "${user}" cannot list resource "leases" in API group "coordination.k8s.io" in the namespace "${world.namespace}"`,
      });
      expect(reply.body["details"]).toEqual({ group: "coordination.k8s.io", kind: "leases" });
      worker.close();
    },
  },
  {
    title: "list and watch are verbs of their own",
    async run(world) {
      const { worker, user } = await account(world, ["list"]);
      ok(await worker.list(world.leases));
      refused(await worker.list(world.leases, { watch: "true" }), 403, "Forbidden", {
        message: containing(`User "${user}" cannot watch resource "leases"`),
      });
      worker.close();
    },
  },
  {
    title: "patch, delete and deletecollection are verbs of their own",
    async run(world) {
      const { worker } = await account(world, ["update"]);
      const { leases } = world;
      const denied = (verb: string) => ({ message: containing(`cannot ${verb} resource "leases"`) });
      refused(await worker.patch(`${leases}/a`, {}), 403, "Forbidden", denied("patch"));
      refused(await worker.delete(`${leases}/a`), 403, "Forbidden", denied("delete"));
      refused(await worker.delete(leases), 403, "Forbidden", denied("deletecollection"));
      worker.close();
    },
  },
  {
    title: "rules of one namespace hold in it alone, and not for the cluster",
    async run(world) {
      const { worker, user } = await account(world, ["get", "list"]);
      refused(await worker.list("/apis/coordination.k8s.io/v1/namespaces/default/leases"), 403, "Forbidden");
      refused(await worker.list("/apis/coordination.k8s.io/v1/leases"), 403, "Forbidden", {
        message: `leases.coordination.k8s.io is forbidden: User "${user}" cannot list resource "leases" in API group "coordination.k8s.io" at the cluster scope`,
      });
      worker.close();
    },
  },
  {
    title: "what is forbidden is 403 whether it exists or not",
    async run(world) {
      const { worker } = await account(world, ["get"]);
      await created(world.api, world.configMaps, configMap("a"));
      refused(await worker.get(`${world.configMaps}/a`), 403, "Forbidden");
      refused(await worker.get(`${world.configMaps}/nobody`), 403, "Forbidden");
      worker.close();
    },
  },
  {
    title: "a subresource is granted apart from its resource",
    async run(world) {
      const { subject, namespace, api, widgets } = world;
      const first = await created(api, widgets, {
        apiVersion: "conformance.electorate.dev/v1",
        kind: "Widget",
        metadata: { name: "a" },
      });
      const rule = { apiGroups: ["conformance.electorate.dev"], resources: ["widgets"], verbs: ["get", "update"] };
      const { token } = await subject.account(namespace, "worker", [rule]);
      const worker = api.as(token);
      ok(await worker.get(`${widgets}/a`));
      refused(await worker.put(`${widgets}/a/status`, { ...first, status: {} }), 403, "Forbidden", {
        message: containing('cannot update resource "widgets/status" in API group "conformance.electorate.dev"'),
      });
      worker.close();
    },
  },
  {
    title: "a SelfSubjectAccessReview answers 201 and says what the asker may",
    async run(world) {
      const { worker } = await account(world, ["get", "update"]);
      const { namespace } = world;
      const allowed = async (verb: string, group: string, resource: string): Promise<unknown> => {
        const body = ok(await worker.post(REVIEWS, question(namespace, verb, group, resource)), 201);
        expect(body).toMatchObject({
          kind: "SelfSubjectAccessReview",
          spec: { resourceAttributes: { verb, resource } },
        });
        return body["status"];
      };
      expect(await allowed("update", "coordination.k8s.io", "leases")).toMatchObject({ allowed: true });
      expect(await allowed("delete", "coordination.k8s.io", "leases")).toMatchObject({ allowed: false });
      expect(await allowed("get", "", "configmaps")).toMatchObject({ allowed: false });
      worker.close();
    },
  },
  {
    title: "an administrator's SelfSubjectAccessReview is allowed",
    async run({ api, namespace }) {
      expect(ok(await api.post(REVIEWS, question(namespace, "delete", "", "pods")), 201)["status"]).toMatchObject({
        allowed: true,
      });
    },
  },
  {
    title: "a SelfSubjectAccessReview that asks nothing is refused",
    async run({ api }) {
      const reply = await api.post(REVIEWS, {
        kind: "SelfSubjectAccessReview",
        apiVersion: "authorization.k8s.io/v1",
        spec: {},
      });
      refused(reply, 422, "Invalid", {
        details: { group: "authorization.k8s.io", causes: [{ field: "spec.resourceAttributes" }] },
      });
    },
  },
];
