/** The chart on a real API server: every object is accepted as it is, and grants what it should, no more, no less. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import {
  type ControlPlane,
  controlPlaneMissing,
  requireControlPlane,
  startControlPlane,
} from "../support/control-plane.ts";
import { leasesPath } from "../support/lease-history.ts";
import { requireTools, runTool } from "../support/tools.ts";
import { until } from "../support/waiting.ts";
import { createCustomKinds, createNamespace, FULL_NAME, Release } from "./release.ts";
import { caseNames, caseValues, LEAST_VALUES, template } from "./rendering.ts";

const BOUND_MS = 30_000;
let plane: ControlPlane;
beforeAll(async () => {
  if (controlPlaneMissing() !== undefined) return;
  plane = await startControlPlane();
  await createCustomKinds(plane, readFileSync(join(import.meta.dirname, "custom-kinds.yaml"), "utf8"));
});
afterAll(() => plane?.stop());
beforeEach((context) => {
  requireControlPlane(context);
  requireTools(context, "helm");
});

const namespace = (name: string): Promise<unknown> => createNamespace(plane, name);

describe.each(caseNames())("the API server, given the values of %s", (name) => {
  it("refuses an object, drops a field of one, or warns of one", async () => {
    for (const needed of ["web", "other", "keys", "coordination"]) await namespace(needed);
    const { stdout } = await template(caseValues(name));
    const apply = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
    const { code, stderr } = await runTool("kubectl", apply, { KUBECONFIG: plane.kubeconfigPath }, stdout);
    // What a case adds to the pods by its own values may be laxer than what the chart asks for.
    const own = name === "knobs" ? stderr.replace(/^Warning: would violate PodSecurity.*\n/m, "") : stderr;
    expect({ code, stderr: own }).toEqual({ code: 0, stderr: "" });
  });
});

const rulesSchema = z.object({
  status: z.object({
    resourceRules: z.array(
      z.object({
        apiGroups: z.array(z.string()),
        resources: z.array(z.string()),
        verbs: z.array(z.string()),
        resourceNames: z.array(z.string()).optional(),
      }),
    ),
  }),
});

/** `verb resource.group` of all that a token may do in a namespace, without what everybody may. */
async function rights(token: string, within: string): Promise<readonly string[]> {
  const path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
  const { text } = await plane.call("POST", path, { spec: { namespace: within } }, token);
  const { resourceRules } = rulesSchema.parse(JSON.parse(text)).status;
  return resourceRules
    .flatMap(({ apiGroups, resources, verbs, resourceNames = [""] }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.flatMap((verb) =>
            resourceNames.map((one) => [verb, group === "" ? resource : `${resource}.${group}`, one].join(" ").trim()),
          ),
        ),
      ),
    )
    .filter((right) => !right.includes("selfsubject"))
    .toSorted();
}

const every = (verbs: string, resource: string): string[] => verbs.split(" ").map((verb) => `${verb} ${resource}`);
const COORDINATION = [
  ...every("get list watch create update patch delete", "leases.coordination.k8s.io"),
  "create events.events.k8s.io",
];

describe("the service account", () => {
  it.each<readonly [string, object, Readonly<Record<string, readonly string[]>>]>([
    [
      "everywhere by default",
      {},
      {
        home: [...COORDINATION, ...every("get list watch", "configmaps")],
        away: every("get list watch", "configmaps"),
      },
    ],
    [
      "in the namespaces that a resource names",
      {
        resources: [
          { resource: "configmaps", namespaces: ["away"], verbs: ["patch", "delete"] },
          { resource: "deployments.v1.apps", namespaces: ["away", "home"] },
        ],
      },
      {
        home: [...COORDINATION, ...every("get list watch", "deployments.apps")],
        away: [...every("get list watch patch delete", "configmaps"), ...every("get list watch", "deployments.apps")],
      },
    ],
    [
      "for the children of a resource, and for what is watched for it",
      {
        resources: [
          {
            resource: "configmaps",
            namespaces: ["away"],
            owns: ["deployments.apps", { resource: "services", verbs: ["create"] }],
            watches: [
              { resource: "nodes", map: "./handlers.js#ofNode" },
              { resource: "pods", namespaces: ["home"], map: "./handlers.js#ofPod", verbs: ["patch"] },
            ],
          },
        ],
      },
      {
        home: [...COORDINATION, ...every("get list watch", "nodes"), ...every("get list watch patch", "pods")],
        away: [
          ...every("get list watch", "configmaps"),
          ...every("get list watch", "deployments.apps"),
          ...every("get list watch", "nodes"),
          ...every("get list watch create", "services"),
        ],
      },
    ],
    [
      "where the Leases are elsewhere, with proof of death and rules of its own",
      {
        lease: { namespace: "away", proofOfDeath: true },
        rbac: {
          rules: [{ apiGroups: [""], resources: ["secrets"], resourceNames: ["shop"], verbs: ["get"] }],
          clusterRules: [{ apiGroups: [""], resources: ["nodes"], verbs: ["get"] }],
        },
      },
      {
        home: [
          "create events.events.k8s.io",
          "get nodes",
          "get pods",
          "watch pods",
          "get secrets shop",
          ...every("get list watch", "configmaps"),
        ],
        away: [...COORDINATION, "get nodes", ...every("get list watch", "configmaps")],
      },
    ],
    [
      "in static mode, where it patches the Leases of its shards alone",
      { lease: { static: true }, resources: [{ resource: "configmaps", buckets: 2 }] },
      {
        home: [
          ...every("get list watch create update delete", "leases.coordination.k8s.io"),
          "patch leases.coordination.k8s.io shop-electorate-configmaps-00",
          "patch leases.coordination.k8s.io shop-electorate-configmaps-01",
          "create events.events.k8s.io",
          ...every("get list watch", "configmaps"),
        ],
        away: every("get list watch", "configmaps"),
      },
    ],
    [
      "to ask who may read metrics",
      { http: { authorizeMetrics: true } },
      {
        home: [
          ...COORDINATION,
          "create subjectaccessreviews.authorization.k8s.io",
          "create tokenreviews.authentication.k8s.io",
          ...every("get list watch", "configmaps"),
        ],
        away: [
          "create subjectaccessreviews.authorization.k8s.io",
          "create tokenreviews.authentication.k8s.io",
          ...every("get list watch", "configmaps"),
        ],
      },
    ],
    [
      "without any election",
      { leaderElection: "none" },
      { home: every("get list watch", "configmaps"), away: every("get list watch", "configmaps") },
    ],
  ])("may do more, or less, than it needs: %s", async (_, values, wanted) => {
    await namespace("home");
    await namespace("away");
    const release = new Release(plane, "home");
    const installed = await release.install({ ...LEAST_VALUES, ...values });
    expect(installed).toMatchObject({ code: 0 });
    onTestFinished(async () => {
      await release.helm(["uninstall", "shop"]);
      await plane.must("DELETE", `/api/v1/namespaces/home/pods/shop-0`);
    });
    const { token } = await release.kubeconfigOf("shop-0");
    for (const [within, expected] of Object.entries(wanted)) {
      const allowed = await until(
        `the rights of ${within}`,
        BOUND_MS,
        async () => {
          const found = await rights(token, within);
          return JSON.stringify(found) === JSON.stringify([...expected].sort()) ? found : undefined;
        },
        () => `wanted ${[...expected].sort().join(", ")}`,
      );
      expect(allowed).toEqual([...expected].sort());
    }
  });
});

