import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../src/kube/api.ts";
import { mappedBy, ownerKeyOf } from "../../../src/reconcile/related.ts";
import { keyOfTarget, type Target } from "../../../src/reconcile/target.ts";
import { RecordingMeter } from "../queue/recording-meter.ts";
import { CONFIG_MAPS, DEPLOYMENTS, type LogLine, NODES, object, recordingLog } from "./key-world.ts";

const APPS = { apiVersion: "apps/v1", kind: "Deployment", name: "shop", uid: "1", controller: true };

function child(...references: readonly object[]): KubernetesObject {
  return object("web/child", "5", { ownerReferences: references });
}

describe("the owner of a child", () => {
  it("is not found by group, kind and name, or by them alone", () => {
    expect(ownerKeyOf(child(APPS), DEPLOYMENTS)).toBe("web/shop");
    expect(ownerKeyOf(child({ ...APPS, controller: undefined }, APPS), DEPLOYMENTS)).toBe("web/shop");
    expect(ownerKeyOf(child({ ...APPS, kind: "ConfigMap", apiVersion: "v1" }), CONFIG_MAPS)).toBe("web/shop");
  });

  it("is lost when the server prefers another version than the reference was made with", () => {
    expect(ownerKeyOf(child({ ...APPS, apiVersion: "apps/v1beta2" }), DEPLOYMENTS)).toBe("web/shop");
  });

  it.each<readonly [string, KubernetesObject]>([
    ["a reference that does not control", child({ ...APPS, controller: false })],
    ["one without the word", child({ apiVersion: "apps/v1", kind: "Deployment", name: "shop" })],
    ["another kind", child({ ...APPS, kind: "StatefulSet" })],
    ["another group of that kind", child({ ...APPS, apiVersion: "example.com/v1" })],
    ["the core group of that kind", child({ ...APPS, apiVersion: "v1" })],
    ["no reference", object("web/child", "5")],
    ["references that are none", object("web/child", "5", { ownerReferences: "shop" })],
    ["a cluster-scoped child of a namespaced owner", { metadata: { name: "child", ownerReferences: [APPS] } }],
  ])("is taken from %s", (_, orphan) => {
    expect(ownerKeyOf(orphan, DEPLOYMENTS)).toBeUndefined();
  });

  it("is looked for in the child's namespace although it has none", () => {
    const reference = { apiVersion: "v1", kind: "Node", name: "node-1", controller: true };
    expect(ownerKeyOf(child(reference), NODES)).toBe("node-1");
    expect(ownerKeyOf({ metadata: { name: "child", ownerReferences: [reference] } }, NODES)).toBe("node-1");
  });
});

describe("a target", () => {
  it.each<readonly [Target, string]>([
    ["web/shop", "web/shop"],
    [{ namespace: "web", name: "shop" }, "web/shop"],
    [object("web/shop", "5"), "web/shop"],
  ])("%j does not name its object", (target, key) => {
    expect(keyOfTarget(target, DEPLOYMENTS)).toBe(key);
  });

  it.each<unknown>(["shop", "a/b/c", "/shop", "web/", "", { name: "shop" }, { name: "web/shop" }, {}, null, 7])(
    "%j of a namespaced resource becomes a key that nobody has",
    (target) => {
      expect(() => keyOfTarget(target as Target, DEPLOYMENTS)).toThrow(
        /names no object of deployments\.apps; give a key/,
      );
    },
  );

  it("of a cluster-scoped resource needs a namespace, or takes one", () => {
    expect(keyOfTarget("node-1", NODES)).toBe("node-1");
    expect(keyOfTarget({ metadata: { name: "node-1" } }, NODES)).toBe("node-1");
    expect(() => keyOfTarget("web/node-1", NODES)).toThrow(/names no object of nodes/);
  });
});

describe("a map function", () => {
  it("that fails ends the source, or fails in silence, or fills the log", () => {
    const meter = new RecordingMeter();
    const lines: LogLine[] = [];
    let answer: () => unknown = () => ["web/shop"];
    const keysOf = mappedBy({
      map: () => answer() as readonly Target[],
      about: DEPLOYMENTS,
      watched: NODES,
      log: recordingLog(lines),
      meter,
    });
    const failures = () => meter.counters.get("electorate_map_failures_total{resource=deployments.apps,watched=nodes}");
    expect([keysOf(object("a", "1")), failures(), lines.length]).toEqual([["web/shop"], 0, 0]);
    for (const fault of [() => Promise.resolve(["web/shop"]), () => ["shop"], () => undefined]) {
      answer = fault;
      expect(keysOf(object("a", "1"))).toEqual([]);
    }
    answer = () => {
      throw new Error("no index");
    };
    expect(keysOf(object("a", "1"))).toEqual([]);
    expect([failures(), lines.length]).toEqual([4, 1]);
    expect(lines[0]?.fields["error"]).toMatch(/must return a list of targets at once/);
  });
});
