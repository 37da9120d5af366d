/** What a running watch sends. */
import { expect } from "vitest";
import {
  type Case,
  configMap,
  created,
  lease,
  metadataOf,
  nameOf,
  newer,
  ok,
  uidOf,
  versionOf,
  type World,
  widget,
  withMetadata,
} from "../world.ts";

/** A watch of the ConfigMaps from now on. */
async function watchFromNow(world: World, query: Readonly<Record<string, string>> = {}) {
  const list = ok(await world.api.list(world.configMaps));
  return world.api.watch(world.configMaps, { resourceVersion: versionOf(list), ...query });
}

export const watchCases: readonly Case[] = [
  {
    title: "a watch sends ADDED, MODIFIED and DELETED in order, with the objects that the writers were answered",
    async run(world) {
      const { api, configMaps } = world;
      const watch = await watchFromNow(world);
      const first = await created(api, configMaps, configMap("a", { k: "1" }));
      const second = ok(await api.put(`${configMaps}/a`, { ...first, data: { k: "2" } }));
      ok(await api.delete(`${configMaps}/a`));
      const [added, modified, deleted] = await watch.take(3);
      expect(added).toEqual({ type: "ADDED", object: first });
      expect(modified).toEqual({ type: "MODIFIED", object: second });
      expect(deleted).toMatchObject({
        type: "DELETED",
        object: { data: { k: "2" }, metadata: { uid: uidOf(second) } },
      });
      watch.close();
    },
  },
  {
    title: "a DELETED event carries the version of the deletion, not that of the last write",
    async run(world) {
      const { api, configMaps } = world;
      const watch = await watchFromNow(world);
      const first = await created(api, configMaps, configMap("a"));
      ok(await api.delete(`${configMaps}/a`));
      const second = await created(api, configMaps, configMap("b"));
      const [, deleted] = await watch.take(2);
      expect(deleted?.type).toBe("DELETED");
      const version = deleted === undefined ? "0" : versionOf(deleted.object);
      expect(newer(version, versionOf(first))).toBe(true);
      expect(newer(versionOf(second), version)).toBe(true);
      watch.close();
    },
  },
  {
    title: "objects in events carry kind and apiVersion",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const watch = await api.watch(leases, { resourceVersion: versionOf(first) });
      ok(await api.put(`${leases}/a`, { ...first, spec: { holderIdentity: "x" } }));
      expect((await watch.next()).object).toMatchObject({ kind: "Lease", apiVersion: "coordination.k8s.io/v1" });
      watch.close();
    },
  },
  {
    title: "a change into the label selector is ADDED, inside it MODIFIED, out of it DELETED",
    async run(world) {
      const { api, configMaps } = world;
      const first = await created(api, configMaps, configMap("a", { k: "1" }));
      const watch = await watchFromNow(world, { labelSelector: "on=yes" });
      const into = ok(await api.put(`${configMaps}/a`, withMetadata(first, { labels: { on: "yes" } })));
      const inside = ok(await api.put(`${configMaps}/a`, { ...into, data: { k: "2" } }));
      const out = ok(await api.put(`${configMaps}/a`, withMetadata(inside, { labels: { on: "no" } })));
      const [added, modified, deleted] = await watch.take(3);
      expect(added).toEqual({ type: "ADDED", object: into });
      expect(modified).toEqual({ type: "MODIFIED", object: inside });
      expect(deleted?.type).toBe("DELETED");
      // The last state that was selected, at the version of the change that took it out.
      expect(deleted?.object).toEqual(withMetadata(inside, { resourceVersion: versionOf(out) }));
      watch.close();
    },
  },
  {
    title: "changes outside the selector are not sent",
    async run(world) {
      const { api, configMaps } = world;
      const watch = await watchFromNow(world, { labelSelector: "on=yes" });
      const other = await created(api, configMaps, configMap("a"));
      ok(await api.put(`${configMaps}/a`, { ...other, data: { k: "2" } }));
      ok(await api.delete(`${configMaps}/a`));
      const wanted = await created(api, configMaps, configMap("b", undefined, { labels: { on: "yes" } }));
      expect(await watch.next()).toEqual({ type: "ADDED", object: wanted });
      watch.close();
    },
  },
  {
    title: "a watch with metadata.name sends one object's events only",
    async run(world) {
      const { api, configMaps } = world;
      const watch = await watchFromNow(world, { fieldSelector: "metadata.name=b" });
      await created(api, configMaps, configMap("a"));
      const wanted = await created(api, configMaps, configMap("b"));
      expect(await watch.next()).toEqual({ type: "ADDED", object: wanted });
      watch.close();
    },
  },
  {
    title: "a watch of a namespace does not see another namespace; one of the cluster sees both",
    async run(world) {
      const { api, namespace, configMaps } = world;
      const other = `${namespace}-b`;
      ok(await api.post("/api/v1/namespaces", { metadata: { name: other } }), 201);
      const version = versionOf(ok(await api.list(configMaps)));
      const mine = await api.watch(configMaps, { resourceVersion: version });
      const all = await api.watch("/api/v1/configmaps", { resourceVersion: version, labelSelector: `of=${namespace}` });
      const labels = { of: namespace };
      const there = await created(api, `/api/v1/namespaces/${other}/configmaps`, configMap("a", undefined, { labels }));
      const here = await created(api, configMaps, configMap("b", undefined, { labels }));
      expect(await mine.next()).toEqual({ type: "ADDED", object: here });
      expect(await all.take(2)).toEqual([
        { type: "ADDED", object: there },
        { type: "ADDED", object: here },
      ]);
      mine.close();
      all.close();
    },
  },
  {
    title: "a delete and a create of one name are two events with two uids",
    async run(world) {
      const { api, configMaps } = world;
      const first = await created(api, configMaps, configMap("a"));
      const watch = await watchFromNow(world);
      ok(await api.delete(`${configMaps}/a`));
      const second = await created(api, configMaps, configMap("a"));
      const events = await watch.take(2);
      expect(events.map((event) => [event.type, uidOf(event.object)])).toEqual([
        ["DELETED", uidOf(first)],
        ["ADDED", uidOf(second)],
      ]);
      watch.close();
    },
  },
  {
    title: "the resourceVersions of one watch's events grow",
    async run(world) {
      const { api, configMaps } = world;
      const watch = await watchFromNow(world);
      await Promise.all(Array.from({ length: 20 }, (_, index) => api.post(configMaps, configMap(`a${index}`))));
      const versions = (await watch.take(20)).map((event) => versionOf(event.object));
      for (const [index, version] of versions.slice(1).entries())
        expect(newer(version, versions[index] ?? "")).toBe(true);
      watch.close();
    },
  },
  {
    title: "deletecollection sends one DELETED per object",
    async run(world) {
      const { api, configMaps } = world;
      for (const name of ["a", "b", "c"]) await created(api, configMaps, configMap(name));
      const watch = await watchFromNow(world);
      ok(await api.delete(configMaps));
      const events = await watch.take(3);
      expect(events.map((event) => event.type)).toEqual(["DELETED", "DELETED", "DELETED"]);
      expect(events.map((event) => nameOf(event.object)).sort()).toEqual(["a", "b", "c"]);
      watch.close();
    },
  },
  {
    title: "a watch of custom resources sends their events",
    async run({ api, widgets }) {
      const version = versionOf(ok(await api.list(widgets)));
      const watch = await api.watch(widgets, { resourceVersion: version });
      const first = await created(api, widgets, widget("a", { size: 1 }));
      expect(await watch.next()).toEqual({ type: "ADDED", object: first });
      watch.close();
    },
  },
  {
    title: "a mark for deletion is MODIFIED, with the deletionTimestamp",
    async run(world) {
      const { api, configMaps } = world;
      await created(api, configMaps, configMap("a", undefined, { finalizers: ["electorate.dev/x"] }));
      const watch = await watchFromNow(world);
      const marked = ok(await api.delete(`${configMaps}/a`));
      expect(await watch.next()).toEqual({ type: "MODIFIED", object: marked });
      watch.close();
    },
  },
  {
    title: "timeoutSeconds ends a watch cleanly",
    async run(world) {
      const watch = await watchFromNow(world, { timeoutSeconds: "1" });
      expect(watch.status).toBe(200);
      expect(await watch.untilEnd()).toEqual([]);
    },
  },
  {
    title: "allowWatchBookmarks gives a bookmark before the watch's time is up: a version and nothing else",
    async run(world) {
      const { api, configMaps } = world;
      const watch = await watchFromNow(world, { allowWatchBookmarks: "true", timeoutSeconds: "5" });
      const first = await created(api, configMaps, configMap("a"));
      const events = await watch.untilEnd();
      expect(events[0]).toEqual({ type: "ADDED", object: first });
      const bookmark = events.find((event) => event.type === "BOOKMARK");
      expect(bookmark?.object).toMatchObject({ kind: "ConfigMap", apiVersion: "v1" });
      expect(metadataOf(bookmark?.object ?? {})).not.toHaveProperty("name");
      expect(BigInt(versionOf(bookmark?.object ?? {}))).toBeGreaterThanOrEqual(BigInt(versionOf(first)));
    },
  },
  {
    title: "a watch by the old path with /watch/ works like watch=true",
    async run(world) {
      const { api, namespace, configMaps } = world;
      const version = versionOf(ok(await api.list(configMaps)));
      const watch = await api.watch(`/api/v1/watch/namespaces/${namespace}/configmaps`, { resourceVersion: version });
      const first = await created(api, configMaps, configMap("a"));
      expect(await watch.next()).toEqual({ type: "ADDED", object: first });
      watch.close();
    },
  },
];
