import { describe, expect, it } from "vitest";
import { ElectorDriver, L, lease, R, released, standing, transferred, V, WE } from "../../support/elector-driver.ts";

const THEM = "r2_uuid-of-r2";
const TARGET = { identity: THEM, leaseDurationMs: L };
/** Written long ago, and never again: it stands by its holder's member Lease. */
const HELD = standing(lease({ rv: 10, holder: THEM }));

/** A replica with per-member renewal whose own member Lease was echoed just now. */
function member(): ElectorDriver {
  const r1 = new ElectorDriver();
  r1.renewal = "per-member";
  return r1.memberEchoes();
}

/** It leads by an acknowledged and echoed take. */
function holding(): ElectorDriver {
  const r1 = member().sees(released({ rv: 10 }), "list");
  r1.succeeds();
  r1.expects("leading").happened();
  return r1;
}

function standby(): ElectorDriver {
  return member().sees(HELD, "list");
}

describe("what stands by a member Lease", () => {
  it("is written once and never again, however long it is held", () => {
    const r1 = holding();
    for (let renewal = 0; renewal < 100; renewal += 1) r1.advances(R).memberEchoes();
    expect(r1.expects("leading").hasPending).toBe(false);
    expect(r1.happened()).toEqual([]);
  });

  it("the shard's own write time does not enter: neither does it shorten the gate, nor does it hold it open", () => {
    const r1 = holding()
      .passes(3 * R)
      .memberEchoes();
    expect(r1.validForMs).toBe(V);
    const late = member()
      .passes(6_000)
      .sees(released({ rv: 10 }), "list");
    late.succeeds();
    expect(late.validForMs).toBe(V - 6_000);
  });

  it("closes V after the sending of the newest member write that came back, not a moment later", () => {
    const r1 = holding().memberEchoes(500);
    r1.advances(V - 501).expects("leading");
    r1.advances(1).expects("vacating");
    expect(r1.happened()).toEqual(["lose (renew-deadline)"]);
  });

  it("does not open before a member write has come back: the watch may hide that the identity is dead", () => {
    const r1 = member();
    r1.memberValidUntilMs = Number.NEGATIVE_INFINITY;
    r1.sees(released({ rv: 10 }), "list").succeeds();
    r1.expects("claiming").advances(60_000).expects("claiming");
    expect(r1.hasPending).toBe(false);
    r1.memberEchoes().expects("leading");
  });

  it("an echo that comes too late opens nothing old: a new write begins a new term", () => {
    const r1 = holding();
    r1.advances(V).expects("vacating").memberEchoes().vacates();
    expect(r1.happened()).toEqual(["lose (renew-deadline)", "renew"]);
    const epoch = r1.succeeds().resourceVersion;
    expect(r1.elector.phase).toMatchObject({ name: "leading", epoch });
  });

  it("closes at once when the identity dies", () => {
    holding().identityDies().expects("vacating");
  });

  it("a foreign holder, an edit and a deletion close it at once, as with any Lease", () => {
    holding().sees(HELD_LATER).expects("vacating");
    const emptied = holding();
    emptied.sees(standing(lease({ rv: 20, holder: "", durationMs: 0 }))).expects("vacating");
    holding().misses().expects("vacating");
  });
});

const HELD_LATER = standing(lease({ rv: 20, holder: THEM, transitions: 5 }));

