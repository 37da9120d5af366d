/** Patches, by content type. */
import { expect } from "vitest";
import {
  type Case,
  configMap,
  created,
  JSON_PATCH,
  lease,
  metadataOf,
  newer,
  ok,
  refused,
  STRATEGIC_PATCH,
  uidOf,
  versionOf,
  widget,
} from "../world.ts";

export const patchCases: readonly Case[] = [
  {
    title: "a merge patch changes what it names, removes what it sets to null and keeps the rest",
    async run({ api, configMaps }) {
      const first = await created(
        api,
        configMaps,
        configMap("a", { keep: "1", change: "1", drop: "1" }, { labels: { l: "1" } }),
      );
      const second = ok(await api.patch(`${configMaps}/a`, { data: { change: "2", drop: null, add: "3" } }));
      expect(second["data"]).toEqual({ keep: "1", change: "2", add: "3" });
      expect(metadataOf(second)["labels"]).toEqual({ l: "1" });
      expect(newer(versionOf(second), versionOf(first))).toBe(true);
      expect(uidOf(second)).toBe(uidOf(first));
    },
  },
  {
    title: "a merge patch replaces a list as a whole",
    async run({ api, widgets }) {
      await created(api, widgets, widget("a", { parts: ["x", "y"] }));
      expect(ok(await api.patch(`${widgets}/a`, { spec: { parts: ["z"] } }))["spec"]).toEqual({ parts: ["z"] });
    },
  },
  {
    title: "a merge patch of labels and annotations alone leaves the spec of a Lease untouched",
    async run({ api, leases }) {
      const first = await created(
        api,
        leases,
        lease("a", { holderIdentity: "x", renewTime: "2026-11-21T12:00:00.000001Z" }),
      );
      const second = ok(await api.patch(`${leases}/a`, { metadata: { labels: { l: "1" }, annotations: { n: "1" } } }));
      expect(second["spec"]).toEqual(first["spec"]);
      expect(metadataOf(second)).toMatchObject({ labels: { l: "1" }, annotations: { n: "1" } });
    },
  },
  {
    title: "a patch that changes nothing keeps the resourceVersion",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a", { k: "v" }));
      expect(ok(await api.patch(`${configMaps}/a`, { data: { k: "v" } }))).toEqual(first);
      expect(ok(await api.patch(`${configMaps}/a`, {}))).toEqual(first);
      expect(ok(await api.patch(`${configMaps}/a`, { data: { none: null } }))).toEqual(first);
    },
  },
  {
    title: "a patch of what is missing is 404",
    async run({ api, leases }) {
      refused(await api.patch(`${leases}/a`, { metadata: { labels: { l: "1" } } }), 404, "NotFound");
    },
  },
  {
    title: "a patch cannot change the name or the namespace",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a"));
      expect((await api.patch(`${configMaps}/a`, { metadata: { name: "b" } })).status).toBe(400);
      expect((await api.patch(`${configMaps}/a`, { metadata: { namespace: "other" } })).status).toBe(400);
      expect(ok(await api.get(`${configMaps}/a`))).toEqual(first);
    },
  },
  {
    title: "a patch that cannot be read is 400",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a"));
      refused(await api.patch(`${configMaps}/a`, "{ nonsense"), 400, "BadRequest");
      refused(await api.patch(`${configMaps}/a`, '"text"'), 400, "BadRequest");
    },
  },
  {
    title: "a merge patch that gives a field the wrong type is 422",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      refused(await api.patch(`${leases}/a`, { spec: { leaseDurationSeconds: "soon" } }), 422, "Invalid");
      expect(ok(await api.get(`${leases}/a`))).toEqual(first);
    },
  },
  {
    title: "a patch of an unknown content type is 415",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a"));
      const reply = await api.patch(`${configMaps}/a`, { data: {} }, { contentType: "application/json" });
      refused(reply, 415, "UnsupportedMediaType");
    },
  },
  {
    title: "a JSON patch adds, replaces, removes, moves, copies and tests",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a", { one: "1", two: "2", three: "3" }));
      const operations = [
        { op: "test", path: "/data/one", value: "1" },
        { op: "replace", path: "/data/one", value: "uno" },
        { op: "remove", path: "/data/two" },
        { op: "add", path: "/data/four", value: "4" },
        { op: "move", from: "/data/three", path: "/data/drei" },
        { op: "copy", from: "/data/four", path: "/data/vier" },
      ];
      const body = ok(await api.patch(`${configMaps}/a`, operations, { contentType: JSON_PATCH }));
      expect(body["data"]).toEqual({ one: "uno", four: "4", drei: "3", vier: "4" });
    },
  },
  {
    title: "a JSON patch whose test fails is 422 and changes nothing",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a", { k: "1" }));
      const operations = [
        { op: "replace", path: "/data/k", value: "2" },
        { op: "test", path: "/data/k", value: "1" },
      ];
      refused(await api.patch(`${configMaps}/a`, operations, { contentType: JSON_PATCH }), 422, "Invalid");
      expect(ok(await api.get(`${configMaps}/a`))).toEqual(first);
    },
  },
  {
    title: "a JSON patch escapes slash and tilde in its paths",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a", undefined, { annotations: { "a.dev/x": "1" } }));
      const operations = [{ op: "replace", path: "/metadata/annotations/a.dev~1x", value: "2" }];
      const body = ok(await api.patch(`${configMaps}/a`, operations, { contentType: JSON_PATCH }));
      expect(metadataOf(body)["annotations"]).toEqual({ "a.dev/x": "2" });
    },
  },
  {
    title: "a JSON patch that tests the resourceVersion is a condition",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { holderIdentity: "x" }));
      const take = (holder: string, version: string) => [
        { op: "test", path: "/metadata/resourceVersion", value: version },
        { op: "replace", path: "/spec/holderIdentity", value: holder },
      ];
      ok(await api.patch(`${leases}/a`, take("y", versionOf(first)), { contentType: JSON_PATCH }));
      refused(await api.patch(`${leases}/a`, take("z", versionOf(first)), { contentType: JSON_PATCH }), 422, "Invalid");
    },
  },
  {
    title: "a strategic merge patch merges maps as a merge patch does",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a", { keep: "1", drop: "1" }));
      const body = ok(
        await api.patch(`${configMaps}/a`, { data: { drop: null, add: "2" } }, { contentType: STRATEGIC_PATCH }),
      );
      expect(body["data"]).toEqual({ keep: "1", add: "2" });
    },
  },
  {
    title: "a strategic merge patch of a custom resource is 415",
    async run({ api, widgets }) {
      await created(api, widgets, widget("a", { size: 1 }));
      const reply = await api.patch(`${widgets}/a`, { spec: { size: 2 } }, { contentType: STRATEGIC_PATCH });
      refused(reply, 415, "UnsupportedMediaType");
    },
  },
];
