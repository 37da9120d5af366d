/** Lists and their resourceVersions. */
import { expect } from "vitest";
import {
  type Case,
  configMap,
  created,
  itemsOf,
  lease,
  metadataOf,
  namesOf,
  newer,
  ok,
  refused,
  versionOf,
  widget,
} from "../world.ts";

const AHEAD = "4000000000000";

export const listCases: readonly Case[] = [
  {
    title: "a list has its own kind and resourceVersion, items in order of their names and without kind",
    async run({ api, leases }) {
      for (const name of ["b", "a", "a-1", "a.1"]) await created(api, leases, lease(name));
      const list = ok(await api.list(leases));
      expect(list).toMatchObject({ kind: "LeaseList", apiVersion: "coordination.k8s.io/v1" });
      expect(namesOf(list)).toEqual(["a", "a-1", "a.1", "b"]);
      for (const item of itemsOf(list)) {
        expect(item).not.toHaveProperty("kind");
        expect(item).not.toHaveProperty("apiVersion");
      }
    },
  },
  {
    title: "items of a list of custom resources carry kind and apiVersion",
    async run({ api, widgets }) {
      const first = await created(api, widgets, widget("a", { size: 1 }));
      const list = ok(await api.list(widgets));
      expect(list["kind"]).toBe("WidgetList");
      expect(itemsOf(list)).toEqual([first]);
    },
  },
  {
    title: "an empty list has items, and a resourceVersion",
    async run({ api, configMaps }) {
      const list = ok(await api.list(configMaps));
      expect(list["items"]).toEqual([]);
      expect(versionOf(list)).toMatch(/^[1-9]\d*$/);
      expect(metadataOf(list)).not.toHaveProperty("continue");
    },
  },
  {
    title: "a list's resourceVersion is at least that of everything in it and of every write acknowledged before",
    async run({ api, configMaps, leases }) {
      const first = await created(api, configMaps, configMap("a"));
      const elsewhere = await created(api, leases, lease("a"));
      const version = versionOf(ok(await api.list(configMaps)));
      expect(BigInt(version)).toBeGreaterThanOrEqual(BigInt(versionOf(first)));
      expect(BigInt(version)).toBeGreaterThanOrEqual(BigInt(versionOf(elsewhere)));
    },
  },
  {
    title: "a deletion raises the resourceVersion of the lists after it",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a"));
      ok(await api.delete(`${configMaps}/a`));
      expect(newer(versionOf(ok(await api.list(configMaps))), versionOf(first))).toBe(true);
    },
  },
  {
    title: "a list shows what was written just before: read your writes",
    async run({ api, configMaps }) {
      for (let index = 0; index < 10; index += 1) {
        await created(api, configMaps, configMap(`a${index}`));
        expect(namesOf(ok(await api.list(configMaps)))).toHaveLength(index + 1);
      }
    },
  },
  {
    title: "a list in a namespace that does not exist is empty, not 404",
    async run({ api }) {
      expect(itemsOf(ok(await api.list("/api/v1/namespaces/nowhere-at-all/configmaps")))).toEqual([]);
    },
  },
  {
    title: "resourceVersion=0 takes any version and still answers 200",
    async run({ api, leases }) {
      await created(api, leases, lease("a"));
      expect(ok(await api.list(leases, { resourceVersion: "0" }))["kind"]).toBe("LeaseList");
    },
  },
  {
    title: "a list not older than a version holds what was written at it",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const query = { resourceVersion: versionOf(first), resourceVersionMatch: "NotOlderThan" };
      expect(namesOf(ok(await api.list(leases, query)))).toEqual(["a"]);
      expect(namesOf(ok(await api.list(leases, { resourceVersion: versionOf(first) })))).toEqual(["a"]);
    },
  },
  {
    title: "a list at an exact version shows the state of then and says so",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { holderIdentity: "x" }));
      ok(await api.put(`${leases}/a`, { ...first, spec: { holderIdentity: "y" } }));
      await created(api, leases, lease("b"));
      const list = ok(await api.list(leases, { resourceVersion: versionOf(first), resourceVersionMatch: "Exact" }));
      expect(versionOf(list)).toBe(versionOf(first));
      expect(itemsOf(list)).toMatchObject([{ metadata: { name: "a" }, spec: { holderIdentity: "x" } }]);
    },
  },
  {
    title: "resourceVersionMatch without a resourceVersion is refused",
    async run({ api, leases }) {
      refused(await api.list(leases, { resourceVersionMatch: "Exact" }), 422, "Invalid", {
        details: {
          group: "meta.k8s.io",
          kind: "ListOptions",
          causes: [{ reason: "FieldValueForbidden", field: "resourceVersionMatch" }],
        },
      });
    },
  },
  {
    title: "resourceVersionMatch=Exact at 0 is refused",
    async run({ api, leases }) {
      refused(await api.list(leases, { resourceVersion: "0", resourceVersionMatch: "Exact" }), 422, "Invalid");
    },
  },
  {
    title: "an unknown resourceVersionMatch is refused",
    async run({ api, leases }) {
      refused(await api.list(leases, { resourceVersion: "1", resourceVersionMatch: "Newest" }), 422, "Invalid");
    },
  },
  {
    title: "a resourceVersion that is no number is 400 for a list",
    async run({ api, leases }) {
      refused(await api.list(leases, { resourceVersion: "abc" }), 400, "BadRequest");
    },
  },
  {
    title: "a list of a version that the server has not reached is 504 Timeout with the cause ResourceVersionTooLarge",
    async run({ api, leases }) {
      refused(await api.list(leases, { resourceVersion: AHEAD }), 504, "Timeout", {
        details: { causes: [{ reason: "ResourceVersionTooLarge" }], retryAfterSeconds: 1 },
      });
    },
  },
  {
    title: "a GET of a version that the server has not reached is 504 Timeout too",
    async run({ api, leases }) {
      await created(api, leases, lease("a"));
      refused(await api.get(`${leases}/a`, { query: { resourceVersion: AHEAD } }), 504, "Timeout", {
        details: { causes: [{ reason: "ResourceVersionTooLarge" }] },
      });
    },
  },
  {
    title: "a GET with a resourceVersion that was reached answers the newest object",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const second = ok(await api.put(`${leases}/a`, { ...first, spec: { holderIdentity: "x" } }));
      expect(ok(await api.get(`${leases}/a`, { query: { resourceVersion: versionOf(second) } }))).toEqual(second);
    },
  },
  {
    title: "sendInitialEvents is forbidden for a list",
    async run({ api, leases }) {
      const query = { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan", resourceVersion: "1" };
      refused(await api.list(leases, query), 422, "Invalid");
    },
  },
];
