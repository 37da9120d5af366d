import { describe, expect, it } from "vitest";
import { parseLease } from "../../../src/lease/record.ts";
import { ElectorDriver, L, leading, lease } from "../../support/elector-driver.ts";

/** A Lease as the chart makes it: without a spec. */
function made(rv: number) {
  return parseLease({ metadata: { name: "shop-configmaps-00", uid: `uid-of-${rv}`, resourceVersion: String(rv) } });
}

function elector(): ElectorDriver {
  const r1 = new ElectorDriver();
  r1.isStatic = true;
  return r1;
}

describe("static mode", () => {
  it("a Lease that is missing is made, although that is for somebody else to do", () => {
    const r1 = elector().misses("list", true);
    expect(r1.happened()).toEqual(["read"]);
    r1.reads("missing").advances(20 * L);
    expect(r1.happened()).toEqual(["read"]);
    r1.expects("standby");
  });

  it("a Lease that was deleted under its holder is made again by the holder, or ends nobody's term", () => {
    const r1 = leading();
    r1.isStatic = true;
    r1.misses();
    expect(r1.happened()).toEqual(["lose (lease-deleted)"]);
    r1.vacates().advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["read"]);
    r1.reads("missing").advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["read"]);
  });

  it("a Lease without a spec is taken before somebody who was named in it can have ended, or never", () => {
    const r1 = elector()
      .sees(made(10), "list")
      .advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
    r1.succeeds();
    r1.expects("leading");
  });

  it("a Lease that is made while it is missed is not taken", () => {
    const r1 = elector().misses("list").advances(L);
    expect(r1.happened()).toEqual(["read"]);
    r1.reads("missing").advances(1_000).sees(made(11)).advances(L);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("a Lease that was made without our labels is never seen, and its shard has no owner for ever", () => {
    const r1 = elector().misses("list").advances(L);
    r1.reads(lease({ rv: 11 }), false);
    expect(r1.happened()).toEqual(["read", "label"]);
  });
});