describe("the admission policy", () => {
  it("lets anybody but the holder, the taker and the giver write a Lease's spec, or keeps people from asking", async () => {
    const within = "guarded";
    await namespace(within);
    const release = new Release(plane, within);
    expect(await release.install({ ...LEAST_VALUES, admissionPolicy: { enabled: true } })).toMatchObject({ code: 0 });
    const { token: a } = await release.kubeconfigOf("shop-a");
    const { token: b } = await release.kubeconfigOf("shop-b");
    const person = undefined;
    const lease = `${FULL_NAME}-configmaps-00`;
    const member = `${FULL_NAME}-member-b`;
    const labels = { "electorate.dev/coordinator": FULL_NAME };

    const create = async (by: string | undefined, name: string, holder?: string, role = "shard"): Promise<number> => {
      const spec = holder === undefined ? {} : { spec: { holderIdentity: holder, leaseDurationSeconds: 15 } };
      const metadata = { name, labels: { ...labels, "electorate.dev/role": role } };
      return (await plane.call("POST", leasesPath(within), { metadata, ...spec }, by)).status;
    };
    const write = async (by: string | undefined, name: string, holder: string, annotations = {}): Promise<number> => {
      const read: unknown = JSON.parse(await plane.must("GET", leasesPath(within, name)));
      const { metadata, spec } = z.object({ metadata: z.looseObject({}), spec: z.looseObject({}) }).parse(read);
      const body = { metadata: { ...metadata, annotations }, spec: { ...spec, holderIdentity: holder } };
      return (await plane.call("PUT", leasesPath(within, name), body, by)).status;
    };
    const remove = async (by: string | undefined, name: string): Promise<number> =>
      (await plane.call("DELETE", leasesPath(within, name), undefined, by)).status;

    await until("the policy is obeyed", BOUND_MS, async () => {
      const name = `${FULL_NAME}-probe`;
      const status = await create(person, name, "somebody");
      if (status === 201) await remove(person, name);
      return status === 422 ? true : undefined;
    });
    const DENIED = 422;
    expect(await create(a, lease, "shop-a_1")).toBe(201);
    expect(await create(a, "elsewhere", "shop-a_1")).toBe(DENIED);
    expect(await create(a, `${FULL_NAME}-control`)).toBe(DENIED);
    expect(await create(a, `${FULL_NAME}-notes`)).toBe(DENIED);
    expect(await create(person, `${FULL_NAME}-configmaps-01`)).toBe(201);
    expect(await write(person, lease, "person_1")).toBe(DENIED);
    expect(await write(person, lease, "shop-a_1", { "electorate.dev/pin": "shop-b" })).toBe(200);
    expect(await write(b, lease, "shop-c_1")).toBe(DENIED);
    expect(await write(a, lease, "shop-b_1")).toBe(200);
    expect(await write(a, lease, "")).toBe(DENIED);
    expect(await write(a, lease, "shop-a_1")).toBe(200);
    expect(await create(b, member, "shop-b_1", "member")).toBe(201);
    expect(await write(a, member, "")).toBe(DENIED);
    expect(await write(a, member, "", { "electorate.dev/fence": "shop-b_1;1" })).toBe(200);
    expect((await plane.call("POST", leasesPath(within), { metadata: { name: "elsewhere" } })).status).toBe(201);
    expect(await write(a, "elsewhere", "shop-a_1")).toBe(DENIED);
    expect(await remove(a, "elsewhere")).toBe(DENIED);
    expect(await remove(a, member)).toBe(200);
    expect(await remove(a, `${FULL_NAME}-configmaps-01`)).toBe(200);
    expect(await remove(person, lease)).toBe(200);
  });
});
