/** Objects that outlive their deletion until their last finalizer is removed. */
import { expect } from "vitest";
import {
  among,
  type Case,
  configMap,
  containing,
  created,
  including,
  metadataOf,
  newer,
  ok,
  refused,
  versionOf,
  widget,
  withMetadata,
} from "../world.ts";

const FINALIZERS = ["electorate.dev/first", "electorate.dev/second"];

export const finalizerCases: readonly Case[] = [
  {
    title: "a DELETE of an object with finalizers only marks it with a deletionTimestamp and answers the object",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a", undefined, { finalizers: FINALIZERS }));
      const marked = ok(await api.delete(`${configMaps}/a`));
      expect(marked).toMatchObject({
        kind: "ConfigMap",
        metadata: { name: "a", finalizers: FINALIZERS, deletionGracePeriodSeconds: 0 },
      });
      expect(metadataOf(marked)["deletionTimestamp"]).toMatch(/^\d{4}-.*Z$/);
      expect(newer(versionOf(marked), versionOf(first))).toBe(true);
      expect(ok(await api.get(`${configMaps}/a`))).toEqual(marked);
    },
  },
  {
    title: "a second DELETE changes nothing more",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a", undefined, { finalizers: FINALIZERS }));
      const marked = ok(await api.delete(`${configMaps}/a`));
      expect(ok(await api.delete(`${configMaps}/a`))).toEqual(marked);
    },
  },
  {
    title: "the object goes with its last finalizer, by PUT",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a", undefined, { finalizers: FINALIZERS }));
      const marked = ok(await api.delete(`${configMaps}/a`));
      const one = ok(await api.put(`${configMaps}/a`, withMetadata(marked, { finalizers: [FINALIZERS[1] ?? ""] })));
      expect(metadataOf(one)["finalizers"]).toEqual([FINALIZERS[1]]);
      ok(await api.put(`${configMaps}/a`, withMetadata(one, { finalizers: [] })));
      refused(await api.get(`${configMaps}/a`), 404, "NotFound");
    },
  },
  {
    title: "the object goes with its last finalizer, by PATCH, and watchers see DELETED with a version of its own",
    async run({ api, widgets }) {
      await created(api, widgets, widget("a", { size: 1 }, { finalizers: FINALIZERS }));
      const marked = ok(await api.delete(`${widgets}/a`));
      const watch = await api.watch(widgets, { resourceVersion: versionOf(marked) });
      ok(await api.patch(`${widgets}/a`, { metadata: { finalizers: null } }));
      const event = await watch.next();
      expect(event.type).toBe("DELETED");
      expect(newer(versionOf(event.object), versionOf(marked))).toBe(true);
      refused(await api.get(`${widgets}/a`), 404, "NotFound");
      watch.close();
    },
  },
  {
    title: "removing finalizers of an object that is not being deleted keeps it",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a", undefined, { finalizers: FINALIZERS }));
      ok(await api.put(`${configMaps}/a`, withMetadata(first, { finalizers: [] })));
      expect(metadataOf(ok(await api.get(`${configMaps}/a`)))).not.toHaveProperty("finalizers");
    },
  },
  {
    title: "no finalizer can be added to an object that is being deleted",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a", undefined, { finalizers: FINALIZERS }));
      const marked = ok(await api.delete(`${configMaps}/a`));
      const more = withMetadata(marked, { finalizers: [...FINALIZERS, "electorate.dev/third"] });
      refused(await api.put(`${configMaps}/a`, more), 422, "Invalid", {
        details: {
          causes: among([including({ reason: "FieldValueForbidden", field: "metadata.finalizers" })]),
        },
      });
    },
  },
  {
    title: "a deletionTimestamp cannot be set, changed or taken back by a write",
    async run({ api, configMaps }) {
      const plain = await created(
        api,
        configMaps,
        configMap("plain", undefined, { deletionTimestamp: "2001-01-01T00:00:00Z" }),
      );
      expect(metadataOf(plain)).not.toHaveProperty("deletionTimestamp");
      await created(api, configMaps, configMap("a", undefined, { finalizers: FINALIZERS }));
      const marked = ok(await api.delete(`${configMaps}/a`));
      const unmarked = withMetadata(marked, { deletionTimestamp: undefined, deletionGracePeriodSeconds: undefined });
      const after = ok(await api.put(`${configMaps}/a`, { ...unmarked, data: { k: "v" } }));
      expect(metadataOf(after)["deletionTimestamp"]).toBe(metadataOf(marked)["deletionTimestamp"]);
    },
  },
  {
    title: "the name of an object that waits for its finalizers is taken",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a", undefined, { finalizers: FINALIZERS }));
      ok(await api.delete(`${configMaps}/a`));
      refused(await api.post(configMaps, configMap("a")), 409, "AlreadyExists");
    },
  },
  {
    title: "a finalizer without a domain is refused",
    async run({ api, configMaps }) {
      refused(await api.post(configMaps, configMap("a", undefined, { finalizers: ["nodomain"] })), 422, "Invalid", {
        details: { causes: [{ field: containing("metadata.finalizers") }] },
      });
    },
  },
  {
    title: "deletecollection marks objects with finalizers and deletes the others",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a", undefined, { finalizers: FINALIZERS }));
      await created(api, configMaps, configMap("b"));
      ok(await api.delete(configMaps));
      refused(await api.get(`${configMaps}/b`), 404, "NotFound");
      expect(metadataOf(ok(await api.get(`${configMaps}/a`)))).toHaveProperty("deletionTimestamp");
    },
  },
];