describe("taking what stands by a member Lease", () => {
  it("is not taken while its holder is not known to be gone, however old the record is", () => {
    const r1 = standby();
    r1.advances(100 * L);
    expect(r1.expects("standby").hasPending).toBe(false);
  });

  it("is taken the moment its holder is gone: the fence was all there was to wait for", () => {
    const r1 = standby().passes(L).memberEchoes().learnsOfTheEndOf(THEM);
    expect(r1.pending).toMatchObject({ kind: "take", replaces: "10", renewal: "per-member" });
    r1.succeeds();
    r1.expects("leading");
  });

  it("one that changed hands lately is waited out since then, too: its giver may not know of the change", () => {
    const r1 = standby().passes(L);
    r1.sees(standing(lease({ rv: 20, holder: "r3_uuid-of-r3", transitions: 2 }))).learnsOfTheEndOf("r3_uuid-of-r3");
    r1.advances(L - 1);
    expect(r1.hasPending).toBe(false);
    r1.advances(1);
    expect(r1.pending.kind).toBe("take");
  });

  it("the end of another holder than the one in sight frees nothing", () => {
    const r1 = standby().passes(L).learnsOfTheEndOf("r3_uuid-of-r3");
    expect(r1.hasPending).toBe(false);
  });

  it("a holder that a read jumped to is not taken for gone before the watch has shown whether it joined", () => {
    const r1 = member().sees(released({ rv: 10 }), "list");
    r1.answers("conflict").reads(standing(lease({ rv: 30, holder: "r3_uuid-of-r3", transitions: 2 })));
    r1.passes(L).learnsOfTheEndOf("r3_uuid-of-r3");
    expect(r1.hasPending).toBe(false);
    r1.sees(standing(lease({ rv: 30, holder: "r3_uuid-of-r3", transitions: 2 }))).learnsOfTheEndOf("r3_uuid-of-r3");
    r1.advances(L);
    expect(r1.pending.kind).toBe("take");
  });

  it("an edit that puts somebody else in its holder's place is waited out from now on: the old record's age says nothing", () => {
    const r1 = standby().passes(100 * L);
    r1.sees(standing(lease({ rv: 20, holder: WE, transitions: 2 })));
    r1.advances(L - 1);
    expect(r1.hasPending).toBe(false);
    r1.advances(1);
    expect(r1.pending.kind).toBe("take");
  });

  it("a release is free at once, as ever", () => {
    const r1 = standby()
      .passes(L)
      .sees(standing(released({ rv: 20 })));
    expect(r1.pending).toMatchObject({ kind: "take", replaces: "20" });
  });

  it("our own Lease that a read does not find is not taken again before it was waited out", () => {
    const r1 = holding().becomes({ leaves: true }).vacates();
    r1.becomes({ leaves: false }).answers("conflict").reads("missing");
    r1.advances(L - 1);
    expect(r1.hasPending).toBe(false);
  });
});

describe("being handed what stands by a member Lease", () => {
  it("opens by its own member Lease alone: no write, and no earlier write of any Lease, is needed", () => {
    const r1 = standby()
      .passes(4_000)
      .sees(standing(transferred({ rv: 20, replaced: 10 })));
    r1.expects("leading");
    expect(r1.hasPending).toBe(false);
    expect(r1.validForMs).toBe(V - 4_000);
  });

  it("to a dead identity it opens nothing", () => {
    const r1 = standby().identityDies();
    r1.sees(standing(transferred({ rv: 20, replaced: 10 }))).expects("claiming");
    expect(r1.happened()).not.toContain("open");
  });

  it("a transfer and a release leave the mark as it is: who reads them must not wait by the wrong rule", () => {
    for (const renewal of ["per-member", "per-shard"] as const) {
      const given = holding();
      given.renewal = renewal;
      expect(given.becomes({ target: TARGET }).vacates().pending).toMatchObject({
        kind: "transfer",
        renewal: "per-member",
      });
      const freed = holding();
      freed.renewal = renewal;
      expect(freed.becomes({ leaves: true }).vacates().pending).toMatchObject({
        kind: "release",
        renewal: "per-member",
      });
    }
  });
});

