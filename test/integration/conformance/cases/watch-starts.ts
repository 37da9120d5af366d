/** Where a watch begins: from a version, from any, from now, from a list in the stream, and from the forgotten past. */
import { expect } from "vitest";
import {
  type Case,
  configMap,
  created,
  eventAbout,
  lease,
  metadataOf,
  namesOf,
  ok,
  refused,
  versionOf,
  widget,
} from "../world.ts";

const AHEAD = "4000000000000";
const EXPIRED = { kind: "Status", apiVersion: "v1", status: "Failure", reason: "Expired", code: 410 };
const INITIAL = { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan", allowWatchBookmarks: "true" };

export const watchStartCases: readonly Case[] = [
  {
    title: "a watch from a version sends what came after it, not it",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const second = await created(api, leases, lease("b"));
      ok(await api.delete(`${leases}/a`));
      const watch = await api.watch(leases, { resourceVersion: versionOf(first) });
      const events = await watch.take(2);
      expect(events[0]).toEqual({ type: "ADDED", object: second });
      expect(events[1]).toMatchObject({ type: "DELETED", object: { metadata: { name: "a" } } });
      watch.close();
    },
  },
  {
    title: "a watch without a resourceVersion begins with everything that exists as ADDED",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { holderIdentity: "x" }));
      const second = ok(await api.put(`${leases}/a`, { ...first, spec: { holderIdentity: "y" } }));
      const watch = await api.watch(leases);
      expect(await watch.next()).toEqual({ type: "ADDED", object: second });
      const third = await created(api, leases, lease("b"));
      expect(await watch.next()).toEqual({ type: "ADDED", object: third });
      watch.close();
    },
  },
  {
    title: "a watch from 0 begins with the state that the server has at hand",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      // A strongly consistent list first: the server's cache has this Lease now.
      expect(namesOf(ok(await api.list(leases)))).toEqual(["a"]);
      const watch = await api.watch(leases, { resourceVersion: "0" });
      expect(await watch.next()).toEqual({ type: "ADDED", object: first });
      watch.close();
    },
  },
  {
    title: "a watch from 0 that takes bookmarks is told where its beginning ends",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      expect(namesOf(ok(await api.list(leases)))).toEqual(["a"]);
      const watch = await api.watch(leases, { resourceVersion: "0", allowWatchBookmarks: "true" });
      const [added, bookmark] = await watch.take(2);
      expect(added).toEqual({ type: "ADDED", object: first });
      expect(bookmark?.type).toBe("BOOKMARK");
      expect(metadataOf(bookmark?.object ?? {})["annotations"]).toEqual({ "k8s.io/initial-events-end": "true" });
      watch.close();
    },
  },
  {
    title: "a selector holds for the state at the beginning, too",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a"));
      const wanted = await created(api, configMaps, configMap("b", undefined, { labels: { on: "yes" } }));
      const watch = await api.watch(configMaps, { labelSelector: "on=yes" });
      expect(await watch.next()).toEqual({ type: "ADDED", object: wanted });
      watch.close();
    },
  },
  {
    title: "sendInitialEvents sends the state as ADDED, then a bookmark that marks its end",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const second = await created(api, leases, lease("b"));
      const watch = await api.watch(leases, INITIAL);
      const events = await watch.take(3);
      expect(events.slice(0, 2)).toEqual([
        { type: "ADDED", object: first },
        { type: "ADDED", object: second },
      ]);
      expect(events[2]).toMatchObject({
        type: "BOOKMARK",
        object: { kind: "Lease", apiVersion: "coordination.k8s.io/v1" },
      });
      expect(metadataOf(events[2]?.object ?? {})["annotations"]).toEqual({ "k8s.io/initial-events-end": "true" });
      expect(BigInt(versionOf(events[2]?.object ?? {}))).toBeGreaterThanOrEqual(BigInt(versionOf(second)));
      const third = await created(api, leases, lease("c"));
      expect(await watch.next()).toEqual({ type: "ADDED", object: third });
      watch.close();
    },
  },
  {
    title: "sendInitialEvents of an empty collection sends the bookmark alone",
    async run({ api, leases }) {
      const watch = await api.watch(leases, INITIAL);
      expect(metadataOf((await watch.next()).object)["annotations"]).toEqual({ "k8s.io/initial-events-end": "true" });
      watch.close();
    },
  },
  {
    title: "sendInitialEvents=false without resourceVersion begins now, with nothing of the past",
    async run({ api, leases }) {
      await created(api, leases, lease("a"));
      const watch = await api.watch(leases, { sendInitialEvents: "false", resourceVersionMatch: "NotOlderThan" });
      const second = await created(api, leases, lease("b"));
      expect(await watch.next()).toEqual({ type: "ADDED", object: second });
      watch.close();
    },
  },
  {
    title: "sendInitialEvents without resourceVersionMatch is refused",
    async run({ api, leases }) {
      const query = { watch: "true", sendInitialEvents: "true", allowWatchBookmarks: "true" };
      refused(await api.list(leases, query), 422, "Invalid", { details: { kind: "ListOptions" } });
    },
  },
  {
    title: "resourceVersionMatch without sendInitialEvents is refused for a watch",
    async run({ api, leases }) {
      const query = { watch: "true", resourceVersion: "1", resourceVersionMatch: "NotOlderThan" };
      refused(await api.list(leases, query), 422, "Invalid", { details: { kind: "ListOptions" } });
    },
  },
  {
    title: "a watch from a resourceVersion that is no number is refused, not begun",
    async run({ api, leases }) {
      const reply = await api.list(leases, { watch: "true", resourceVersion: "abc" });
      expect(reply.status).toBe(500);
      expect(reply.body).toMatchObject({ kind: "Status", status: "Failure", code: 500 });
    },
  },
  {
    title: "a watch from before the server's memory answers 200 and one ERROR event 410 Expired, then ends",
    async run({ api, widgets, subject }) {
      await created(api, widgets, widget("a"));
      await subject.compact();
      // The custom kind is younger than version 1, so that no cache of the server reaches back to it.
      const watch = await api.watch(widgets, { resourceVersion: "1" });
      expect(watch.status).toBe(200);
      const event = await watch.next();
      expect(event).toMatchObject({ type: "ERROR", object: EXPIRED });
      expect(event.object["message"]).toMatch(/too old resource version/);
      expect(await watch.line()).toBeUndefined();
    },
  },
  {
    title: "a watch from a version that compaction took is told 410 Expired in the stream",
    async run({ api, namespace, events, subject }) {
      // Events are the kind that the real server does not cache: these watches and pages go to etcd.
      const first = await created(api, events, eventAbout(namespace, "a"));
      for (const name of ["b", "c"]) await created(api, events, eventAbout(namespace, name));
      await subject.compact();
      const watch = await api.watch(events, { resourceVersion: versionOf(first) });
      expect(watch.status).toBe(200);
      expect(await watch.next()).toMatchObject({ type: "ERROR", object: EXPIRED });
      expect(await watch.line()).toBeUndefined();
    },
  },
  {
    title: "a watch from the version of a list that is newer than the compaction goes on",
    async run({ api, namespace, events, subject }) {
      await created(api, events, eventAbout(namespace, "a"));
      await subject.compact();
      const version = versionOf(ok(await api.list(events)));
      const watch = await api.watch(events, { resourceVersion: version });
      const second = await created(api, events, eventAbout(namespace, "b"));
      expect(await watch.next()).toEqual({ type: "ADDED", object: second });
      watch.close();
    },
  },
  {
    title: "a list at an exact version that is forgotten is 410 Expired",
    async run({ api, leases, subject }) {
      await created(api, leases, lease("a"));
      await subject.compact();
      refused(await api.list(leases, { resourceVersion: "1", resourceVersionMatch: "Exact" }), 410, "Expired");
    },
  },
  {
    title: "a watch from a version that is not reached yet sends nothing before it",
    async run({ api, leases }) {
      const watch = await api.watch(leases, { resourceVersion: AHEAD, timeoutSeconds: "2" });
      await created(api, leases, lease("a"));
      expect((await watch.untilEnd()).filter((event) => event.type !== "ERROR")).toEqual([]);
    },
  },
  {
    title: "two watches from one version see the same events",
    async run({ api, leases }) {
      const version = versionOf(ok(await api.list(leases)));
      const watches = await Promise.all([1, 2].map(() => api.watch(leases, { resourceVersion: version })));
      for (const name of ["a", "b", "c"]) await created(api, leases, lease(name));
      const [one, two] = await Promise.all(watches.map((watch) => watch.take(3)));
      expect(one).toEqual(two);
      for (const watch of watches) watch.close();
    },
  },
  {
    title: "a watch that resumes at the version of the last event misses nothing and repeats nothing",
    async run({ api, leases }) {
      const version = versionOf(ok(await api.list(leases)));
      for (const name of ["a", "b", "c", "d"]) await created(api, leases, lease(name));
      const first = await api.watch(leases, { resourceVersion: version });
      const seen = await first.take(2);
      first.close();
      const last = seen[1];
      const second = await api.watch(leases, { resourceVersion: versionOf(last?.object ?? {}) });
      const rest = await second.take(2);
      expect([...seen, ...rest].map((event) => metadataOf(event.object)["name"])).toEqual(["a", "b", "c", "d"]);
      second.close();
    },
  },
];
