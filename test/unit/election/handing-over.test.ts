import { describe, expect, it } from "vitest";
import { transferOf } from "../../../src/lease/transfer.ts";
import { ElectorDriver, L, leading, lease, R, WE } from "../../support/elector-driver.ts";

const THEM = "r2_uuid-of-r2";
const TARGET = { identity: THEM, leaseDurationMs: L };

/** A holder that was told to hand over and whose work has ended: the transfer is on its way. */
function handingOver(): ElectorDriver {
  const r1 = leading().becomes({ target: TARGET }).vacates();
  expect(r1.pending.kind).toBe("transfer");
  return r1;
}

describe("handing over", () => {
  it("a transfer is not sent while work runs: the gate closes, the Lease is renewed, and only then it goes", () => {
    const r1 = leading().becomes({ target: TARGET }).expects("draining");
    expect(r1.happened()).toEqual(["drain"]);
    for (let passed = 0; passed < 4 * L; passed += R) {
      r1.advances(R);
      expect(r1.pending.kind).toBe("renew");
      r1.succeeds();
    }
    r1.vacates();
    expect(r1.pending).toMatchObject({ kind: "transfer", record: { holder: THEM, durationMs: L } });
  });

  it("a shard that waits for its turn to go is closed meanwhile, or not renewed", () => {
    for (const standing of [{ target: TARGET }, { leaves: true, target: TARGET }]) {
      const r1 = leading()
        .becomes({ ...standing, mayDrain: false })
        .expects("leading");
      expect(r1.isOpen).toBe(true);
      r1.advances(R);
      expect(r1.pending.kind).toBe("renew");
      r1.succeeds();
      r1.becomes({ mayDrain: true }).expects("draining");
    }
  });

  it("says in one write who has it now: transitions + 1, by the version that named us", () => {
    const r1 = leading();
    const held = r1.elector.own?.record.transitions ?? 0;
    r1.becomes({ target: TARGET }).vacates();
    expect(r1.pending.record.transitions).toBe(held + 1);
    const version = r1.applies();
    expect(transferOf(version)).toEqual({ to: THEM, transitions: held + 1, replaced: r1.pending.replaces });
  });

  it("a target with a longer Lease duration is not expired by ours: the longer of both is declared", () => {
    const r1 = leading()
      .becomes({ target: { identity: THEM, leaseDurationMs: 60_000 } })
      .vacates();
    expect(r1.pending.record.durationMs).toBe(60_000);
    const r2 = leading({ durationMs: 60_000 }).becomes({ target: TARGET }).vacates();
    expect(r2.pending.record.durationMs).toBe(60_000);
  });

  it("the term is over before the transfer is sent, so that no later answer opens it again", () => {
    const r1 = handingOver();
    expect(r1.isOpen).toBe(false);
    r1.succeeds();
    r1.expects("standby");
    expect(r1.happened()).toContain("released");
    r1.advances(L - 1);
    expect(r1.hasPending).toBe(false);
  });

  it("a shard that never opened here is handed over as if it had, and its next owner trusts that nobody is left", () => {
    const r1 = new ElectorDriver();
    r1.misses("list", true);
    expect(r1.pending.kind).toBe("take");
    r1.becomes({ leaves: true, target: TARGET });
    const made = r1.applies();
    r1.sees(made).answers({ type: "ok", version: made });
    expect(r1.happened()).not.toContain("open");
    expect(r1.pending.kind).toBe("release");
  });

  it("a lost answer does not reopen the old validity: the transfer may have been applied", () => {
    const r1 = handingOver();
    r1.answers("unknown").becomes({ target: undefined });
    expect(r1.happened()).not.toContain("open");
    expect(r1.isOpen).toBe(false);
  });

  it("after a lost answer only a new acknowledged write reopens it, in a new term with a higher epoch", () => {
    const r1 = leading();
    const { phase } = r1.elector;
    const epoch = phase.name === "leading" ? phase.epoch : "";
    r1.becomes({ target: TARGET }).vacates();
    r1.answers("unknown")
      .advances(R - 1)
      .becomes({ target: undefined });
    r1.advances(1);
    expect(r1.happened()).toContain("keep (no-target)");
    expect(r1.pending.kind).toBe("renew");
    const renewed = r1.applies();
    r1.answers({ type: "ok", version: renewed }).expects("claiming").sees(renewed).expects("leading");
    const second = r1.elector.phase.name === "leading" ? r1.elector.phase.epoch : "0";
    expect(Number(second)).toBeGreaterThan(Number(epoch));
  });

  it("a transfer that was applied although its answer was lost is recognised by the watch, and nothing is claimed", () => {
    const r1 = handingOver();
    const version = r1.applies();
    r1.answers("unknown").sees(version).expects("standby");
    r1.becomes({ target: undefined }).advances(L - 1);
    expect(r1.hasPending).toBe(false);
    expect(r1.isOpen).toBe(false);
  });

  it("a transfer that was applied and is still hidden meets the renewal that was to reopen it: the conflict is read, and nothing opens", () => {
    const r1 = handingOver();
    const version = r1.applies();
    r1.answers("unknown").becomes({ target: undefined }).advances(R);
    expect(r1.pending.kind).toBe("renew");
    r1.answers("conflict").reads(version).expects("standby");
    expect(r1.happened()).not.toContain("open");
  });

  it("a conflict abandons the move safely: what is there is read, and somebody else's Lease is left alone", () => {
    const r1 = handingOver();
    r1.answers("conflict");
    expect(r1.happened()).toContain("read");
    r1.reads(lease({ rv: 90, holder: "stranger", transitions: 7 })).expects("standby");
    r1.advances(L - 1);
    expect(r1.hasPending).toBe(false);
  });

  it("a Lease deleted in the middle of a move is not made again early, and not opened", () => {
    const r1 = handingOver();
    r1.answers("missing").reads("missing").misses().expects("standby");
    r1.advances(L - 1);
    expect(r1.hasPending).toBe(false);
  });

  it("a target that left in the middle is not given the shard: it stays, in a new term", () => {
    const r1 = leading().becomes({ target: TARGET });
    r1.happened();
    r1.becomes({ target: undefined }).vacates();
    expect(r1.happened()).toEqual(["keep (no-target)", "renew"]);
    r1.succeeds();
    r1.expects("leading");
  });

  it("a target that left in the middle of a stop leaves nobody: the shard is released", () => {
    const r1 = leading().becomes({ leaves: true, target: TARGET });
    r1.becomes({ target: undefined }).vacates();
    expect(r1.pending.kind).toBe("release");
  });

  it("another target in the middle of the move gets it, the first one nothing", () => {
    const r1 = leading().becomes({ target: TARGET });
    r1.becomes({ target: { identity: "r3_uuid-of-r3", leaseDurationMs: L } }).vacates();
    expect(r1.pending.record.holder).toBe("r3_uuid-of-r3");
  });

  it("a holder that is lost in the middle of the move hands nothing over", () => {
    const r1 = leading().becomes({ target: TARGET });
    r1.sees(lease({ rv: 50, holder: "stranger", transitions: 9 }))
      .expects("vacating")
      .vacates();
    expect(r1.hasPending).toBe(false);
  });

  it("a Lease that somebody else wrote in our name is not handed over as if our work had ended by it", () => {
    const r1 = new ElectorDriver({ standing: { leaves: true, target: TARGET } });
    r1.sees(lease({ rv: 10, holder: WE }), "list");
    expect(r1.hasPending).toBe(false);
    r1.advances(L);
    expect(r1.pending.kind).toBe("release");
  });
});

