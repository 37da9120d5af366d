import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../src/kube/api.ts";
import {
  controllerOf,
  isControlledBy,
  setControllerReference,
  setOwnerReference,
} from "../../../src/reconcile/owners.ts";
import { matching } from "./client-world.ts";

function shop(name: string, uid = `uid-of-${name}`, namespace: string | undefined = "default"): KubernetesObject {
  return {
    apiVersion: "shop.example/v1",
    kind: "Shop",
    metadata: { name, uid, ...(namespace === undefined ? {} : { namespace }) },
  };
}

const child: KubernetesObject = { kind: "ConfigMap", metadata: { namespace: "default", name: "stock" } };
const reference = { apiVersion: "shop.example/v1", kind: "Shop", name: "a", uid: "uid-of-a" };

describe("setControllerReference", () => {
  it("names the owner wrongly, and the garbage collector deletes the child or keeps it for ever", () => {
    const owned = setControllerReference(shop("a"), child);
    expect(owned).toEqual({
      ...child,
      metadata: { ...child.metadata, ownerReferences: [{ ...reference, controller: true, blockOwnerDeletion: true }] },
    });
    expect(child.metadata).toEqual({ namespace: "default", name: "stock" });
    expect(controllerOf(owned)).toMatchObject(reference);
    expect(isControlledBy(owned, shop("a"))).toBe(true);
    expect(isControlledBy(owned, shop("a", "another-uid"))).toBe(false);
    expect(setControllerReference(shop("a"), child, { blockOwnerDeletion: false }).metadata.ownerReferences).toEqual([
      { ...reference, controller: true, blockOwnerDeletion: false },
    ]);
  });

  it("gives a child two controllers, which fight over it", () => {
    const owned = setControllerReference(shop("a"), child);
    expect(() => setControllerReference(shop("b"), owned)).toThrow(
      expect.objectContaining({
        code: "already-owned",
        message: matching(/"default\/stock" is controlled by Shop "a" already, .*"default\/b"/),
      }),
    );
  });

  it("writes again what is there already, or misses that the owner was made anew", () => {
    const owned = setControllerReference(shop("a"), child);
    expect(setControllerReference(shop("a"), owned)).toBe(owned);
    const again = setControllerReference(shop("a", "newer"), owned);
    expect(again.metadata.ownerReferences).toEqual([
      { ...reference, uid: "newer", controller: true, blockOwnerDeletion: true },
    ]);
  });

  it("forgets other owners, or makes of a plain owner a second reference", () => {
    const both = setOwnerReference(shop("a"), setOwnerReference(shop("b"), child));
    const owned = setControllerReference(shop("a"), both);
    expect(owned.metadata.ownerReferences).toEqual([
      { ...reference, name: "b", uid: "uid-of-b" },
      { ...reference, controller: true, blockOwnerDeletion: true },
    ]);
    // A controller that is named as an owner stays the controller.
    expect(setOwnerReference(shop("a"), owned)).toBe(owned);
  });

  it.each<[string, KubernetesObject, KubernetesObject, RegExp]>([
    ["an owner in another namespace", shop("a", "u", "other"), child, /Shop "other\/a" cannot own .*another namespace/],
    ["a cluster-scoped child", shop("a"), { kind: "ClusterRole", metadata: { name: "r" } }, /child is cluster-scoped/],
    [
      "an owner without uid",
      { ...shop("a"), metadata: { name: "a", namespace: "default" } },
      child,
      /lacks metadata.uid/,
    ],
    ["an owner without type", { metadata: shop("a").metadata }, child, /lacks apiVersion, kind/],
    [
      "metadata alone",
      { ...shop("a"), apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadata" },
      child,
      /metadataOnly/,
    ],
  ])("lets %s pass, and the child is deleted under its owner", (_fear, owner, of, message) => {
    for (const set of [setControllerReference, setOwnerReference]) {
      expect(() => set(owner, of)).toThrow(expect.objectContaining({ code: "misuse", message: matching(message) }));
    }
  });

  it("refuses an owner of no namespace, which may own everything", () => {
    const everywhere = { apiVersion: "shop.example/v1", kind: "Chain", metadata: { name: "c", uid: "u" } };
    expect(controllerOf(setControllerReference(everywhere, child))).toMatchObject({ kind: "Chain", uid: "u" });
    const inNone = { kind: "ClusterRole", metadata: { name: "r" } };
    expect(controllerOf(setControllerReference(everywhere, inNone))).toMatchObject({ kind: "Chain", uid: "u" });
  });
});
