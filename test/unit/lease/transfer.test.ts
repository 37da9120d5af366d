import { describe, expect, it } from "vitest";
import { ANNOTATION_TRANSFER } from "../../../src/lease/names.ts";
import { transferOf, transferText } from "../../../src/lease/transfer.ts";
import { lease, WE } from "../../support/elector-driver.ts";

function annotated(text: string, described: Partial<Parameters<typeof lease>[0]> = {}) {
  return lease({ rv: 12, holder: WE, transitions: 2, ...described, annotations: { [ANNOTATION_TRANSFER]: text } });
}

describe("the annotation of a transfer", () => {
  it("what one writes the other reads", () => {
    const text = transferText({ to: WE, transitions: 2, replaced: "11" });
    expect(text).toBe(`${WE};2;11`);
    expect(transferOf(annotated(text))).toEqual({ to: WE, transitions: 2, replaced: "11" });
  });

  it("a Lease without it was not handed over", () => {
    expect(transferOf(lease({ rv: 12, holder: WE, transitions: 2 }))).toBeUndefined();
  });

  it.each([
    ["names another than the holder", "r2_uuid;2;11", {}],
    ["counts other transitions: it is that of an earlier holder", `${WE};1;11`, {}],
    ["is on a Lease that was released since", `${WE};2;11`, { holder: "" }],
  ])("an annotation that %s says nothing", (_, text, described) => {
    expect(transferOf(annotated(text, described))).toBeUndefined();
  });

  it.each([
    ["", "empty"],
    [WE, "a name alone"],
    [`${WE};2`, "no version"],
    [`${WE};2;`, "an empty version"],
    [`${WE};2;11;`, "more than three parts"],
    [`${WE};2;0x0b`, "a version that is no decimal number"],
    [`${WE};2;-11`, "a negative version"],
    [`${WE};+2;11`, "a count with a sign"],
    [`${WE};02;11`, "a count that is written in another way"],
    [`${WE};2;011`, "a version that is written in another way"],
    [` ${WE};2;11`, "a blank before the name"],
    [`;2;11`, "nobody"],
    [`${WE};2;11\n`, "a line break"],
  ])("nonsense put there by hand says nothing: %j (%s)", (text) => {
    expect(transferOf(annotated(text))).toBeUndefined();
  });

  it("a version beyond 2^53 is compared as what it is, not as a float", () => {
    const replaced = "9007199254740993";
    expect(transferOf(annotated(`${WE};2;${replaced}`))?.replaced).toBe(replaced);
  });
});
