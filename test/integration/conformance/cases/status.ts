/** The status subresource of a custom kind, and generation. */
import { expect } from "vitest";
import { type Case, created, metadataOf, newer, ok, refused, versionOf, widget, withMetadata } from "../world.ts";

export const statusCases: readonly Case[] = [
  {
    title: "a status that a POST brings is dropped",
    async run({ api, widgets }) {
      const body = await created(api, widgets, { ...widget("a", { size: 1 }), status: { ready: true } });
      expect(body).not.toHaveProperty("status");
    },
  },
  {
    title: "a PUT of the object keeps its status, whatever it brings",
    async run({ api, widgets }) {
      const first = await created(api, widgets, widget("a", { size: 1 }));
      const second = ok(await api.put(`${widgets}/a/status`, { ...first, status: { ready: true } }));
      expect(second["status"]).toEqual({ ready: true });
      const third = ok(await api.put(`${widgets}/a`, { ...second, spec: { size: 2 }, status: { ready: false } }));
      expect(third).toMatchObject({ spec: { size: 2 }, status: { ready: true } });
    },
  },
  {
    title: "a PUT of the status changes nothing but the status",
    async run({ api, widgets }) {
      const first = await created(api, widgets, widget("a", { size: 1 }));
      const changed = { ...withMetadata(first, { labels: { l: "1" } }), spec: { size: 9 }, status: { ready: true } };
      const second = ok(await api.put(`${widgets}/a/status`, changed));
      expect(second).toMatchObject({ spec: { size: 1 }, status: { ready: true } });
      expect(metadataOf(second)).not.toHaveProperty("labels");
    },
  },
  {
    title: "the generation grows with the spec and not with status or labels",
    async run({ api, widgets }) {
      const first = await created(api, widgets, widget("a", { size: 1 }));
      expect(metadataOf(first)["generation"]).toBe(1);
      const second = ok(await api.put(`${widgets}/a/status`, { ...first, status: { ready: true } }));
      expect(metadataOf(second)["generation"]).toBe(1);
      const third = ok(await api.put(`${widgets}/a`, withMetadata(second, { labels: { l: "1" } })));
      expect(metadataOf(third)["generation"]).toBe(1);
      const fourth = ok(await api.put(`${widgets}/a`, { ...third, spec: { size: 2 } }));
      expect(metadataOf(fourth)["generation"]).toBe(2);
    },
  },
  {
    title: "a generation that a client sends is ignored",
    async run({ api, widgets }) {
      const first = await created(api, widgets, widget("a", { size: 1 }, { generation: 7 }));
      expect(metadataOf(first)["generation"]).toBe(1);
      const second = ok(
        await api.put(`${widgets}/a`, { ...withMetadata(first, { generation: 9 }), spec: { size: 2 } }),
      );
      expect(metadataOf(second)["generation"]).toBe(2);
    },
  },
  {
    title: "a PUT of the status with an old resourceVersion is 409 Conflict",
    async run({ api, widgets }) {
      const first = await created(api, widgets, widget("a", { size: 1 }));
      const second = ok(await api.put(`${widgets}/a`, { ...first, spec: { size: 2 } }));
      expect(newer(versionOf(second), versionOf(first))).toBe(true);
      refused(await api.put(`${widgets}/a/status`, { ...first, status: { ready: true } }), 409, "Conflict");
    },
  },
  {
    title: "a merge patch of the status changes the status alone",
    async run({ api, widgets }) {
      const first = await created(api, widgets, widget("a", { size: 1 }));
      const body = ok(await api.patch(`${widgets}/a/status`, { spec: { size: 9 }, status: { ready: true } }));
      expect(body).toMatchObject({ spec: { size: 1 }, status: { ready: true } });
      expect(newer(versionOf(body), versionOf(first))).toBe(true);
    },
  },
  {
    title: "a GET of the status answers the whole object",
    async run({ api, widgets }) {
      const first = await created(api, widgets, widget("a", { size: 1 }));
      expect(ok(await api.get(`${widgets}/a/status`))).toEqual(first);
    },
  },
  {
    title: "the status of what is missing is 404",
    async run({ api, widgets }) {
      refused(await api.get(`${widgets}/a/status`), 404, "NotFound");
      refused(await api.put(`${widgets}/a/status`, { ...widget("a"), status: {} }), 404, "NotFound");
      refused(await api.patch(`${widgets}/a/status`, { status: { ready: true } }), 404, "NotFound");
    },
  },
  {
    title: "a PUT of the status that changes nothing keeps the resourceVersion",
    async run({ api, widgets }) {
      const first = await created(api, widgets, widget("a", { size: 1 }));
      const second = ok(await api.put(`${widgets}/a/status`, { ...first, status: { ready: true } }));
      expect(ok(await api.put(`${widgets}/a/status`, second))).toEqual(second);
    },
  },
  {
    title: "a watch sees a change of the status like any other",
    async run({ api, widgets }) {
      const first = await created(api, widgets, widget("a", { size: 1 }));
      const watch = await api.watch(widgets, { resourceVersion: versionOf(first) });
      const second = ok(await api.put(`${widgets}/a/status`, { ...first, status: { ready: true } }));
      expect(await watch.next()).toEqual({ type: "MODIFIED", object: second });
      watch.close();
    },
  },
];
