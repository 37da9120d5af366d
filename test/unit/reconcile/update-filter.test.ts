import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../src/kube/api.ts";
import {
  annotationsChanged,
  anyOf,
  changeFilter,
  generationChanged,
  labelsChanged,
  type UpdateFilter,
} from "../../../src/reconcile/update-filter.ts";
import { type LogLine, object, recordingLog } from "./key-world.ts";

const BEFORE = object("a", "1", { generation: 1, labels: { app: "shop" }, annotations: { note: "x" } });
const changedTo = (more: Record<string, unknown>): KubernetesObject =>
  object("a", "2", { ...BEFORE.metadata, ...more });

const GENERATION = changedTo({ generation: 2 });
const LABELS = changedTo({ labels: { app: "shop", tier: "web" } });
const ANNOTATIONS = changedTo({ annotations: { note: "y" } });
const NOTHING = changedTo({});

describe("a filter of updates", () => {
  it.each<readonly [string, UpdateFilter, readonly KubernetesObject[]]>([
    ["generationChanged", generationChanged, [GENERATION]],
    ["labelsChanged", labelsChanged, [LABELS]],
    ["annotationsChanged", annotationsChanged, [ANNOTATIONS]],
    ["anyOf", anyOf(generationChanged, labelsChanged), [GENERATION, LABELS]],
  ])("%s passes what it should not, or drops what it should pass", (_, filter, passing) => {
    for (const after of [GENERATION, LABELS, ANNOTATIONS, NOTHING])
      expect([after, filter(BEFORE, after)]).toEqual([after, passing.includes(after)]);
  });

  it("overlooks a label that was replaced, removed or is the first", () => {
    const labelled = (labels: Record<string, string> | undefined) => object("a", "1", { labels });
    expect(labelsChanged(labelled({ a: "1" }), labelled({ b: "1" }))).toBe(true);
    expect(labelsChanged(labelled({ a: "1", b: "1" }), labelled({ a: "1" }))).toBe(true);
    expect(labelsChanged(labelled(undefined), labelled({ a: "1" }))).toBe(true);
    expect(labelsChanged(labelled(undefined), labelled({}))).toBe(false);
  });

  it("drops every update of a kind without a generation", () => {
    expect(generationChanged(object("a", "1"), object("a", "2"))).toBe(true);
  });

  const never = (lines: LogLine[] = []) => changeFilter(() => false, "configmaps", recordingLog(lines));

  it("is asked about additions, deletions, the beginning of a deletion, or an object that was made anew", () => {
    const passes = never();
    expect(passes({ before: BEFORE, after: NOTHING })).toBe(false);
    expect(passes({ before: undefined, after: BEFORE })).toBe(true);
    expect(passes({ before: BEFORE, after: undefined })).toBe(true);
    const deleting = changedTo({ deletionTimestamp: "2026-01-01T00:00:00Z" });
    expect(passes({ before: BEFORE, after: deleting })).toBe(true);
    expect(passes({ before: deleting, after: deleting })).toBe(false);
    expect(passes({ before: BEFORE, after: changedTo({ uid: "another" }) })).toBe(true);
  });

  it("that throws loses events, or fills the log", () => {
    const lines: LogLine[] = [];
    const broken: UpdateFilter = () => {
      throw new Error("no spec");
    };
    const passes = changeFilter(broken, "configmaps", recordingLog(lines));
    expect([passes({ before: BEFORE, after: NOTHING }), passes({ before: BEFORE, after: NOTHING })]).toEqual([
      true,
      true,
    ]);
    expect(lines.map(({ fields }) => fields)).toEqual([{ resource: "configmaps", error: "no spec" }]);
  });
});
