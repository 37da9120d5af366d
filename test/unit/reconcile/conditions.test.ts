import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../src/kube/api.ts";
import {
  findCondition,
  isConditionTrue,
  type StatedCondition,
  setCondition,
} from "../../../src/reconcile/conditions.ts";

const NOON_MS = Date.parse("2026-11-21T12:00:00.750Z");
const NOON = "2026-11-21T12:00:00Z";
const LATER_MS = NOON_MS + 60_000;
const bare: KubernetesObject = { metadata: { name: "a", generation: 3 }, status: { replicas: 2 } };
const ready: StatedCondition = { type: "Ready", status: "True", reason: "AllUp", message: "2 of 2" };
const { object: isReady } = setCondition(bare, ready, NOON_MS);

describe("conditions", () => {
  it("a first one lacks what the API demands, or the rest of the status is lost", () => {
    expect(isReady.status).toEqual({
      replicas: 2,
      conditions: [{ ...ready, observedGeneration: 3, lastTransitionTime: NOON }],
    });
    expect(bare.status).toEqual({ replicas: 2 });
    const plain = setCondition(
      { metadata: { name: "b" } },
      { type: "Ready", status: "Unknown", reason: "New" },
      NOON_MS,
    );
    expect(plain.object.status).toEqual({
      conditions: [{ type: "Ready", status: "Unknown", reason: "New", message: "", lastTransitionTime: NOON }],
    });
  });

  it("nothing new is written again and again, each write an event that is reconciled", () => {
    expect(setCondition(isReady, ready, LATER_MS)).toEqual({ object: isReady, changed: false });
  });

  it("a new reason passes for a transition, or a transition keeps its old time", () => {
    const told = setCondition(isReady, { ...ready, reason: "Scaled", message: "3 of 3" }, LATER_MS);
    expect(told.changed).toBe(true);
    expect(findCondition(told.object, "Ready")).toMatchObject({ reason: "Scaled", lastTransitionTime: NOON });
    const failed = setCondition(told.object, { ...ready, status: "False", reason: "Down" }, LATER_MS);
    expect(findCondition(failed.object, "Ready")).toMatchObject({
      status: "False",
      lastTransitionTime: "2026-11-21T12:01:00Z",
    });
  });

  it("a new generation that was looked at shows as one that was not", () => {
    const next = { ...isReady, metadata: { ...isReady.metadata, generation: 4 } };
    const told = setCondition(next, ready, LATER_MS);
    expect(told.changed).toBe(true);
    expect(findCondition(told.object, "Ready")).toMatchObject({ observedGeneration: 4, lastTransitionTime: NOON });
    const given = setCondition(next, { ...ready, observedGeneration: 3 }, LATER_MS);
    expect(given.changed).toBe(false);
  });

  it("another type is overwritten, or answers for one that is not there", () => {
    const both = setCondition(isReady, { type: "Synced", status: "False", reason: "Behind" }, LATER_MS).object;
    expect([isConditionTrue(both, "Ready"), isConditionTrue(both, "Synced"), isConditionTrue(both, "Other")]).toEqual([
      true,
      false,
      false,
    ]);
    expect(findCondition(bare, "Ready")).toBeUndefined();
    expect(findCondition({ ...bare, status: "text" }, "Ready")).toBeUndefined();
  });
});
