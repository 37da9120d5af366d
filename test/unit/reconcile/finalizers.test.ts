import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../src/kube/api.ts";
import { addFinalizer, hasFinalizer, removeFinalizer } from "../../../src/reconcile/finalizers.ts";

const bare: KubernetesObject = { metadata: { name: "a", labels: { app: "shop" } }, data: { k: "1" } };
const held: KubernetesObject = { ...bare, metadata: { ...bare.metadata, finalizers: ["theirs", "shop.dev/bucket"] } };

describe("finalizers", () => {
  it("an addition forgets what others wait for, or changes the object in the cache", () => {
    const { object, changed } = addFinalizer({ ...bare, metadata: { name: "a", finalizers: ["theirs"] } }, "ours");
    expect({ changed, finalizers: object.metadata.finalizers }).toEqual({
      changed: true,
      finalizers: ["theirs", "ours"],
    });
    expect(addFinalizer(bare, "ours").object).toEqual({
      ...bare,
      metadata: { ...bare.metadata, finalizers: ["ours"] },
    });
    expect(bare.metadata.finalizers).toBeUndefined();
  });

  it("one that is there is written again at every reconcile", () => {
    expect(addFinalizer(held, "shop.dev/bucket")).toEqual({ object: held, changed: false });
    expect(removeFinalizer(held, "nobody's")).toEqual({ object: held, changed: false });
    expect(removeFinalizer(bare, "ours")).toEqual({ object: bare, changed: false });
  });

  it("one is added to an object that is being deleted, which the API server refuses for ever", () => {
    const deleted = { ...held, metadata: { ...held.metadata, deletionTimestamp: "2026-11-21T12:00:00Z" } };
    expect(addFinalizer(deleted, "late")).toEqual({ object: deleted, changed: false });
    expect(removeFinalizer(deleted, "shop.dev/bucket")).toMatchObject({
      changed: true,
      object: { metadata: { finalizers: ["theirs"] } },
    });
  });

  it("a removal takes those of others away", () => {
    const { object, changed } = removeFinalizer(held, "shop.dev/bucket");
    expect({ changed, finalizers: object.metadata.finalizers }).toEqual({ changed: true, finalizers: ["theirs"] });
    expect([hasFinalizer(held, "shop.dev/bucket"), hasFinalizer(object, "shop.dev/bucket")]).toEqual([true, false]);
    expect(hasFinalizer(bare, "theirs")).toBe(false);
  });
});
