/** Namespaces: what they hold, and how they end. */
import { expect } from "vitest";
import { type Case, child, configMap, created, lease, metadataOf, ok, refused } from "../world.ts";

const NAMESPACES = "/api/v1/namespaces";

export const namespaceCases: readonly Case[] = [
  {
    title: "a new namespace is Active, has the finalizer kubernetes in its spec and is labelled with its name",
    async run({ api, namespace }) {
      expect(ok(await api.get(`${NAMESPACES}/${namespace}`))).toMatchObject({
        kind: "Namespace",
        metadata: { labels: { "kubernetes.io/metadata.name": namespace } },
        spec: { finalizers: ["kubernetes"] },
        status: { phase: "Active" },
      });
    },
  },
  {
    title: "the namespaces default and kube-system exist",
    async run({ api }) {
      ok(await api.get(`${NAMESPACES}/default`));
      ok(await api.get(`${NAMESPACES}/kube-system`));
    },
  },
  {
    title: "a create in a namespace that does not exist is 404 and names the namespace",
    async run({ api }) {
      const more = {
        message: 'namespaces "nowhere-at-all" not found',
        details: { name: "nowhere-at-all", kind: "namespaces" },
      };
      refused(await api.post(`${NAMESPACES}/nowhere-at-all/configmaps`, configMap("a")), 404, "NotFound", more);
      const leases = "/apis/coordination.k8s.io/v1/namespaces/nowhere-at-all/leases";
      refused(await api.post(leases, lease("a")), 404, "NotFound", more);
      refused(await api.put(`${leases}/a`, lease("a")), 404, "NotFound", more);
    },
  },
  {
    title: "a get in a namespace that does not exist is 404 of the object",
    async run({ api }) {
      refused(await api.get(`${NAMESPACES}/nowhere-at-all/configmaps/a`), 404, "NotFound", {
        details: { name: "a", kind: "configmaps" },
      });
    },
  },
  {
    title: "a name of a namespace has no dots",
    async run({ api }) {
      refused(await api.post(NAMESPACES, { metadata: { name: "a.b" } }), 422, "Invalid", {
        details: { causes: [{ field: "metadata.name" }] },
      });
    },
  },
  {
    title: "a DELETE answers the namespace, Terminating, with a deletionTimestamp",
    async run({ api, namespace, configMaps }) {
      await created(api, configMaps, configMap("a", undefined, { finalizers: ["electorate.dev/keep"] }));
      const body = ok(await api.delete(`${NAMESPACES}/${namespace}`));
      expect(body).toMatchObject({ kind: "Namespace", status: { phase: "Terminating" } });
      expect(metadataOf(body)).toHaveProperty("deletionTimestamp");
      expect(child(ok(await api.get(`${NAMESPACES}/${namespace}`)), "status")["phase"]).toBe("Terminating");
    },
  },
  {
    title: "a create in a namespace that is being terminated is 403 with the cause NamespaceTerminating",
    async run({ api, namespace, configMaps, leases }) {
      await created(api, configMaps, configMap("a", undefined, { finalizers: ["electorate.dev/keep"] }));
      ok(await api.delete(`${NAMESPACES}/${namespace}`));
      refused(await api.post(leases, lease("b")), 403, "Forbidden", {
        message: `leases.coordination.k8s.io "b" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
        details: {
          name: "b",
          group: "coordination.k8s.io",
          kind: "leases",
          causes: [{ reason: "NamespaceTerminating", field: "metadata.namespace" }],
        },
      });
      ok(await api.patch(`${configMaps}/a`, { data: { k: "still writable" } }));
    },
  },
  {
    title: "the namespace default cannot be deleted",
    async run({ api }) {
      refused(await api.delete(`${NAMESPACES}/default`), 403, "Forbidden");
    },
  },
  {
    title: "a collection of namespaces cannot be deleted",
    async run({ api }) {
      refused(await api.delete(NAMESPACES), 405, "MethodNotAllowed");
    },
  },
];
