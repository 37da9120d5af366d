import { describe, expect, it } from "vitest";
import { freezeOf, intentOf, observeFreeze, pinOf } from "../../../src/lease/intents.ts";
import {
  ANNOTATION_FREEZE,
  ANNOTATION_INTENT,
  ANNOTATION_PIN,
  controlLeaseName,
  LABEL_ROLE,
} from "../../../src/lease/names.ts";
import { type LeaseVersion, parseLease } from "../../../src/lease/record.ts";

const CONTROL = controlLeaseName("shop");

/** A Lease as somebody makes it by hand: without a spec. */
function made(annotations: Record<string, string>, name = CONTROL, role = "control"): LeaseVersion {
  return parseLease({ metadata: { name, resourceVersion: "7", labels: { [LABEL_ROLE]: role }, annotations } });
}

describe("what Leases ask for", () => {
  it.each([
    ["drain", "drain"],
    ["cordon", "cordon"],
    ["Drain", undefined],
    ["drian", undefined],
    ["", undefined],
  ])("the intent %j is %s: a slip of the pen drains nobody", (text, intent) => {
    expect(intentOf(made({ [ANNOTATION_INTENT]: text }))).toBe(intent);
  });

  it.each([
    ["shop-2", "shop-2"],
    [" shop-2 ", "shop-2"],
    [" ", undefined],
    ["", undefined],
  ])("the pin %j names %s", (text, member) => {
    expect(pinOf(made({ [ANNOTATION_PIN]: text }))).toBe(member);
  });

  it.each([
    ["2026-01-01T00:00:00Z by ada", "2026-01-01T00:00:00Z by ada"],
    ["true", "true"],
    ["no", "no"],
    ["false", undefined],
    [" ", undefined],
    ["", undefined],
  ])("the freeze %j reads %s: who is not sure what is meant freezes", (text, freeze) => {
    expect(freezeOf(made({ [ANNOTATION_FREEZE]: text }))).toBe(freeze);
  });

  it("nothing is asked for where there is no annotation", () => {
    expect([intentOf(made({})), pinOf(made({})), freezeOf(made({}))]).toEqual([undefined, undefined, undefined]);
  });
});

describe("the freeze, event by event", () => {
  const frozen = made({ [ANNOTATION_FREEZE]: "ada" });

  it("comes and goes with the control Lease, by watch and by list", () => {
    expect(observeFreeze(undefined, { type: "changed", version: frozen }, CONTROL)).toBe("ada");
    expect(observeFreeze("ada", { type: "changed", version: made({}) }, CONTROL)).toBeUndefined();
    expect(observeFreeze("ada", { type: "deleted", version: frozen }, CONTROL)).toBeUndefined();
    expect(observeFreeze(undefined, { type: "snapshot", resourceVersion: "9", versions: [frozen] }, CONTROL)).toBe(
      "ada",
    );
    expect(observeFreeze("ada", { type: "snapshot", resourceVersion: "9", versions: [] }, CONTROL)).toBeUndefined();
  });

  it("is no business of any other Lease, whatever that says", () => {
    for (const version of [
      made({ [ANNOTATION_FREEZE]: "eve" }, CONTROL, "shard"),
      made({ [ANNOTATION_FREEZE]: "eve" }, "shop-pods-00", "control"),
    ]) {
      expect(observeFreeze("ada", { type: "changed", version }, CONTROL)).toBe("ada");
      expect(observeFreeze("ada", { type: "deleted", version }, CONTROL)).toBe("ada");
      expect(
        observeFreeze("ada", { type: "snapshot", resourceVersion: "9", versions: [version] }, CONTROL),
      ).toBeUndefined();
    }
    expect(observeFreeze("ada", { type: "bookmark", resourceVersion: "9" }, CONTROL)).toBe("ada");
  });
});
