/** Deletion of one object and of a collection, and its preconditions. */
import { expect } from "vitest";
import {
  type Case,
  configMap,
  created,
  itemsOf,
  lease,
  metadataOf,
  namesOf,
  ok,
  refused,
  uidOf,
  versionOf,
  widget,
} from "../world.ts";

const ELSEWHERE = "11111111-2222-3333-4444-555555555555";

export const deleteCases: readonly Case[] = [
  {
    title: "a DELETE answers 200 with a Status of Success that names what is gone",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      expect(ok(await api.delete(`${leases}/a`))).toEqual({
        kind: "Status",
        apiVersion: "v1",
        metadata: {},
        status: "Success",
        details: { name: "a", group: "coordination.k8s.io", kind: "leases", uid: uidOf(first) },
      });
      refused(await api.get(`${leases}/a`), 404, "NotFound");
    },
  },
  {
    title: "a DELETE of what is missing is 404",
    async run({ api, configMaps }) {
      refused(await api.delete(`${configMaps}/a`), 404, "NotFound", { details: { name: "a", kind: "configmaps" } });
    },
  },
  {
    title: "a DELETE with another uid as its precondition is 409 Conflict",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const reply = await api.delete(`${leases}/a`, { preconditions: { uid: ELSEWHERE } });
      refused(reply, 409, "Conflict");
      expect(reply.text).toContain(
        `the UID in the precondition (${ELSEWHERE}) does not match the UID in record (${uidOf(first)})`,
      );
      expect(ok(await api.get(`${leases}/a`))).toEqual(first);
    },
  },
  {
    title: "a DELETE with an old resourceVersion as its precondition is 409 Conflict",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const second = ok(await api.put(`${leases}/a`, { ...first, spec: { holderIdentity: "x" } }));
      const reply = await api.delete(`${leases}/a`, { preconditions: { resourceVersion: versionOf(first) } });
      refused(reply, 409, "Conflict");
      expect(ok(await api.get(`${leases}/a`))).toEqual(second);
    },
  },
  {
    title: "a DELETE with the right uid and resourceVersion succeeds",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const preconditions = { uid: uidOf(first), resourceVersion: versionOf(first) };
      ok(await api.delete(`${leases}/a`, { kind: "DeleteOptions", apiVersion: "v1", preconditions }));
      refused(await api.get(`${leases}/a`), 404, "NotFound");
    },
  },
  {
    title: "a DELETE with preconditions of what is missing is 404, not 409",
    async run({ api, leases }) {
      refused(await api.delete(`${leases}/a`, { preconditions: { uid: ELSEWHERE } }), 404, "NotFound");
    },
  },
  {
    title: "a DELETE of a collection deletes everything in it, of this kind and namespace only",
    async run({ api, configMaps, leases }) {
      for (const name of ["a", "b", "c"]) await created(api, configMaps, configMap(name));
      await created(api, leases, lease("a"));
      ok(await api.delete(configMaps));
      expect(namesOf(ok(await api.list(configMaps)))).toEqual([]);
      expect(namesOf(ok(await api.list(leases)))).toEqual(["a"]);
    },
  },
  {
    title: "deletecollection with a label selector leaves the others",
    async run({ api, leases }) {
      await created(api, leases, lease("a", undefined, { labels: { app: "x" } }));
      await created(api, leases, lease("b", undefined, { labels: { app: "y" } }));
      await created(api, leases, lease("c", undefined, { labels: { app: "x" } }));
      const reply = ok(await api.delete(leases, undefined, { query: { labelSelector: "app=x" } }));
      expect(reply["kind"]).toBe("LeaseList");
      expect(namesOf(reply).sort()).toEqual(["a", "c"]);
      expect(namesOf(ok(await api.list(leases)))).toEqual(["b"]);
    },
  },
  {
    title: "deletecollection with a field selector leaves the others",
    async run({ api, configMaps }) {
      for (const name of ["a", "b"]) await created(api, configMaps, configMap(name));
      ok(await api.delete(configMaps, undefined, { query: { fieldSelector: "metadata.name=a" } }));
      expect(namesOf(ok(await api.list(configMaps)))).toEqual(["b"]);
    },
  },
  {
    title: "deletecollection of custom resources deletes them",
    async run({ api, widgets }) {
      for (const name of ["a", "b"]) await created(api, widgets, widget(name));
      ok(await api.delete(widgets));
      expect(itemsOf(ok(await api.list(widgets)))).toEqual([]);
    },
  },
  {
    title: "a name is free again after its deletion, and the new object has another uid",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a"));
      ok(await api.delete(`${configMaps}/a`));
      const second = await created(api, configMaps, configMap("a"));
      expect(uidOf(second)).not.toBe(uidOf(first));
    },
  },
  {
    title: "delete options that contradict each other are refused",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a"));
      const reply = await api.delete(`${configMaps}/a`, { propagationPolicy: "Background", orphanDependents: true });
      refused(reply, 422, "Invalid", { details: { group: "meta.k8s.io", kind: "DeleteOptions" } });
      ok(await api.get(`${configMaps}/a`));
    },
  },
  {
    title: "propagationPolicy Background deletes at once",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a"));
      ok(await api.delete(`${configMaps}/a`, { propagationPolicy: "Background" }));
      refused(await api.get(`${configMaps}/a`), 404, "NotFound");
    },
  },
  {
    title: "propagationPolicy Foreground marks the object first, with a finalizer of that name",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a"));
      const body = ok(await api.delete(`${configMaps}/a`, undefined, { query: { propagationPolicy: "Foreground" } }));
      expect(body).toMatchObject({ kind: "ConfigMap", metadata: { name: "a", finalizers: ["foregroundDeletion"] } });
      expect(metadataOf(body)).toHaveProperty("deletionTimestamp");
    },
  },
];
