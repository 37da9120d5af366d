/** Server-side apply. */
import { expect } from "vitest";
import type { Body } from "../client.ts";
import {
  APPLY_PATCH,
  anyText,
  type Case,
  child,
  configMap,
  created,
  including,
  metadataOf,
  ok,
  refused,
  uidOf,
  versionOf,
  type World,
  widget,
} from "../world.ts";

/** Applies as `fieldManager`. */
function applier({ api }: World, path: string, fieldManager: string) {
  return (body: Body, query: Readonly<Record<string, string>> = {}) =>
    api.patch(path, body, { contentType: APPLY_PATCH, query: { fieldManager, ...query } });
}

/** What the manager has applied, as the object says it. */
function appliedBy(body: Body, manager: string): unknown {
  const { managedFields } = metadataOf(body);
  const entries = Array.isArray(managedFields) ? managedFields : [];
  return entries.find((entry: Body) => entry["manager"] === manager && entry["operation"] === "Apply");
}

const owner = (name: string, uid: string): Body => ({ apiVersion: "v1", kind: "ConfigMap", name, uid });

export const applyCases: readonly Case[] = [
  {
    title: "a server-side apply creates with 201, updates with 200, and a repeated one changes nothing",
    async run({ api, configMaps }) {
      const apply = (data: Record<string, string>) =>
        api.patch(`${configMaps}/a`, configMap("a", data), { contentType: APPLY_PATCH, query: { fieldManager: "m" } });
      ok(await apply({ k: "1" }), 201);
      const second = ok(await apply({ k: "2" }));
      expect(second["data"]).toEqual({ k: "2" });
      expect(versionOf(ok(await apply({ k: "2" })))).toBe(versionOf(second));
    },
  },
  {
    title: "a server-side apply without a field manager is refused",
    async run({ api, configMaps }) {
      const reply = await api.patch(`${configMaps}/a`, configMap("a"), { contentType: APPLY_PATCH });
      refused(reply, 422, "Invalid", {
        details: { causes: [{ reason: "FieldValueRequired", field: "fieldManager" }] },
      });
    },
  },
  {
    title: "a server-side apply of a field that another manager applied is 409 with the field as cause, unless forced",
    async run({ api, configMaps }) {
      const apply = (fieldManager: string, k: string, force: Record<string, string> = {}) =>
        api.patch(`${configMaps}/a`, configMap("a", { k }), {
          contentType: APPLY_PATCH,
          query: { fieldManager, ...force },
        });
      ok(await apply("first", "1"), 201);
      refused(await apply("second", "2"), 409, "Conflict", {
        details: { causes: [{ reason: "FieldManagerConflict", message: 'conflict with "first"', field: ".data.k" }] },
      });
      expect(ok(await apply("second", "2", { force: "true" }))["data"]).toEqual({ k: "2" });
      refused(await apply("first", "1"), 409, "Conflict");
    },
  },
  {
    title: "a field that its only applier leaves out of the next apply is removed",
    async run({ api, configMaps }) {
      const apply = (data: Record<string, string>) =>
        api.patch(`${configMaps}/a`, configMap("a", data), { contentType: APPLY_PATCH, query: { fieldManager: "m" } });
      ok(await apply({ k: "1", l: "1" }), 201);
      ok(await api.patch(`${configMaps}/a`, { data: { other: "1" } }));
      expect(ok(await apply({ l: "1" }))["data"]).toEqual({ l: "1", other: "1" });
    },
  },
  {
    title: "a server-side apply records who owns which fields",
    async run(world) {
      const apply = applier(world, `${world.configMaps}/a`, "m");
      const body = ok(await apply(configMap("a", { k: "1" }, { labels: { l: "1" } })), 201);
      expect(appliedBy(body, "m")).toEqual({
        manager: "m",
        operation: "Apply",
        apiVersion: "v1",
        time: anyText,
        fieldsType: "FieldsV1",
        fieldsV1: { "f:data": { "f:k": {} }, "f:metadata": { "f:labels": { "f:l": {} } } },
      });
      const second = ok(await apply(configMap("a", { j: "1" })));
      expect(second["data"]).toEqual({ j: "1" });
      expect(metadataOf(second)["labels"]).toBeUndefined();
      expect(appliedBy(second, "m")).toEqual(including({ fieldsV1: { "f:data": { "f:j": {} } } }));
    },
  },
  {
    title: "two managers that apply the same value share the field, and it stays until both have left it out",
    async run(world) {
      const path = `${world.configMaps}/a`;
      const [one, other] = [applier(world, path, "one"), applier(world, path, "other")];
      ok(await one(configMap("a", { shared: "1", mine: "1" })), 201);
      ok(await other(configMap("a", { shared: "1" })));
      expect(ok(await one(configMap("a", { mine: "1" })))["data"]).toEqual({ shared: "1", mine: "1" });
      expect(ok(await other(configMap("a")))["data"]).toEqual({ mine: "1" });
    },
  },
  {
    title: "a field that somebody has changed without applying is a conflict, and forced it is taken back",
    async run(world) {
      const path = `${world.configMaps}/a`;
      const apply = applier(world, path, "m");
      ok(await apply(configMap("a", { k: "1", l: "1" })), 201);
      const edited = ok(await world.api.patch(path, { data: { k: "2" } }, { query: { fieldManager: "editor" } }));
      expect(appliedBy(edited, "m")).toEqual(including({ fieldsV1: { "f:data": { "f:l": {} } } }));
      refused(await apply(configMap("a", { k: "1", l: "1" })), 409, "Conflict", {
        details: including({ causes: [including({ reason: "FieldManagerConflict", field: ".data.k" })] }),
      });
      expect(ok(await apply(configMap("a", { k: "1", l: "1" }), { force: "true" }))["data"]).toEqual({
        k: "1",
        l: "1",
      });
    },
  },
  {
    title:
      "an apply to an object that nobody has applied to conflicts with whoever made it, and only about other values",
    async run(world) {
      await created(world.api, world.configMaps, configMap("a", { k: "1", kept: "1" }));
      const apply = applier(world, `${world.configMaps}/a`, "m");
      refused(await apply(configMap("a", { k: "2" })), 409, "Conflict");
      expect(ok(await apply(configMap("a", { k: "1", added: "1" })))["data"]).toEqual({
        k: "1",
        kept: "1",
        added: "1",
      });
    },
  },
  {
    title: "an apply that changes nothing keeps the resourceVersion, whoever applied before",
    async run(world) {
      const path = `${world.configMaps}/a`;
      ok(await applier(world, path, "m")(configMap("a", { k: "1" })), 201);
      const second = ok(await applier(world, path, "n")(configMap("a", { k: "1" })));
      expect(versionOf(ok(await applier(world, path, "n")(configMap("a", { k: "1" }))))).toBe(versionOf(second));
      expect(versionOf(ok(await applier(world, path, "m")(configMap("a", { k: "1" }))))).toBe(versionOf(second));
    },
  },
  {
    title: "appliers add finalizers and owners beside those of others, and take away their own alone",
    async run(world) {
      const path = `${world.configMaps}/a`;
      const [first, second] = [
        await created(world.api, world.configMaps, configMap("first")),
        await created(world.api, world.configMaps, configMap("second")),
      ];
      const of = (name: string, body: Body): Body =>
        configMap("a", undefined, { finalizers: [`e.dev/${name}`], ownerReferences: [owner(name, uidOf(body))] });
      ok(await applier(world, path, "first")(of("first", first)), 201);
      const both = metadataOf(ok(await applier(world, path, "second")(of("second", second))));
      expect(both["finalizers"]).toEqual(["e.dev/first", "e.dev/second"]);
      expect(both["ownerReferences"]).toEqual([owner("first", uidOf(first)), owner("second", uidOf(second))]);
      const left = metadataOf(ok(await applier(world, path, "first")(configMap("a"))));
      expect(left["finalizers"]).toEqual(["e.dev/second"]);
      expect(left["ownerReferences"]).toEqual([owner("second", uidOf(second))]);
      ok(await applier(world, path, "second")(configMap("a")));
    },
  },
  {
    title: "the status is applied by its own path, and needs an object",
    async run(world) {
      const path = `${world.widgets}/a`;
      const apply = applier(world, `${path}/status`, "m");
      const status: Body = { ...widget("a"), status: { phase: "Ready" } };
      refused(await apply(status), 404, "NotFound");
      ok(await applier(world, path, "m")({ ...widget("a", { size: 1 }), status: { phase: "ignored" } }), 201);
      const body = ok(await apply({ ...status, spec: { size: 9 } }));
      expect(body["spec"]).toEqual({ size: 1 });
      expect(body["status"]).toEqual({ phase: "Ready" });
      expect(child(ok(await world.api.get(path)), "status")).toEqual({ phase: "Ready" });
    },
  },
  {
    title: "an apply that names another uid or an older version changes nothing",
    async run(world) {
      const apply = applier(world, `${world.configMaps}/a`, "m");
      const uid = "9e3b4b52-0d0f-4d7a-8d7e-1f4b8f0f4a11";
      refused(await apply(configMap("a", { k: "1" }, { uid })), 409, "Conflict");
      const first = ok(await apply(configMap("a", { k: "1" })), 201);
      ok(await apply(configMap("a", { k: "2" }, { uid: uidOf(first) })));
      refused(await apply(configMap("a", { k: "3" }, { resourceVersion: versionOf(first) })), 409, "Conflict");
      refused(await apply(configMap("a", { k: "3" }, { uid })), 422, "Invalid");
      expect(ok(await world.api.get(`${world.configMaps}/a`))["data"]).toEqual({ k: "2" });
    },
  },
  {
    title: "an object as it was read, with its owners, cannot be applied",
    async run(world) {
      const apply = applier(world, `${world.configMaps}/a`, "m");
      const first = ok(await apply(configMap("a", { k: "1" })), 201);
      refused(await apply({ ...first, apiVersion: "v1", kind: "ConfigMap" }), 400, "BadRequest");
    },
  },
];
