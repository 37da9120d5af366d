import { describe, expect, it } from "vitest";
import { wakeAtMs } from "../../../src/election/elector.ts";
import { ElectorDriver, L, lease, leading, R, released, V, WE } from "../../support/elector-driver.ts";

const HELD = lease({ rv: 10, holder: "r9_uuid-of-r9" });

describe("validity (safety rules 1, 4, 5)", () => {
  it("a slow answer does not lengthen validity: the gate closes V after the request was sent", () => {
    const r1 = leading();
    r1.advances(R);
    const version = r1.applies();
    r1.passes(1_500).answers({ type: "ok", version });
    expect(r1.validForMs).toBe(V - 1_500);
    r1.sees(version);
    expect(r1.validForMs).toBe(V - 1_500);
  });

  it("a gate does not stay open because no answer comes: at V after the last acknowledged sending the term ends", () => {
    const r1 = leading();
    for (let sent = R; sent < V; sent += R) r1.advances(R).answers("unknown");
    expect(r1.isOpen).toBe(true);
    r1.happened();
    r1.advances(R - 1);
    expect(r1.isOpen).toBe(true);
    r1.advances(1).expects("vacating");
    expect(r1.happened()).toContain("lose (renew-deadline)");
  });

  it("a suspend that stopped the monotonic clock does not keep a gate open: the gate's own clock decides", () => {
    const r1 = leading();
    r1.gateClockJumps(V);
    expect(r1.isOpen).toBe(false);
    r1.dispatch({ type: "tick" }).expects("vacating");
  });

  it("an answer that comes after the gate had closed by time does not open the same term again", () => {
    const r1 = leading();
    r1.advances(R);
    const version = r1.applies();
    // The process stops in front of the deadline and wakes up behind it; the answer is the first thing that it handles.
    r1.passes(V - R).answers({ type: "ok", version });
    expect(r1.happened()).toContain("lose (renew-deadline)");
    r1.expects("vacating");
  });

  it("an answer whose resourceVersion is not above the one sent proves nothing: the API server stored nothing", () => {
    const r1 = leading();
    const before = r1.validForMs;
    r1.advances(R);
    const replaced = r1.pending.replaces;
    r1.answers({ type: "ok", version: lease({ rv: replaced, holder: WE, transitions: 2 }) });
    expect(r1.validForMs).toBe(before - R);
  });

  it("an unintelligible, denied or failed answer extends nothing and closes nothing before the deadline", () => {
    const r1 = leading();
    r1.advances(R).answers("unknown");
    r1.expects("leading");
    expect(r1.validForMs).toBe(V - R);
  });

  it("a Retry-After of an hour does not silence the elector for an hour", () => {
    const r1 = leading();
    r1.advances(R).answers({ type: "unknown", retryAfterMs: 3_600_000 });
    r1.advances(V);
    r1.vacates();
    r1.advances(L);
    expect(r1.hasPending).toBe(true);
  });
});

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

