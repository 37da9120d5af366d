/** Names, labels, annotations and other metadata that a server must refuse. */
import { expect } from "vitest";
import type { Body } from "../client.ts";
import {
  among,
  type Case,
  configMap,
  created,
  including,
  lease,
  metadataOf,
  nameOf,
  ok,
  refused,
  versionOf,
  widget,
  withMetadata,
} from "../world.ts";

/** A case in which an object's metadata is refused with 422 because of one field. */
function refusedMetadata(title: string, metadata: Body, field: string): Case {
  return {
    title,
    async run({ api, configMaps }) {
      refused(await api.post(configMaps, { metadata: { name: "a", ...metadata } }), 422, "Invalid", {
        details: { kind: "ConfigMap", causes: among([including({ field })]) },
      });
    },
  };
}

const badName = (title: string, name: string): Case => ({
  title,
  async run({ api, leases, configMaps, widgets }) {
    const causes = [{ reason: "FieldValueInvalid", field: "metadata.name" }];
    refused(await api.post(leases, lease(name)), 422, "Invalid", { details: { name, causes } });
    refused(await api.post(configMaps, configMap(name)), 422, "Invalid", { details: { name, causes } });
    refused(await api.post(widgets, widget(name)), 422, "Invalid", { details: { name, causes } });
  },
});

export const validationCases: readonly Case[] = [
  badName("a name with upper case is 422", "Shop"),
  badName("a name with an underscore is 422", "shop_a"),
  badName("a name that begins with a hyphen is 422", "-shop"),
  badName("a name that ends with a dot is 422", "shop."),
  badName("a name with a space is 422", "shop a"),
  badName("a name of 254 characters is 422", "a".repeat(254)),
  {
    title: "a name of 253 characters with dots is accepted",
    async run({ api, leases }) {
      const name = `${"a".repeat(63)}.${"b".repeat(189)}`;
      expect(nameOf(await created(api, leases, lease(name)))).toBe(name);
      ok(await api.get(`${leases}/${name}`));
    },
  },
  {
    title: "a name in a body with a slash is 422",
    async run({ api, configMaps }) {
      refused(await api.post(configMaps, configMap("a/b")), 422, "Invalid");
    },
  },
  refusedMetadata("a label value of 64 characters is 422", { labels: { l: "a".repeat(64) } }, "metadata.labels"),
  refusedMetadata("a label value with a slash is 422", { labels: { l: "a/b" } }, "metadata.labels"),
  refusedMetadata("a label value that ends with a hyphen is 422", { labels: { l: "a-" } }, "metadata.labels"),
  refusedMetadata("a label key with two slashes is 422", { labels: { "a/b/c": "x" } }, "metadata.labels"),
  refusedMetadata("a label key of 64 characters is 422", { labels: { ["k".repeat(64)]: "x" } }, "metadata.labels"),
  refusedMetadata(
    "a label key whose prefix has upper case is 422",
    { labels: { "Shop.dev/a": "x" } },
    "metadata.labels",
  ),
  refusedMetadata("an annotation key with a space is 422", { annotations: { "a b": "x" } }, "metadata.annotations"),
  refusedMetadata(
    "annotations above 256 KiB are 422",
    { annotations: { a: "x".repeat(262_145) } },
    "metadata.annotations",
  ),
  refusedMetadata(
    "a generateName with an underscore is 422",
    { name: undefined, generateName: "a_b" },
    "metadata.generateName",
  ),
  {
    title: "an empty label value, one of 63 characters and an annotation of any text are accepted",
    async run({ api, configMaps }) {
      const metadata = { labels: { empty: "", "a.dev/long": "a".repeat(63) }, annotations: { note: "ä\n\t{}☂" } };
      expect(metadataOf(await created(api, configMaps, configMap("a", undefined, metadata)))).toMatchObject(metadata);
    },
  },
  {
    title: "a label that is a number is 400: it cannot be read",
    async run({ api, configMaps }) {
      refused(await api.post(configMaps, configMap("a", undefined, { labels: { l: 1 } })), 400, "BadRequest");
    },
  },
  {
    title: "a ConfigMap's values are texts: a number is 400",
    async run({ api, configMaps }) {
      refused(await api.post(configMaps, configMap("a", { k: 1 })), 400, "BadRequest");
    },
  },
  {
    title: "a ConfigMap's key with a slash is 422",
    async run({ api, configMaps }) {
      refused(await api.post(configMaps, configMap("a", { "k/l": "v" })), 422, "Invalid", {
        details: { causes: [{ field: "data[k/l]" }] },
      });
    },
  },
  {
    title: "several problems are reported at once, each as a cause",
    async run({ api, leases }) {
      const body = lease("Bad", { leaseDurationSeconds: 0, leaseTransitions: -1 }, { labels: { l: "a b" } });
      const reply = await api.post(leases, body);
      refused(reply, 422, "Invalid");
      for (const field of ["metadata.name", "metadata.labels", "spec.leaseDurationSeconds", "spec.leaseTransitions"]) {
        expect(reply.body).toMatchObject({
          details: { causes: among([including({ field })]) },
        });
      }
    },
  },
  {
    title: "a bad label is refused by PUT and PATCH as well, and the object stays as it was",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      refused(await api.put(`${leases}/a`, withMetadata(first, { labels: { l: "a b" } })), 422, "Invalid");
      refused(await api.patch(`${leases}/a`, { metadata: { labels: { l: "a b" } } }), 422, "Invalid");
      expect(versionOf(ok(await api.get(`${leases}/a`)))).toBe(versionOf(first));
    },
  },
  {
    title: "an owner reference needs apiVersion, kind, name and uid",
    async run({ api, configMaps }) {
      const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u-1" };
      const accepted = await created(api, configMaps, configMap("a", undefined, { ownerReferences: [owner] }));
      expect(metadataOf(accepted)["ownerReferences"]).toEqual([owner]);
      const reply = await api.post(configMaps, configMap("b", undefined, { ownerReferences: [{ ...owner, uid: "" }] }));
      refused(reply, 422, "Invalid", { details: { causes: [{ field: "metadata.ownerReferences.uid" }] } });
    },
  },
];
