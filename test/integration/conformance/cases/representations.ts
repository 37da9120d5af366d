/** Other forms of the same objects: tables for kubectl, metadata alone for caches. */
import { expect } from "vitest";
import {
  anyText,
  type Case,
  configMap,
  created,
  itemsOf,
  lease,
  matching,
  metadataOf,
  ok,
  refused,
  versionOf,
  widget,
} from "../world.ts";

const form = (as: string): string => `application/json;as=${as};g=meta.k8s.io;v=v1`;
const TABLE = form("Table");
const PARTIAL = form("PartialObjectMetadata");
const PARTIAL_LIST = form("PartialObjectMetadataList");

export const representationCases: readonly Case[] = [
  {
    title: "a table of Leases has the columns that kubectl prints, and the list's resourceVersion",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { holderIdentity: "r1" }));
      const table = ok(await api.get(leases, { accept: TABLE }));
      expect(table).toMatchObject({
        kind: "Table",
        apiVersion: "meta.k8s.io/v1",
        columnDefinitions: [{ name: "Name", type: "string", format: "name" }, { name: "Holder" }, { name: "Age" }],
        rows: [{ cells: ["a", "r1", matching(/^\d+s$/)] }],
      });
      expect(BigInt(versionOf(table))).toBeGreaterThanOrEqual(BigInt(versionOf(first)));
    },
  },
  {
    title: "rows of a table carry metadata, the whole object, or nothing, as includeObject says",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { holderIdentity: "r1" }));
      const rows = async (query: Record<string, string>) => ok(await api.get(leases, { accept: TABLE, query }))["rows"];
      expect(await rows({})).toMatchObject([
        { object: { kind: "PartialObjectMetadata", metadata: metadataOf(first) } },
      ]);
      expect(await rows({ includeObject: "Object" })).toMatchObject([{ object: { spec: { holderIdentity: "r1" } } }]);
      expect(await rows({ includeObject: "None" })).toEqual([{ cells: ["a", "r1", anyText], object: null }]);
    },
  },
  {
    title: "one object can be a table of one row",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a", { k: "1", l: "2" }));
      const table = ok(await api.get(`${configMaps}/a`, { accept: TABLE }));
      expect(table).toMatchObject({ kind: "Table", rows: [{ cells: ["a", 2, anyText] }] });
    },
  },
  {
    title: "a table of custom resources has the columns of their definition",
    async run({ api, widgets }) {
      await created(api, widgets, widget("a", { size: 3 }));
      const table = ok(await api.get(widgets, { accept: TABLE }));
      expect(table["columnDefinitions"]).toMatchObject([{ name: "Name" }, { name: "Size", type: "integer" }]);
      expect(table["rows"]).toMatchObject([{ cells: ["a", 3] }]);
    },
  },
  {
    title: "kubectl's Accept header, which also takes plain JSON, gets a table",
    async run({ api, configMaps }) {
      const accept = `${TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`;
      expect(ok(await api.get(configMaps, { accept }))["kind"]).toBe("Table");
    },
  },
  {
    title: "the metadata of an object can be had alone",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { holderIdentity: "r1" }, { labels: { l: "1" } }));
      const partial = ok(await api.get(`${leases}/a`, { accept: PARTIAL }));
      expect(partial).toEqual({
        kind: "PartialObjectMetadata",
        apiVersion: "meta.k8s.io/v1",
        metadata: metadataOf(first),
      });
    },
  },
  {
    title: "a list of metadata alone has pages, selectors and a resourceVersion like any other",
    async run({ api, leases }) {
      for (const name of ["a", "b", "c"]) await created(api, leases, lease(name, undefined, { labels: { l: "1" } }));
      const list = ok(await api.get(leases, { accept: PARTIAL_LIST, query: { limit: "2", labelSelector: "l=1" } }));
      expect(list).toMatchObject({ kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" });
      expect(itemsOf(list).map((item) => [item["kind"], metadataOf(item)["name"]])).toEqual([
        ["PartialObjectMetadata", "a"],
        ["PartialObjectMetadata", "b"],
      ]);
      expect(metadataOf(list)["continue"]).toMatch(/.+/);
      expect(versionOf(list)).toMatch(/^\d+$/);
    },
  },
  {
    title: "a watch of metadata alone sends the same events without specs",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const watch = await api.watch(leases, { resourceVersion: versionOf(first) }, PARTIAL);
      const second = ok(await api.put(`${leases}/a`, { ...first, spec: { holderIdentity: "x" } }));
      expect(await watch.next()).toEqual({
        type: "MODIFIED",
        object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: metadataOf(second) },
      });
      watch.close();
    },
  },
  {
    title: "a bookmark of a metadata watch is metadata, too",
    async run({ api, leases }) {
      const query = { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan", allowWatchBookmarks: "true" };
      const watch = await api.watch(leases, query, PARTIAL);
      expect(await watch.next()).toMatchObject({ type: "BOOKMARK", object: { kind: "PartialObjectMetadata" } });
      watch.close();
    },
  },
  {
    title: "a form that the server does not have is 406",
    async run({ api, configMaps }) {
      refused(await api.get(configMaps, { accept: "text/html" }), 406, "NotAcceptable");
    },
  },
  {
    title: "a list asked for as one object's metadata is 406",
    async run({ api, configMaps }) {
      refused(await api.get(configMaps, { accept: PARTIAL }), 406, "NotAcceptable");
    },
  },
  {
    title: "a watch of tables describes the columns in its first event only",
    async run({ api, leases }) {
      await created(api, leases, lease("a", { holderIdentity: "r1" }));
      const watch = await api.watch(leases, {}, TABLE);
      expect(await watch.next()).toMatchObject({
        type: "ADDED",
        object: {
          kind: "Table",
          columnDefinitions: [{ name: "Name" }, { name: "Holder" }, { name: "Age" }],
          rows: [{ cells: ["a", "r1", anyText] }],
        },
      });
      const second = await created(api, leases, lease("b", { holderIdentity: "r2" }));
      expect(await watch.next()).toMatchObject({
        type: "ADDED",
        object: {
          columnDefinitions: null,
          metadata: { resourceVersion: versionOf(second) },
          rows: [{ cells: ["b", "r2", anyText], object: { metadata: metadataOf(second) } }],
        },
      });
      watch.close();
    },
  },
];
