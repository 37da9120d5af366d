import { describe, expect, it } from "vitest";
import { wakeAtMs } from "../../../src/election/elector.ts";
import { ElectorDriver, L, leading, lease, R, released, V, WE } from "../../support/elector-driver.ts";

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

  it("a claim that may not open yet is not freed yet either: others would open at once", () => {
    const r1 = new ElectorDriver();
    r1.misses("list").advances(L);
    const version = r1.applies();
    r1.answers("unknown").sees(version, "list").expects("claiming");
    r1.happened();
    r1.becomes({ leaves: true }).advances(L - 1);
    expect(r1.happened()).toEqual([]);
    r1.advances(1);
    expect(r1.happened()).toEqual(["release"]);
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
