import { describe, expect, it } from "vitest";
import { ElectorDriver, L, leading, lease, R, released } from "../../support/elector-driver.ts";

const HELD = lease({ rv: 10, holder: "r9_uuid-of-r9" });

describe("expiry (safety rule 2)", () => {
  it("a Lease is not taken before its holder's declared duration has passed since we saw it change", () => {
    const r1 = new ElectorDriver();
    r1.sees(lease({ rv: 10, durationMs: 60_000 }), "list");
    r1.advances(59_999);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("a record seen to change restarts the wait, whatever time it claims", () => {
    const r1 = new ElectorDriver();
    r1.sees(HELD, "list").advances(L - 1);
    r1.sees(lease({ rv: 11, renewTime: "1999-01-01T00:00:00.000000Z" }));
    r1.advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("metadata edited by others does not restart the wait, or a label loop would keep a dead holder's Lease for ever", () => {
    const r1 = new ElectorDriver();
    r1.sees(HELD, "list").advances(L - 1);
    r1.sees(lease({ rv: 11, renewTime: HELD.record.renewTime, annotations: { touched: "yes" } }));
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("a shorter declared duration does not shorten the wait that the longer one began", () => {
    const r1 = new ElectorDriver();
    r1.sees(lease({ rv: 10, durationMs: 60_000 }), "list");
    r1.sees(lease({ rv: 11, durationMs: 15_000 }));
    r1.advances(59_999);
    expect(r1.happened()).toEqual([]);
  });

  it("a holder that declares less than our own duration is waited out for ours", () => {
    const r1 = new ElectorDriver();
    r1.sees(lease({ rv: 10, durationMs: 1_000 }), "list");
    r1.advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("an old event that comes twice or late does not bring an old holder back", () => {
    const r1 = leading();
    r1.sees(HELD).sees(lease({ rv: 9 }), "list");
    r1.expects("leading");
  });

  it("resourceVersions are not compared as numbers: above 2^53 the newer one is still the newer one", () => {
    const r1 = new ElectorDriver();
    r1.sees(lease({ rv: "9007199254740992", holder: "a", renewTime: "2026-01-01T00:00:00.000001Z" }), "list");
    r1.sees(lease({ rv: "9007199254740993", holder: "b", renewTime: "2026-01-01T00:00:00.000002Z", transitions: 2 }));
    r1.sees(lease({ rv: "999999999999999", holder: "c", renewTime: "2026-01-01T00:00:00.000003Z", transitions: 3 }));
    const { sight } = r1.elector.observation;
    expect(sight.type === "present" && sight.version.record.holder).toBe("b");
  });
});

describe("what is free at once, and what is not", () => {
  it("a release is taken at once, in the step that shows it", () => {
    const r1 = new ElectorDriver();
    r1.sees(HELD, "list").advances(500);
    r1.sees(released({ rv: 11 }));
    expect(r1.happened()).toEqual(["take"]);
    expect(r1.pending.record.transitions).toBe(2);
  });

  it("an empty holder with any other duration is no release: a chart's or an editor's record is waited out", () => {
    const r1 = new ElectorDriver();
    r1.sees(HELD, "list");
    r1.sees(lease({ rv: 11, holder: "", durationMs: 15_000 }));
    r1.advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("a Lease without any spec is waited out, as an upgrade of a chart might have reset a live holder's", () => {
    const r1 = new ElectorDriver();
    r1.sees(lease({ rv: 10, holder: "", durationMs: 0, transitions: 0 }), "list");
    r1.advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("a release does not shorten the wait for the holder that somebody's edit removed before it", () => {
    const r1 = new ElectorDriver();
    r1.sees(lease({ rv: 10, holder: "r9" }), "list").advances(100);
    r1.sees(lease({ rv: 11, holder: "nobody-real", transitions: 1 })).advances(100);
    r1.sees(released({ rv: 12 }));
    r1.advances(L - 201);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("a release that a relist shows does not shorten the wait for somebody who was named in between", () => {
    const r1 = new ElectorDriver();
    r1.sees(lease({ rv: 10, holder: "r9", transitions: 1 }), "list").advances(L - 1);
    r1.sees(lease({ rv: 20, holder: "r8", transitions: 3 }), "list").advances(1);
    r1.sees(released({ rv: 21, transitions: 3 }));
    r1.advances(L - 2);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("a release by somebody who was not the holder in sight is not believed to speak for that holder", () => {
    const r1 = new ElectorDriver();
    r1.sees(lease({ rv: 10, holder: "r9", transitions: 1 }), "list").advances(100);
    r1.sees(released({ rv: 11, transitions: 3 }));
    r1.advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("a Lease that was made again unseen is waited out, though its new holder releases it: the old one may still act", () => {
    const r1 = new ElectorDriver();
    r1.sees(lease({ rv: 10, holder: "r9", uid: "uid-1" }), "list").advances(100);
    r1.sees(lease({ rv: 20, holder: "r2", uid: "uid-2", transitions: 0 }), "list").advances(100);
    r1.sees(released({ rv: 21, uid: "uid-2", transitions: 0 }));
    r1.advances(L - 101);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("a release by whoever rightly took an expired Lease is free at once", () => {
    const r1 = new ElectorDriver({ standing: { contends: false } });
    r1.sees(HELD, "list").advances(L);
    r1.sees(lease({ rv: 11, holder: "r2", transitions: 2 })).advances(1_000);
    r1.becomes({ contends: true });
    r1.sees(released({ rv: 12, transitions: 2 }));
    expect(r1.happened()).toEqual(["take"]);
  });

  it("a better-ranked member goes first, also for a released Lease", () => {
    const r1 = new ElectorDriver({ standing: { rankDelayMs: 500 } });
    r1.sees(released({ rv: 10 }), "list").advances(499);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });
});

describe("a missing Lease", () => {
  it("is not made again before L has passed: its holder may not know yet", () => {
    const r1 = new ElectorDriver();
    r1.sees(HELD, "list").misses();
    r1.advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
    expect(r1.pending.uid).toBe("");
  });

  it("is waited out anew at each relist, as it may have existed in between", () => {
    const r1 = new ElectorDriver();
    r1.misses("list")
      .advances(L - 1)
      .misses("list");
    r1.advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("forbids opening too: a Lease found made by ourselves at a relist opens only after the wait", () => {
    const r1 = new ElectorDriver();
    r1.misses("list").advances(L);
    const version = r1.applies();
    r1.answers("unknown");
    r1.sees(version, "list").expects("claiming");
    r1.advances(R);
    r1.succeeds();
    r1.expects("claiming");
    for (let waited = R; waited < L; waited += R) {
      r1.advances(R);
      if (r1.hasPending) r1.succeeds();
    }
    r1.expects("leading");
  });

  it("is waited out for the longest duration that a live member may have declared in it", () => {
    const r1 = new ElectorDriver({ standing: { absenceMs: 60_000 } });
    r1.misses("list").advances(59_999);
    expect(r1.happened()).toEqual([]);
  });

  it("costs a first install no wait: nobody was ever there", () => {
    const r1 = new ElectorDriver();
    r1.misses("list", true);
    expect(r1.happened()).toEqual(["take"]);
    const version = r1.applies();
    r1.answers({ type: "ok", version }).expects("standby");
    r1.sees(version).expects("leading");
  });

  it("a first install's exemption ends with the first event about the shard", () => {
    const r1 = new ElectorDriver({ standing: { contends: false } });
    r1.misses("list", true)
      .sees(lease({ rv: 10, holder: "r2", transitions: 0 }))
      .misses();
    r1.becomes({ contends: true });
    expect(r1.happened()).toEqual([]);
    r1.advances(L);
    expect(r1.happened()).toEqual(["take"]);
  });

  it("a creation that met another one's is not taken for ours when a later Lease shows up in our name", () => {
    const r1 = new ElectorDriver();
    r1.misses("list", true);
    const version = r1.applies();
    r1.sees(lease({ rv: 5, uid: "uid-of-another", holder: "r2", transitions: 0 }));
    r1.misses();
    r1.answers("unknown");
    r1.sees({ ...version, resourceVersion: "7" });
    r1.expects("standby");
    expect(r1.elector.own).toBeUndefined();
  });

  it("a GET's 404 ends leadership but begins no wait: it proves nothing about when", () => {
    const r1 = leading();
    r1.advances(R).answers("missing").reads("missing").expects("vacating");
    r1.vacates().advances(L - R - 1);
    r1.happened();
    r1.misses();
    r1.advances(L - 1);
    expect(r1.happened()).not.toContain("take");
  });
});
