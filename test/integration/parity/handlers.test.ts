import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubernetesObject } from "../../../src/kube/api.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import { connect, type KubeConnection } from "../../../src/kube/connection.ts";
import { setCondition } from "../../../src/reconcile/conditions.ts";
import { addFinalizer, removeFinalizer } from "../../../src/reconcile/finalizers.ts";
import { createGuardedClient } from "../../../src/reconcile/guarded-client.ts";
import { ReadCaches } from "../../../src/reconcile/read-caches.ts";
import { createResourceFinder } from "../../../src/reconcile/resource-finder.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  requireControlPlane,
  startControlPlane,
} from "../../support/control-plane.ts";

/** What handlers do with objects, on a real API server. */

const NAMESPACE = "handlers";
const CONFIG_MAPS = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };

let plane: ControlPlane | undefined;
let connection: KubeConnection | undefined;
beforeAll(async () => {
  if (controlPlaneMissing() !== undefined) return;
  plane = await startControlPlane();
  await plane.namespace(NAMESPACE);
  connection = await connect({ component: "shop", kubeconfig: plane.kubeconfigPath });
});
afterAll(async () => {
  await connection?.close();
  await plane?.stop();
});

/** The client of a term that does not end. */
function client() {
  if (connection === undefined) throw new Error("the control plane was not started");
  const api = new KubeClient(connection.objects);
  return createGuardedClient({
    api,
    resource: CONFIG_MAPS,
    gate: { permitsWrite: () => true, remainingMs: () => 10_000, signal: new AbortController().signal },
    quiesceMs: 2_000,
    resources: createResourceFinder(api),
    caches: new ReadCaches(),
    fieldManager: "shop",
  });
}

const named = (name: string): KubernetesObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: NAMESPACE, name },
});

function deployment(name: string, image: string): KubernetesObject {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: "main", image }] } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace: NAMESPACE, name },
    spec: { replicas: 1, selector: { matchLabels: labels }, template },
  };
}
const DEPLOYMENTS = { resource: "deployments.apps" };

describe("the guarded client on a real API server", () => {
  test("applies over what others own, or drops its own fields with theirs", async (context) => {
    requireControlPlane(context);
    const till = { ...named("till"), data: { coins: "1", notes: "2" } };
    await client().apply(till);
    await client().patch(till.metadata, { data: { coins: "9" } });
    await expect(client().apply(till)).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(".data.coins") as string,
    });
    const forced = await client().apply({ ...till, data: { coins: "1" } }, { force: true });
    expect(forced["data"]).toEqual({ coins: "1" });
    await client().delete(forced);
    await expect(client().apply(forced)).rejects.toMatchObject({ code: "misuse" });
    const { managedFields: _, resourceVersion: __, ...metadata } = forced.metadata;
    await expect(client().apply({ ...forced, metadata })).rejects.toMatchObject({ code: "conflict" });
  });

  test("patches a version that it has not seen, or says that the patch is wrong", async (context) => {
    requireControlPlane(context);
    const old = await client().create({ ...named("cart"), data: { apples: "1" } });
    const seen = await client().patch(old.metadata, [{ op: "add", path: "/data/pears", value: "2" }], { of: old });
    expect(seen["data"]).toEqual({ apples: "1", pears: "2" });
    const more = [{ op: "remove", path: "/data/apples" }];
    for (const patch of [more, { data: { apples: null } }]) {
      await expect(client().patch(old.metadata, patch, { of: old })).rejects.toMatchObject({ code: "conflict" });
    }
    await expect(client().update({ ...old, data: {} })).rejects.toMatchObject({ code: "conflict" });
    await expect(client().delete(old)).rejects.toMatchObject({ code: "conflict" });
    await client().delete(old, { ifUnchanged: false });
    await expect(client().get(old.metadata)).rejects.toMatchObject({ code: "not-found" });
    const next = await client().create(named("cart"));
    await expect(client().delete(old, { ifUnchanged: false })).rejects.toMatchObject({ code: "conflict" });
    await client().delete(next, { propagationPolicy: "Orphan" });
  });

  test("loses containers by a patch of one of them, or the status of an object by its spec", async (context) => {
    requireControlPlane(context);
    const owner = await client().create(named("owner"));
    const made = await client().apply(deployment("web", "web:1"), { ...DEPLOYMENTS, controller: owner });
    const reference = { ...made.metadata, ...DEPLOYMENTS };
    const sidecar = { spec: { template: { spec: { containers: [{ name: "proxy", image: "proxy:1" }] } } } };
    const patched = await client().patch(reference, sidecar, { kind: "strategic", of: made });
    expect(patched).toMatchObject({
      spec: { template: { spec: { containers: [{ name: "proxy" }, { name: "main" }] } } },
    });
    await expect(client().patch(reference, sidecar, { kind: "strategic", of: made })).rejects.toMatchObject({
      code: "conflict",
    });
    const ready = { type: "Available", status: "True", reason: "Test", message: "up" } as const;
    // A Deployment's conditions know no generation.
    const { generation: _, ...metadata } = patched.metadata;
    const { object: stated } = setCondition({ ...patched, metadata }, ready);
    const updated = await client().updateStatus(stated, DEPLOYMENTS);
    expect(updated).toMatchObject({ status: { conditions: [ready] }, spec: patched["spec"] });
    const counted = await client().patchStatus(reference, { status: { replicas: 3 } }, { of: updated });
    expect(counted).toMatchObject({ status: { replicas: 3, conditions: [ready] } });
    const children = await client().list({ ...DEPLOYMENTS, namespace: NAMESPACE, controlledBy: owner });
    expect(children.map(({ metadata }) => metadata.name)).toEqual(["web"]);
    expect(
      await client().list({ ...DEPLOYMENTS, controlledBy: { ...owner, metadata: { name: "x", uid: "y" } } }),
    ).toEqual([]);
  });

  test("an object with a finalizer goes before its time, or never", async (context) => {
    requireControlPlane(context);
    const made = await client().create(named("held"));
    const held = await client().update(addFinalizer(made, "shop.example.com/till").object);
    await client().delete(held);
    const going = await client().get(held.metadata, { fresh: true });
    expect(going.metadata.deletionTimestamp).toBeDefined();
    expect(addFinalizer(going, "shop.example.com/late").changed).toBe(false);
    await client().update(removeFinalizer(going, "shop.example.com/till").object);
    await expect(client().get(held.metadata)).rejects.toMatchObject({ code: "not-found" });
  });
});
