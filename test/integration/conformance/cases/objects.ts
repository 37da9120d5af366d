/** create, get and update of whole objects. */
import { expect } from "vitest";
import {
  type Case,
  child,
  configMap,
  created,
  itemsOf,
  lease,
  metadataOf,
  nameOf,
  newer,
  ok,
  refused,
  uidOf,
  versionOf,
  withMetadata,
} from "../world.ts";

export const objectCases: readonly Case[] = [
  {
    title: "a POST answers 201 with uid, resourceVersion, creationTimestamp and the namespace of the URL",
    async run({ api, namespace, configMaps }) {
      const body = await created(api, configMaps, configMap("a", { k: "v" }));
      expect(body).toMatchObject({ kind: "ConfigMap", apiVersion: "v1", data: { k: "v" } });
      const metadata = metadataOf(body);
      expect(metadata).toMatchObject({ name: "a", namespace });
      expect(metadata["uid"]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
      expect(metadata["resourceVersion"]).toMatch(/^[1-9]\d*$/);
      expect(metadata["creationTimestamp"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(metadata).not.toHaveProperty("generation");
    },
  },
  {
    title: "a POST without kind and apiVersion takes them from the URL",
    async run({ api, configMaps }) {
      const body = ok(await api.post(configMaps, { metadata: { name: "a" } }), 201);
      expect(body).toMatchObject({ kind: "ConfigMap", apiVersion: "v1" });
    },
  },
  {
    title: "uid and creationTimestamp that a POST brings are replaced by the server's own",
    async run({ api, configMaps }) {
      const given = { uid: "00000000-0000-0000-0000-000000000001", creationTimestamp: "2001-01-01T00:00:00Z" };
      const body = await created(api, configMaps, configMap("a", undefined, given));
      expect(uidOf(body)).not.toBe(given.uid);
      expect(metadataOf(body)["creationTimestamp"]).not.toBe(given.creationTimestamp);
    },
  },
  {
    title: "a POST with a resourceVersion is refused",
    async run({ api, configMaps }) {
      const reply = await api.post(configMaps, configMap("a", undefined, { resourceVersion: "1" }));
      expect(reply.status).toBe(500);
      expect(reply.body).toMatchObject({ message: "resourceVersion should not be set on objects to be created" });
      refused(await api.get(`${configMaps}/a`), 404, "NotFound");
    },
  },
  {
    title: "a POST of a name that exists is 409 AlreadyExists, not Conflict, and changes nothing",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { holderIdentity: "x" }));
      refused(await api.post(leases, lease("a", { holderIdentity: "y" })), 409, "AlreadyExists", {
        message: 'leases.coordination.k8s.io "a" already exists',
        details: { name: "a", group: "coordination.k8s.io", kind: "leases" },
      });
      expect(ok(await api.get(`${leases}/a`))).toEqual(first);
    },
  },
  {
    title: "generateName makes a name of the prefix and five letters or digits, new each time",
    async run({ api, configMaps }) {
      const bodies = await Promise.all(
        [1, 2, 3].map(() => api.post(configMaps, { metadata: { generateName: "job-" } })),
      );
      const names = bodies.map((reply) => nameOf(ok(reply, 201)));
      for (const name of names) expect(name).toMatch(/^job-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
      expect(new Set(names).size).toBe(3);
      expect(metadataOf(ok(await api.get(`${configMaps}/${names[0]}`)))["generateName"]).toBe("job-");
    },
  },
  {
    title: "a name wins over generateName",
    async run({ api, configMaps }) {
      const body = await created(api, configMaps, { metadata: { name: "plain", generateName: "job-" } });
      expect(metadataOf(body)).toMatchObject({ name: "plain", generateName: "job-" });
    },
  },
  {
    title: "a long generateName is cut so that the name stays within 63 characters",
    async run({ api, configMaps }) {
      const name = nameOf(await created(api, configMaps, { metadata: { generateName: "a".repeat(80) } }));
      expect(name).toMatch(/^a{58}[a-z0-9]{5}$/);
    },
  },
  {
    title: "a POST with neither name nor generateName is 422",
    async run({ api, configMaps }) {
      refused(await api.post(configMaps, { metadata: {} }), 422, "Invalid", {
        details: {
          kind: "ConfigMap",
          causes: [
            {
              reason: "FieldValueRequired",
              field: "metadata.name",
              message: "Required value: name or generateName is required",
            },
          ],
        },
      });
    },
  },
  {
    title: "a POST whose namespace is not that of the URL is 400",
    async run({ api, configMaps }) {
      refused(await api.post(configMaps, configMap("a", undefined, { namespace: "other" })), 400, "BadRequest", {
        message: "the namespace of the provided object does not match the namespace sent on the request",
      });
    },
  },
  {
    title: "a POST of another kind than the URL's is 400",
    async run({ api, leases }) {
      refused(await api.post(leases, configMap("a")), 400, "BadRequest");
    },
  },
  {
    title: "a POST to the path of an object is 405",
    async run({ api, configMaps }) {
      refused(await api.post(`${configMaps}/a`, configMap("a")), 405, "MethodNotAllowed");
    },
  },
  {
    title: "a PUT to a collection is 405",
    async run({ api, configMaps }) {
      refused(await api.put(configMaps, configMap("a")), 405, "MethodNotAllowed");
    },
  },
  {
    title: "a body that is no JSON is 400",
    async run({ api, configMaps }) {
      refused(await api.post(configMaps, "{ nonsense"), 400, "BadRequest");
      refused(await api.post(configMaps, ""), 400, "BadRequest");
    },
  },
  {
    title: "a body of an unknown content type is 415",
    async run({ api, configMaps }) {
      const reply = await api.post(configMaps, JSON.stringify(configMap("a")), { contentType: "text/plain" });
      refused(reply, 415, "UnsupportedMediaType");
    },
  },
  {
    title: "a GET of what is missing is 404 and names it",
    async run({ api, leases, configMaps }) {
      refused(await api.get(`${leases}/nobody`), 404, "NotFound", {
        message: 'leases.coordination.k8s.io "nobody" not found',
        details: { name: "nobody", group: "coordination.k8s.io", kind: "leases" },
      });
      refused(await api.get(`${configMaps}/nobody`), 404, "NotFound", {
        message: 'configmaps "nobody" not found',
        details: { name: "nobody", kind: "configmaps" },
      });
    },
  },
  {
    title: "a PUT answers 200 with a higher resourceVersion and the same uid and creationTimestamp",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a", { k: "1" }));
      const second = ok(await api.put(`${configMaps}/a`, { ...first, data: { k: "2" } }));
      expect(second).toMatchObject({ data: { k: "2" } });
      expect(newer(versionOf(second), versionOf(first))).toBe(true);
      expect(uidOf(second)).toBe(uidOf(first));
      expect(metadataOf(second)["creationTimestamp"]).toBe(metadataOf(first)["creationTimestamp"]);
      expect(ok(await api.get(`${configMaps}/a`))).toEqual(second);
    },
  },
  {
    title: "a PUT replaces the whole object: labels and data that it leaves out are gone",
    async run({ api, configMaps }) {
      const first = await created(
        api,
        configMaps,
        configMap("a", { k: "1" }, { labels: { l: "1" }, annotations: { n: "1" } }),
      );
      const second = ok(
        await api.put(`${configMaps}/a`, configMap("a", undefined, { resourceVersion: versionOf(first) })),
      );
      expect(second).not.toHaveProperty("data");
      expect(metadataOf(second)).not.toHaveProperty("labels");
      expect(metadataOf(second)).not.toHaveProperty("annotations");
    },
  },
  {
    title: "a PUT with the name of another object is 400",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a"));
      refused(await api.put(`${configMaps}/b`, first), 400, "BadRequest", {
        message: "the name of the object (a) does not match the name on the URL (b)",
      });
    },
  },
  {
    title: "a PUT without a name is 400",
    async run({ api, configMaps }) {
      await created(api, configMaps, configMap("a"));
      refused(await api.put(`${configMaps}/a`, { metadata: {} }), 400, "BadRequest");
    },
  },
  {
    title: "a PUT to a missing ConfigMap is 404: only some kinds are created by it",
    async run({ api, configMaps }) {
      refused(await api.put(`${configMaps}/a`, configMap("a")), 404, "NotFound");
    },
  },
  {
    title: "resourceVersions grow over all kinds of the server",
    async run({ api, configMaps, leases, secrets }) {
      const versions = [
        versionOf(await created(api, configMaps, configMap("a"))),
        versionOf(await created(api, leases, lease("a"))),
        versionOf(await created(api, secrets, { metadata: { name: "a" } })),
        versionOf(await created(api, configMaps, configMap("b"))),
      ];
      for (const [index, version] of versions.slice(1).entries())
        expect(newer(version, versions[index] ?? "")).toBe(true);
    },
  },
  {
    title: "a write with dryRun=All is checked and answered but not stored",
    async run({ api, configMaps }) {
      const body = ok(await api.post(configMaps, configMap("a", { k: "v" }), { query: { dryRun: "All" } }), 201);
      expect(body).toMatchObject({ data: { k: "v" } });
      expect(uidOf(body)).not.toBe("");
      refused(await api.get(`${configMaps}/a`), 404, "NotFound");
      const first = await created(api, configMaps, configMap("a", { k: "v" }));
      expect(
        ok(await api.put(`${configMaps}/a`, { ...first, data: { k: "w" } }, { query: { dryRun: "All" } })),
      ).toMatchObject({ data: { k: "w" } });
      ok(await api.delete(`${configMaps}/a`, undefined, { query: { dryRun: "All" } }));
      expect(ok(await api.get(`${configMaps}/a`))).toEqual(first);
    },
  },
  {
    title: "another value of dryRun is refused",
    async run({ api, configMaps }) {
      const reply = await api.post(configMaps, configMap("a"), { query: { dryRun: "Some" } });
      refused(reply, 422, "Invalid", { details: { group: "meta.k8s.io", kind: "CreateOptions" } });
    },
  },
  {
    title: "an unknown field is dropped with a warning by default and refused with fieldValidation=Strict",
    async run({ api, configMaps }) {
      const body = ok(await api.post(configMaps, { ...configMap("a"), surprise: 1 }), 201);
      expect(body).not.toHaveProperty("surprise");
      const warned = await api.post(configMaps, { ...configMap("c"), surprise: 1 });
      expect(warned.headers["warning"]).toBe('299 - "unknown field \\"surprise\\""');
      const strict = await api.post(
        configMaps,
        { ...configMap("b"), surprise: 1 },
        { query: { fieldValidation: "Strict" } },
      );
      refused(strict, 400, "BadRequest");
      expect(strict.text).toContain("surprise");
      refused(await api.get(`${configMaps}/b`), 404, "NotFound");
    },
  },
  {
    title: "a Secret's stringData is written and never read: it becomes base64 in data",
    async run({ api, secrets }) {
      const body = await created(api, secrets, { metadata: { name: "a" }, stringData: { k: "value" } });
      expect(body).toMatchObject({ data: { k: Buffer.from("value").toString("base64") }, type: "Opaque" });
      expect(body).not.toHaveProperty("stringData");
    },
  },
  {
    title: "an immutable ConfigMap keeps its data",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, { ...configMap("a", { k: "1" }), immutable: true });
      refused(await api.put(`${configMaps}/a`, { ...first, data: { k: "2" } }), 422, "Invalid", {
        details: { causes: [{ reason: "FieldValueForbidden", field: "data" }] },
      });
    },
  },
  {
    title: "a creationTimestamp that a PUT brings is ignored, not refused",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a"));
      const body = ok(
        await api.put(
          `${configMaps}/a`,
          withMetadata(first, { creationTimestamp: "2001-01-01T00:00:00Z", labels: { l: "1" } }),
        ),
      );
      expect(metadataOf(body)["creationTimestamp"]).toBe(metadataOf(first)["creationTimestamp"]);
      expect(metadataOf(body)["labels"]).toEqual({ l: "1" });
    },
  },
  {
    title: "two namespaces hold objects of one name apart, and a list over all namespaces shows both",
    async run({ api, namespace, configMaps }) {
      const other = `${namespace}-b`;
      ok(await api.post("/api/v1/namespaces", { metadata: { name: other } }), 201);
      await created(api, configMaps, configMap("same", { of: "first" }));
      await created(api, `/api/v1/namespaces/${other}/configmaps`, configMap("same", { of: "second" }));
      const all = ok(await api.list("/api/v1/configmaps", { fieldSelector: "metadata.name=same" }));
      const mine = itemsOf(all).filter((one) =>
        [namespace, other].some((name) => name === metadataOf(one)["namespace"]),
      );
      // In the order of the keys `namespace/name`: "-" comes before "/".
      expect(mine.map((one) => child(one, "data"))).toEqual([{ of: "second" }, { of: "first" }]);
    },
  },
  {
    title: "a body in YAML is read like JSON",
    async run({ api, configMaps }) {
      const text = "metadata:\n  name: a\ndata: {k: v, m: '1'}\n";
      const body = ok(await api.post(configMaps, text, { contentType: "application/yaml" }), 201);
      expect(body).toMatchObject({ kind: "ConfigMap", metadata: { name: "a" }, data: { k: "v", m: "1" } });
    },
  },
  {
    title: "a ConfigMap above 1 MiB is 422, and a body above 3 MiB 413",
    async run({ api, configMaps }) {
      refused(await api.post(configMaps, configMap("a", { k: "x".repeat(1_048_577) })), 422, "Invalid", {
        details: { causes: [{ reason: "FieldValueTooLong" }] },
      });
      refused(await api.post(configMaps, configMap("a", { k: "x".repeat(3_200_000) })), 413, "RequestEntityTooLarge");
    },
  },
  {
    title: "watch=true on the path of one object is a plain GET",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a"));
      expect(ok(await api.get(`${configMaps}/a`, { query: { watch: "true" } }))).toEqual(first);
    },
  },
];