describe("from one way to the other", () => {
  /** Holds a Lease with the other mark than its own setting, and its first renewal is on its way. */
  function converting(to: "per-shard" | "per-member"): ElectorDriver {
    const r1 = to === "per-member" ? member().sees(lease({ rv: 10, holder: THEM }), "list") : standby();
    r1.renewal = to;
    r1.acknowledges(10).passes(100);
    const version = transferred({ rv: 12, replaced: 10 });
    r1.sees(to === "per-member" ? version : standing(version)).expects("leading");
    expect(r1.pending).toMatchObject({ kind: "renew", replaces: "12", renewal: to });
    return r1;
  }

  it("the new holder's first write changes the mark, at once", () => {
    for (const to of ["per-shard", "per-member"] as const) {
      const r1 = converting(to);
      r1.succeeds();
      r1.expects("leading").passes(R).memberEchoes();
      expect(r1.hasPending).toBe(to === "per-shard");
    }
  });

  it("while the write that changes the mark is unresolved both rules bind: the shard's own validity ends it", () => {
    const r1 = converting("per-member").answers("unknown");
    for (let renewal = 0; renewal < 4; renewal += 1) {
      r1.advances(R).memberEchoes();
      if (r1.hasPending) r1.answers("unknown");
    }
    r1.expects("leading");
    // 8.1 s after the write that the transfer's validity counts from, and just after a member write has come back.
    expect(r1.validForMs).toBe(V - 8_100);
  });

  it("while the write that changes the mark is unresolved both rules bind: a member Lease that stalls ends it", () => {
    const r1 = converting("per-shard").passes(1_000).answers("unknown");
    expect(r1.validForMs).toBe(V - 1_100);
    r1.passes(1_000).memberEchoes();
    // The member Lease alone would let it stand for V; the unresolved write was sent 2 s ago.
    expect(r1.validForMs).toBe(V - 2_000);
    r1.identityDies().expects("vacating");
  });

  it("once it is resolved the new rule alone binds", () => {
    const toShard = converting("per-shard").passes(1_000);
    toShard.succeeds();
    expect(toShard.identityDies().expects("leading").validForMs).toBe(V - 1_000);
    const toMember = converting("per-member");
    toMember.succeeds();
    toMember
      .advances(V - 200)
      .memberEchoes()
      .advances(V - 500);
    expect(toMember.expects("leading").validForMs).toBe(500);
  });

  it("a mark that somebody takes off does not free what its holder still works for", () => {
    const r1 = standby().passes(100 * L);
    r1.sees(lease({ rv: 20, holder: THEM, renewTime: HELD.record.renewTime }));
    r1.advances(L - 1);
    expect(r1.hasPending).toBe(false);
    r1.advances(1);
    expect(r1.pending.kind).toBe("take");
  });

  it("a mark that somebody puts on does not let a Lease expire that its holder does not renew any more", () => {
    const r1 = member().sees(lease({ rv: 10, holder: THEM, renewTime: HELD.record.renewTime }), "list");
    r1.passes(1_000).sees(standing(lease({ rv: 20, holder: THEM, renewTime: HELD.record.renewTime })));
    r1.advances(100 * L);
    expect(r1.hasPending).toBe(false);
    // Patched the moment before: its holder, fenced long ago, renewed the shard itself until then.
    const late = member().sees(lease({ rv: 10, holder: THEM, renewTime: HELD.record.renewTime }), "list");
    late.passes(L - 1).sees(standing(lease({ rv: 20, holder: THEM, renewTime: HELD.record.renewTime })));
    late.learnsOfTheEndOf(THEM).advances(L - 1);
    expect(late.hasPending).toBe(false);
    late.advances(1);
    expect(late.pending.kind).toBe("take");
  });

  it("a holder whose mark was taken off ends its term and begins another one with its mark", () => {
    const r1 = holding();
    r1.advances(V - 1)
      .memberEchoes()
      .advances(V - 1)
      .memberEchoes();
    const { version } = r1.elector.observation.sight as { version: typeof HELD };
    r1.sees({ ...version, resourceVersion: "40", annotations: {} })
      .expects("vacating")
      .vacates();
    expect(r1.pending).toMatchObject({ kind: "renew", replaces: "40", renewal: "per-member" });
    r1.succeeds();
    r1.expects("leading");
  });

  it("a replica with per-shard renewal whose identity has died holds such a Lease by a write of its own only", () => {
    const r1 = standby().identityDies();
    r1.renewal = "per-shard";
    r1.sees(standing(transferred({ rv: 20, replaced: 10 }))).expects("claiming");
    expect(r1.pending).toMatchObject({ kind: "renew", renewal: "per-shard" });
    r1.succeeds();
    expect(r1.expects("leading").validForMs).toBe(V);
  });
});