describe("what is free at once, and what is not (section 3)", () => {
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

describe("a missing Lease (section 3)", () => {
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

describe("writes (section 3)", () => {
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

describe("a conflict is a value (section 3)", () => {
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
    r1.sees(released({ rv: 40, uid: "uid-2" }), "list");
    r1.advances(L - 1);
    if (r1.hasPending) expect(r1.pending.uid).not.toBe("uid-2");
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

describe("opening", () => {
  it("waits until the watch has shown our own write: what speaks against it may still be hidden", () => {
    const r1 = new ElectorDriver();
    r1.sees(released({ rv: 10 }), "list");
    const version = r1.applies();
    r1.answers({ type: "ok", version }).expects("claiming");
    r1.sees(version).expects("leading");
  });

  it("does not wait for the answer when the watch was faster", () => {
    const r1 = new ElectorDriver();
    r1.sees(released({ rv: 10 }), "list");
    r1.sees(r1.applies()).expects("leading");
  });

  it("an acknowledgement that took longer than V opens nothing before a renewal", () => {
    const r1 = new ElectorDriver();
    r1.sees(released({ rv: 10 }), "list");
    const version = r1.applies();
    r1.passes(V).answers({ type: "ok", version }).sees(version).expects("claiming");
    expect(r1.isOpen).toBe(false);
    r1.succeeds();
    r1.expects("leading");
  });

  it("gives a claim back when another key map came into use meanwhile", () => {
    const r1 = new ElectorDriver();
    r1.sees(released({ rv: 10 }), "list");
    const version = r1.applies();
    r1.answers({ type: "ok", version }).becomes({ mayOpen: false }).sees(version);
    expect(r1.happened()).not.toContain("open");
    expect(r1.pending.kind).toBe("release");
  });

  it("each term has an epoch above the one before, also after the Lease was deleted and made again", () => {
    const r1 = leading();
    const first = Number(r1.elector.phase.name === "leading" ? r1.elector.phase.epoch : 0);
    r1.misses().vacates().advances(L);
    r1.sees(r1.applies());
    const second = r1.elector.phase.name === "leading" ? r1.elector.phase.epoch : "0";
    expect(Number(second)).toBeGreaterThan(first);
  });

  it("goes on with its own Lease after a late renewal instead of waiting for its own expiry", () => {
    const r1 = leading();
    r1.advances(R).answers("unknown");
    r1.passes(V).dispatch({ type: "tick" }).expects("vacating");
    r1.happened();
    r1.vacates();
    expect(r1.happened()).toEqual(["renew"]);
    r1.succeeds();
    r1.expects("leading");
  });
});

describe("stop, drain, then release (safety rule 6)", () => {
  it("a Lease is not freed while work runs: it is renewed until the last handler has ended", () => {
    const r1 = leading();
    r1.becomes({ leaves: true }).expects("draining");
    expect(r1.happened()).toEqual(["drain"]);
    for (let drained = 0; drained < 60_000; drained += R) {
      r1.advances(R);
      expect(r1.pending.kind).toBe("renew");
      r1.succeeds();
    }
    r1.happened();
    r1.vacates();
    expect(r1.happened()).toEqual(["release"]);
  });

  it("a release keeps transitions, names nobody and declares one second, by uid and resourceVersion", () => {
    const r1 = leading();
    const held = r1.elector.own?.record;
    r1.becomes({ leaves: true }).vacates();
    expect(r1.pending.record).toMatchObject({ holder: "", durationMs: 1000, transitions: held?.transitions });
    expect(r1.pending).toMatchObject({ uid: "uid-1", replaces: "11" });
  });

  it("no release is sent for a lost term while its work may still run", () => {
    const r1 = leading();
    r1.becomes({ leaves: true });
    r1.passes(V).dispatch({ type: "tick" }).expects("vacating");
    r1.happened();
    r1.advances(10 * L);
    expect(r1.happened()).toEqual([]);
  });

  it("a release whose answer was lost is sent again until the Lease names us no more", () => {
    const r1 = leading();
    r1.becomes({ leaves: true }).vacates();
    r1.answers("unknown").advances(R);
    expect(r1.pending.kind).toBe("release");
    r1.succeeds();
    r1.expects("standby");
    expect(r1.happened().filter((what) => what === "released")).toHaveLength(1);
  });

  it("a release never erases a newer holder: a conflict is read, and somebody else's Lease is left alone", () => {
    const r1 = leading();
    r1.becomes({ leaves: true }).vacates();
    r1.answers("conflict")
      .reads(lease({ rv: 60, holder: "r2", transitions: 3 }))
      .expects("standby");
    r1.advances(10 * L);
    expect(r1.hasPending).toBe(false);
  });

  it("a claim that is under way when the stop comes is released without ever opening", () => {
    const r1 = new ElectorDriver();
    r1.sees(released({ rv: 10 }), "list");
    const version = r1.applies();
    r1.becomes({ leaves: true }).answers({ type: "ok", version });
    expect(r1.pending.kind).toBe("release");
    expect(r1.happened()).not.toContain("open");
  });

  it("a foreign edit that names us is not freed before the one it replaced must have stopped", () => {
    const r1 = new ElectorDriver({ standing: { leaves: true } });
    r1.sees(lease({ rv: 10, holder: "r9" }), "list").advances(100);
    r1.sees(lease({ rv: 11, holder: WE, transitions: 2 }));
    r1.advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["release"]);
  });

  it("a foreign edit that names us in the middle of a release is not freed early either", () => {
    const r1 = leading();
    r1.becomes({ leaves: true }).vacates();
    r1.sees(lease({ rv: 60, holder: "r2", transitions: 3 }));
    r1.sees(lease({ rv: 61, holder: WE, transitions: 4 })).answers("conflict");
    r1.happened();
    r1.advances(L - 1);
    expect(r1.happened()).toEqual([]);
  });
});

describe("timers", () => {
  it("renewals keep their period from sending to sending, and after a take the shard's own place in it", () => {
    const r1 = leading();
    const sentAtMs: number[] = [];
    for (let renewals = 0; renewals < 5; renewals += 1) {
      r1.advances(R);
      sentAtMs.push(r1.pending.sentAt.monotonicMs);
      r1.passes(120).succeeds();
      r1.advances(0);
    }
    const gaps = sentAtMs.slice(1).map((at, index) => at - (sentAtMs[index] ?? 0));
    expect(gaps.every((gap) => gap >= R && gap < R + 200)).toBe(true);
  });

  it("an elector that has nothing to wait for asks for no timer", () => {
    const r1 = new ElectorDriver({ standing: { contends: false } });
    r1.sees(HELD, "list");
    expect(wakeAtMs(r1.elector, r1.context)).toBe(Number.POSITIVE_INFINITY);
  });
});
