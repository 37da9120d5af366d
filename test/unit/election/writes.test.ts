import { describe, expect, it } from "vitest";
import { ElectorDriver, L, leading, lease, R, released, V, WE } from "../../support/elector-driver.ts";

describe("writes", () => {
  it("each write is a compare-and-swap on the version in sight", () => {
    const r1 = leading();
    r1.sees(
      lease({
        rv: 20,
        holder: WE,
        transitions: 2,
        renewTime: r1.elector.own?.record.renewTime ?? "",
        acquireTime: r1.elector.own?.record.acquireTime ?? "",
      }),
    );
    r1.expects("leading").advances(R);
    expect(r1.pending.replaces).toBe("20");
    expect(r1.pending.uid).toBe("uid-1");
  });

  it("transitions grow by one when the holder changes and stay for a renewal, or dashboards count wrongly", () => {
    const r1 = new ElectorDriver();
    r1.sees(lease({ rv: 10, transitions: 41 }), "list").advances(L);
    expect(r1.pending.record.transitions).toBe(42);
    r1.succeeds();
    r1.advances(R);
    expect(r1.pending.record.transitions).toBe(42);
    expect(r1.pending.record.acquireTime).toBe(r1.elector.own?.record.acquireTime);
  });

  it("renewTime grows although the wall clock was set back, or the API server would store nothing", () => {
    const r1 = leading();
    r1.advances(R).succeeds();
    const before = r1.elector.own?.record.renewTime ?? "";
    r1.wallClockJumps(-3_600_000).advances(R);
    expect(r1.pending.record.renewTime > before).toBe(true);
  });

  it("two writes of the same moment are not confused: the older sending counts when records are equal", () => {
    const r1 = leading();
    r1.wallClockJumps(-3_600_000).advances(R);
    const firstSentMs = r1.pending.sentAt.earliestMs;
    const first = r1.applies();
    r1.answers("unknown").advances(R);
    expect(r1.pending.record.renewTime).toBe(first.record.renewTime);
    r1.answers("conflict").reads(first);
    expect(r1.elector.own?.sentAt.earliestMs).toBe(firstSentMs);
  });

  it("transitions at the largest number that the API takes do not make the Lease untakeable for ever", () => {
    const r1 = new ElectorDriver();
    r1.sees(released({ rv: 10, transitions: 2 ** 31 - 1 }), "list");
    expect(r1.pending.record.transitions).toBeLessThan(2 ** 31);
    expect(r1.pending.record.transitions).not.toBe(2 ** 31 - 1);
  });

  it("at most one request is on its way, however long it takes", () => {
    const r1 = leading();
    r1.advances(R);
    r1.happened();
    r1.advances(3 * R);
    expect(r1.happened()).toEqual([]);
  });
});

describe("a conflict is a value", () => {
  it("our own lost answer is recognised: validity is that write's sending, never the read's", () => {
    const r1 = leading();
    r1.advances(R);
    const version = r1.applies();
    r1.answers("unknown").advances(R);
    r1.happened();
    r1.answers("conflict");
    expect(r1.happened()).toEqual(["read"]);
    r1.passes(700).reads(version).expects("leading");
    expect(r1.validForMs).toBe(V - R - 700);
  });

  it("the same record with other metadata carries on, without new validity", () => {
    const r1 = leading();
    const { renewTime, acquireTime } = r1.elector.own?.record ?? { renewTime: "", acquireTime: "" };
    r1.advances(R).answers("conflict");
    r1.reads(lease({ rv: 30, holder: WE, transitions: 2, renewTime, acquireTime })).expects("leading");
    expect(r1.validForMs).toBe(V - R);
    r1.advances(R);
    expect(r1.pending.replaces).toBe("30");
  });

  it("a record that names us but is none of our writes ends the term at once", () => {
    const r1 = leading();
    r1.advances(R).answers("conflict");
    r1.reads(lease({ rv: 30, holder: WE, transitions: 2, renewTime: "2026-06-01T00:00:00.000000Z" }));
    expect(r1.happened()).toContain("lose (foreign-edit)");
  });

  it("a foreign edit that names us is waited out and confirmed by a write before anything opens", () => {
    const r1 = new ElectorDriver();
    r1.sees(lease({ rv: 10, holder: "r9" }), "list");
    r1.sees(lease({ rv: 11, holder: WE, transitions: 2 })).expects("standby");
    r1.advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
    r1.succeeds();
    r1.expects("leading");
  });

  it("a new uid in a read is not believed: what was jumped over could name somebody who still acts", () => {
    const r1 = leading();
    r1.advances(R).answers("conflict");
    r1.reads(released({ rv: 40, uid: "uid-2" })).expects("vacating");
    r1.vacates();
    expect(r1.happened()).not.toContain("take");
    const { sight } = r1.elector.observation;
    expect(sight.type === "present" && sight.version.uid).toBe("uid-1");
  });

  it("a Lease put back from a backup under another uid is not ours, though it says what we wrote last", () => {
    const r1 = leading();
    r1.advances(R);
    const version = r1.applies();
    r1.answers("unknown");
    r1.sees({ ...version, uid: "uid-2" }, "list");
    expect(r1.happened()).toContain("lose (foreign-edit)");
  });

  it("a conflict about a version that the watch has replaced already costs no GET", () => {
    const r1 = new ElectorDriver();
    r1.sees(released({ rv: 10 }), "list");
    r1.happened();
    r1.sees(lease({ rv: 11, holder: "r2", transitions: 2 })).answers("conflict");
    expect(r1.happened()).toEqual([]);
    r1.expects("standby");
  });

  it("an unlabelled Lease of our name does not wedge the elector: it is labelled, seen, and waited out", () => {
    const r1 = new ElectorDriver();
    r1.misses("list", true);
    r1.happened();
    r1.answers("conflict");
    expect(r1.happened()).toEqual(["read"]);
    r1.reads(lease({ rv: 8 }), false);
    expect(r1.happened()).toEqual(["label"]);
    r1.dispatch({ type: "labelled" });
    r1.sees(lease({ rv: 9, renewTime: lease({ rv: 8 }).record.renewTime })).advances(L);
    expect(r1.happened()).toContain("take");
  });
});

describe("what is seen ends leadership now (safety rules 7, 10)", () => {
  it.each([
    ["a foreign holder", lease({ rv: 50, holder: "r2", transitions: 3 }), "lose (foreign-holder)"],
    ["an emptied record", lease({ rv: 50, holder: "", transitions: 2 }), "lose (foreign-edit)"],
    ["nonsense", lease({ rv: 50, holder: WE, durationMs: 0, transitions: 0, renewTime: "" }), "lose (foreign-edit)"],
    ["a resourceVersion without an order", lease({ rv: "x50", holder: WE, transitions: 2 }), "lose (foreign-edit)"],
  ])("%s on the watch closes the gate at once, not at the deadline", (_, version, loss) => {
    const r1 = leading();
    r1.sees(version);
    expect(r1.happened()).toEqual([loss]);
  });

  it("a deleted Lease closes the gate and is not made again early", () => {
    const r1 = leading();
    r1.misses();
    expect(r1.happened()).toEqual(["lose (lease-deleted)"]);
    r1.vacates().advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("a late acknowledgement does not bring a Lease back that the watch has shown deleted", () => {
    const r1 = leading();
    r1.advances(R);
    const version = r1.applies();
    r1.misses().answers({ type: "ok", version }).expects("vacating");
    expect(r1.elector.own).toBeUndefined();
  });
});
