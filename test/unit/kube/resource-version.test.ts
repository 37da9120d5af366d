import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareResourceVersions, isResourceVersion } from "../../../src/kube/resource-version.ts";

describe("resourceVersions are never compared as numbers", () => {
  it("tells versions apart that are equal as doubles", () => {
    expect(compareResourceVersions("9007199254740993", "9007199254740992")).toBe(1);
  });

  it("does not put 9 after 10, as text would", () => {
    expect(compareResourceVersions("9", "10")).toBe(-1);
  });

  it("orders like integers of any length", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 130n }), fc.bigInt({ min: 0n, max: 2n ** 130n }), (a, b) => {
        const wanted = a === b ? 0 : a < b ? -1 : 1;
        expect(compareResourceVersions(`${a}`, `${b}`)).toBe(wanted);
      }),
    );
  });
});

describe("what has no order fails closed", () => {
  it.each(["", "007", "-1", "+1", "1.5", "1e3", "0x10", " 1", "1\n", "١", "abc"])("%j is refused", (text) => {
    expect(isResourceVersion(text)).toBe(false);
    expect(() => compareResourceVersions(text, "1")).toThrow(expect.objectContaining({ code: "malformed-answer" }));
    expect(() => compareResourceVersions("1", text)).toThrow(expect.objectContaining({ code: "malformed-answer" }));
  });

  it("refuses what is no text at all, and quotes at most the start of what is too long", () => {
    expect(isResourceVersion(undefined)).toBe(false);
    expect(isResourceVersion(5)).toBe(false);
    expect(() => compareResourceVersions(`x${"y".repeat(10_000)}`, "1")).toThrow(/^.{1,300}$/);
  });

  it.each(["0", "1", "10", "18446744073709551616"])("%j is a version", (text) => {
    expect(isResourceVersion(text)).toBe(true);
  });
});
