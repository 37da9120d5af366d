/** What the server says about itself. */
import { expect } from "vitest";
import { among, type Case, including, matching, ok, refused, WIDGET_GROUP } from "../world.ts";

const AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

export const discoveryCases: readonly Case[] = [
  {
    title: "the probes answer 200 and ok",
    async run({ api }) {
      for (const path of ["/livez", "/readyz", "/healthz"])
        expect(await api.get(path)).toMatchObject({ status: 200, text: "ok" });
    },
  },
  {
    title: "/version tells major and minor as texts",
    async run({ api }) {
      expect(ok(await api.get("/version"))).toMatchObject({
        major: "1",
        minor: matching(/^\d+/),
        gitVersion: matching(/^v1\./),
      });
    },
  },
  {
    title: "/api names the versions of the core group",
    async run({ api }) {
      expect(ok(await api.get("/api"))).toMatchObject({ kind: "APIVersions", versions: ["v1"] });
    },
  },
  {
    title: "/apis names every group with its versions and the preferred one",
    async run({ api }) {
      const entry = (name: string) => {
        const version = { groupVersion: `${name}/v1`, version: "v1" };
        return including({
          name,
          versions: among([version]),
          preferredVersion: version,
        });
      };
      expect(ok(await api.get("/apis"))).toMatchObject({
        kind: "APIGroupList",
        groups: among(["coordination.k8s.io", "events.k8s.io", "authorization.k8s.io", WIDGET_GROUP].map(entry)),
      });
    },
  },
  {
    title: "the path of a group answers the group",
    async run({ api }) {
      expect(ok(await api.get("/apis/coordination.k8s.io"))).toMatchObject({
        kind: "APIGroup",
        name: "coordination.k8s.io",
        preferredVersion: { groupVersion: "coordination.k8s.io/v1", version: "v1" },
      });
    },
  },
  {
    title: "the path of a version answers its resources with kind, scope and verbs",
    async run({ api }) {
      const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
      expect(ok(await api.get("/apis/coordination.k8s.io/v1"))).toMatchObject({
        kind: "APIResourceList",
        groupVersion: "coordination.k8s.io/v1",
        resources: [{ name: "leases", singularName: "lease", kind: "Lease", namespaced: true, verbs }],
      });
      expect(ok(await api.get("/api/v1"))).toMatchObject({
        groupVersion: "v1",
        resources: among([
          including({
            name: "configmaps",
            kind: "ConfigMap",
            namespaced: true,
            shortNames: ["cm"],
            verbs,
          }),
          including({ name: "namespaces", kind: "Namespace", namespaced: false, shortNames: ["ns"] }),
        ]),
      });
    },
  },
  {
    title: "a custom kind is listed with its status subresource and its short names",
    async run({ api }) {
      expect(ok(await api.get(`/apis/${WIDGET_GROUP}/v1`))).toMatchObject({
        kind: "APIResourceList",
        resources: [
          { name: "widgets", singularName: "widget", kind: "Widget", namespaced: true, shortNames: ["wd"] },
          { name: "widgets/status", kind: "Widget", namespaced: true, verbs: ["get", "patch", "update"] },
        ],
      });
    },
  },
  {
    title: "aggregated discovery answers all groups at once, if asked for",
    async run({ api }) {
      const reply = await api.get("/apis", { accept: AGGREGATED });
      expect(reply.headers["content-type"]).toContain("as=APIGroupDiscoveryList");
      expect(ok(reply)).toMatchObject({
        kind: "APIGroupDiscoveryList",
        apiVersion: "apidiscovery.k8s.io/v2",
        items: among([
          including({
            metadata: including({ name: "coordination.k8s.io" }),
            versions: among([
              including({
                version: "v1",
                resources: among([
                  including({
                    resource: "leases",
                    scope: "Namespaced",
                    singularResource: "lease",
                    responseKind: including({ kind: "Lease" }),
                  }),
                ]),
              }),
            ]),
          }),
        ]),
      });
    },
  },
  {
    title: "a path that is nothing is 404",
    async run({ api }) {
      expect((await api.get("/apis/nobody.electorate.dev/v1")).status).toBe(404);
      expect((await api.get("/nothing")).status).toBe(404);
      refused(await api.get("/api/v1/namespaces/default/nothings"), 404, "NotFound");
    },
  },
  {
    title: "answers are application/json",
    async run({ api, configMaps }) {
      expect((await api.list(configMaps)).headers["content-type"]).toBe("application/json");
      expect((await api.get(`${configMaps}/nobody`)).headers["content-type"]).toBe("application/json");
    },
  },
];