describe("stuck handlers", () => {
  it("a handler that does not end abandons the move: a new term, begun by a new acknowledged write", () => {
    const r1 = leading().becomes({ target: TARGET });
    r1.happened();
    r1.getsStuck();
    expect(r1.happened()).toEqual(["keep (stuck)", "renew"]);
    expect(r1.isOpen).toBe(false);
    r1.succeeds();
    // The plan still wants it elsewhere, but not before the handler has ended: until then the gate would be shut for nothing.
    expect(r1.happened()).toEqual(["acquired", "open"]);
    r1.advances(R).succeeds();
    r1.expects("leading").isRelieved().expects("draining");
  });

  it.each([
    ["this replica stops", { leaves: true }],
    ["another key map comes into use", { mayOpen: false }],
    ["the source goes cold", { contends: false }],
  ])("%s while a stuck handler runs: the Lease is renewed and not let go before it has ended", (_, standing) => {
    const r1 = leading().becomes({ target: TARGET }).getsStuck();
    r1.becomes(standing).succeeds();
    for (let passed = 0; passed < 2 * L; passed += R) {
      r1.advances(R);
      expect(r1.pending.kind).toBe("renew");
      r1.succeeds();
    }
    expect(r1.happened()).not.toContain("open");
    r1.isRelieved();
    expect(["transfer", "release"]).toContain(r1.pending.kind);
  });

  it("a Lease that was lost under a stuck handler is not taken again before it has ended", () => {
    const r1 = leading().becomes({ target: TARGET }).getsStuck().becomes({ target: undefined });
    const { replaces } = r1.pending;
    r1.answers("conflict").reads(lease({ rv: Number(replaces) + 5, holder: THEM, transitions: 9 }));
    r1.advances(3 * L);
    expect(r1.hasPending).toBe(false);
    r1.isRelieved();
    expect(r1.pending.kind).toBe("take");
  });

  it("a stop waits for a stuck handler as long as it takes, and renews meanwhile", () => {
    const r1 = leading().becomes({ leaves: true }).getsStuck().expects("stuck");
    r1.advances(R);
    expect(r1.pending.kind).toBe("renew");
    r1.succeeds();
    r1.vacates();
    expect(r1.pending.kind).toBe("release");
  });
});
