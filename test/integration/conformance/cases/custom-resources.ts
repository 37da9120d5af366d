/** Custom kinds, from their definition on. */
import { expect, vi } from "vitest";
import type { Body } from "../client.ts";
import {
  among,
  type Case,
  created,
  including,
  metadataOf,
  namesOf,
  ok,
  refused,
  WIDGET_GROUP,
  type World,
  widget,
} from "../world.ts";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const BOUND = { timeout: 30_000, interval: 50 };

function definition(world: World, scope: "Namespaced" | "Cluster"): { body: Body; group: string; name: string } {
  const group = `${world.namespace}.electorate.dev`;
  const name = `gadgets.${group}`;
  const openAPIV3Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const body = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: {
      group,
      scope,
      names: { plural: "gadgets", singular: "gadget", kind: "Gadget" },
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
  return { body, group, name };
}

export const customResourceCases: readonly Case[] = [
  {
    title: "a custom resource keeps any fields of its spec, deep ones and empty ones",
    async run({ api, widgets }) {
      const spec = { size: 3, deep: { list: [1, "two", { three: true }], empty: {}, none: [] }, text: "ä☂" };
      const body = await created(api, widgets, widget("a", spec));
      expect(body).toMatchObject({ kind: "Widget", apiVersion: `${WIDGET_GROUP}/v1` });
      expect(body["spec"]).toEqual(spec);
      expect(ok(await api.get(`${widgets}/a`))).toEqual(body);
    },
  },
  {
    title: "a custom resource without kind or apiVersion is 400, and one of another kind 422",
    async run({ api, widgets }) {
      refused(await api.post(widgets, { metadata: { name: "a" } }), 400, "BadRequest");
      refused(await api.post(widgets, { ...widget("a"), apiVersion: `${WIDGET_GROUP}/v2` }), 400, "BadRequest");
      refused(await api.post(widgets, { ...widget("a"), kind: "Other" }), 422, "Invalid", {
        details: { causes: [{ reason: "FieldValueInvalid", field: "kind" }] },
      });
    },
  },
  {
    title: "a PUT to a missing custom resource is 404: it is not created",
    async run({ api, widgets }) {
      refused(await api.put(`${widgets}/a`, widget("a")), 404, "NotFound");
    },
  },
  {
    title: "a definition becomes Established and its kind is served and found by discovery",
    async run(world) {
      const { api, namespace } = world;
      const { body, group, name } = definition(world, "Namespaced");
      ok(await api.post(DEFINITIONS, body), 201);
      await vi.waitFor(async () => {
        expect(ok(await api.get(`${DEFINITIONS}/${name}`))).toMatchObject({
          status: {
            conditions: among([including({ type: "Established", status: "True" })]),
          },
        });
      }, BOUND);
      const collection = `/apis/${group}/v1/namespaces/${namespace}/gadgets`;
      await vi.waitFor(async () => void ok(await api.list(collection)), BOUND);
      await created(api, collection, { apiVersion: `${group}/v1`, kind: "Gadget", metadata: { name: "a" } });
      expect(namesOf(ok(await api.list(collection)))).toEqual(["a"]);
      await vi.waitFor(async () => {
        expect(ok(await api.get(`/apis/${group}/v1`))).toMatchObject({
          resources: [{ name: "gadgets", kind: "Gadget", namespaced: true }],
        });
      }, BOUND);
    },
  },
  {
    title: "a kind of the cluster has no namespace in its path or metadata",
    async run(world) {
      const { api, namespace } = world;
      const { body, group } = definition(world, "Cluster");
      ok(await api.post(DEFINITIONS, body), 201);
      const collection = `/apis/${group}/v1/gadgets`;
      await vi.waitFor(async () => void ok(await api.list(collection)), BOUND);
      const gadget = await created(api, collection, {
        apiVersion: `${group}/v1`,
        kind: "Gadget",
        metadata: { name: "a" },
      });
      expect(metadataOf(gadget)).not.toHaveProperty("namespace");
      expect((await api.list(`/apis/${group}/v1/namespaces/${namespace}/gadgets`)).status).toBe(404);
    },
  },
  {
    title: "a kind whose definition is deleted is gone with its objects",
    async run(world) {
      const { api, namespace } = world;
      const { body, group, name } = definition(world, "Namespaced");
      ok(await api.post(DEFINITIONS, body), 201);
      const collection = `/apis/${group}/v1/namespaces/${namespace}/gadgets`;
      await vi.waitFor(async () => void ok(await api.list(collection)), BOUND);
      ok(await api.delete(`${DEFINITIONS}/${name}`));
      await vi.waitFor(async () => expect((await api.list(collection)).status).toBe(404), BOUND);
      refused(await api.get(`${DEFINITIONS}/${name}`), 404, "NotFound");
    },
  },
  {
    title: "a definition whose name is not plural.group is refused",
    async run(world) {
      const { body } = definition(world, "Namespaced");
      refused(
        await world.api.post(DEFINITIONS, { ...body, metadata: { name: "other.electorate.dev" } }),
        422,
        "Invalid",
        {
          details: { causes: [{ field: "metadata.name" }] },
        },
      );
    },
  },
  {
    title: "a kind that nobody defined is 404",
    async run({ api }) {
      expect((await api.list("/apis/nobody.electorate.dev/v1/things")).status).toBe(404);
      expect((await api.list(`/apis/${WIDGET_GROUP}/v1/things`)).status).toBe(404);
      expect((await api.list(`/apis/${WIDGET_GROUP}/v2/widgets`)).status).toBe(404);
    },
  },
];
