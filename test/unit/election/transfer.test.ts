import { describe, expect, it } from "vitest";
import { ANNOTATION_TRANSFER } from "../../../src/lease/names.ts";
import type { LeaseVersion } from "../../../src/lease/record.ts";
import { CLOCK_RATIO, ElectorDriver, L, lease, Q, released, transferred, V, WE } from "../../support/elector-driver.ts";

const THEM = "r2_uuid-of-r2";
const TARGET = { identity: THEM, leaseDurationMs: L };
const HELD = lease({ rv: 10, holder: THEM });

/** A standby that has seen `HELD`, and whose own member Lease was written as version 9, sent `agoMs` before now. */
function standby(agoMs = 500, known: LeaseVersion = HELD): ElectorDriver {
  const r1 = new ElectorDriver({ standing: { rankDelayMs: 100 * L } });
  r1.sees(known, "list");
  if (Number.isFinite(agoMs)) r1.acknowledges(9).passes(agoMs);
  return r1;
}

describe("being handed a shard: causal validity", () => {
  it("opens on the watch event, without a write of its own", () => {
    const r1 = standby()
      .sees(transferred({ rv: 12, replaced: 10 }))
      .expects("leading");
    expect(r1.happened().slice(0, 2)).toEqual(["acquired", "open"]);
  });

  it("is valid from the sending of its own earlier write, and never longer", () => {
    const r1 = standby(500).sees(transferred({ rv: 12, replaced: 10 }));
    expect(r1.validForMs).toBe(V - 500);
  });

  it("renews at once, off the path, and says in its own name from then on", () => {
    const r1 = standby().sees(transferred({ rv: 12, replaced: 10 }));
    expect(r1.pending).toMatchObject({ kind: "renew", replaces: "12", record: { holder: WE, transitions: 2 } });
    r1.succeeds();
    expect(r1.validForMs).toBe(V);
    r1.expects("leading");
  });

  it("closes when the earlier write's validity is over although no renewal was answered", () => {
    const r1 = standby(4_000).sees(transferred({ rv: 12, replaced: 10 }));
    r1.answers("unknown")
      .advances(V - 4_000 - 1)
      .expects("leading");
    r1.advances(1).expects("vacating");
  });

  it("a shard waits at its new holder for somebody whom the old one has long waited out", () => {
    const r1 = new ElectorDriver({ standing: { rankDelayMs: 100 * L } });
    // Began to look lately: of whoever is dead it knows only that he may still act.
    r1.sees(lease({ rv: 8, holder: "dead_u" }), "list").acknowledges(9);
    r1.sees(lease({ rv: 10, holder: THEM, transitions: 1 })).passes(500);
    r1.sees(transferred({ rv: 12, replaced: 10 })).expects("leading");
  });

  it("an event that comes late does not lengthen validity", () => {
    const r1 = standby(500);
    const version = transferred({ rv: 12, replaced: 10 });
    r1.passes(3_000).acknowledges(13).passes(1_000).sees(version);
    // Version 13 was stored after the transfer: it says nothing about the time before it.
    expect(r1.validForMs).toBe(V - 4_500);
  });

  it("an event that is late by more than V opens nothing before a renewal", () => {
    const r1 = standby(0).passes(V);
    r1.sees(transferred({ rv: 12, replaced: 10 })).expects("claiming");
    expect(r1.happened()).not.toContain("open");
    r1.succeeds();
    r1.expects("leading");
    expect(r1.validForMs).toBe(V);
  });

  it("without any earlier write it confirms first", () => {
    const r1 = standby(Number.POSITIVE_INFINITY);
    r1.sees(transferred({ rv: 12, replaced: 10 })).expects("claiming");
    expect(r1.pending.kind).toBe("renew");
    r1.succeeds();
    r1.expects("leading");
  });

  it("who has just joined waits for a write of its own, although the watch showed it the handing over in its turn", () => {
    const r1 = standby(Number.POSITIVE_INFINITY).acknowledges(11).passes(300);
    r1.sees(transferred({ rv: 12, replaced: 10 })).expects("leading");
    expect(r1.validForMs).toBe(V - 300);
  });

  it("a write of ours after the replaced version counts although the transfer may be older than what shows it: an edit, or a list", () => {
    const listed = standby(Number.POSITIVE_INFINITY).acknowledges(11);
    listed.sees(transferred({ rv: 12, replaced: 10 }), "list").expects("claiming");
    // Between 10, which was seen, and 12 came 11, which the watch did not show: so this need not be the transfer itself.
    const skipped = standby(Number.POSITIVE_INFINITY).acknowledges(12);
    skipped.sees(transferred({ rv: 13, replaced: 11 })).expects("claiming");
  });

  it("a record that declares less than our own duration gives no more than an observer grants it on the fastest clock", () => {
    const r1 = standby(0, lease({ rv: 10, holder: THEM, durationMs: 12_000 }));
    r1.sees(transferred({ rv: 12, replaced: 10, durationMs: 12_000 }));
    expect(r1.validForMs).toBeCloseTo(12_000 / CLOCK_RATIO - Q, 6);
  });

  it("a record that declares more than our own duration does not lengthen our own V", () => {
    const r1 = standby(0).sees(transferred({ rv: 12, replaced: 10, durationMs: 60_000 }));
    expect(r1.validForMs).toBe(V);
  });

  it("a relist that hid the versions between does no harm: who handed over held the Lease at the version it replaced", () => {
    const r1 = standby(500).sees(transferred({ rv: 40, replaced: 39, transitions: 5 }), "list");
    expect(r1.validForMs).toBe(V - 500);
    expect(r1.happened()).not.toContain("take");
  });

  it("two replicas that were told to stop do not open what they hand on: it is passed on to the target", () => {
    const r1 = standby();
    r1.becomes({ leaves: true, target: TARGET }).sees(transferred({ rv: 12, replaced: 10 }));
    expect(r1.happened()).not.toContain("open");
    expect(r1.pending).toMatchObject({ kind: "transfer", replaces: "12", record: { holder: THEM, transitions: 3 } });
  });

  it("a transfer that arrives while draining is released without ever opening when there is nobody", () => {
    const r1 = standby();
    r1.becomes({ leaves: true }).sees(transferred({ rv: 12, replaced: 10 }));
    expect(r1.happened()).not.toContain("open");
    expect(r1.pending.kind).toBe("release");
  });

  it("a transfer to a replica whose source is cold does not open on an empty cache", () => {
    const r1 = standby()
      .becomes({ contends: false })
      .sees(transferred({ rv: 12, replaced: 10 }));
    expect(r1.happened()).not.toContain("open");
    expect(r1.pending.kind).toBe("release");
  });

  it("a transfer that arrives while another key map is in use does not open", () => {
    const r1 = standby()
      .becomes({ mayOpen: false })
      .sees(transferred({ rv: 12, replaced: 10 }));
    expect(r1.happened()).not.toContain("open");
  });

  it("a take of ours that was lost is not mistaken for the transfer that came instead, whatever its record says", () => {
    // The holder's clock was ahead, so that it and we wrote the same next renewTime.
    const r1 = new ElectorDriver();
    r1.sees(HELD, "list").acknowledges(9).advances(L);
    const { record } = r1.pending;
    const version = transferred({ rv: 12, replaced: 10, transitions: record.transitions, renewTime: record.renewTime });
    r1.answers("conflict").sees(version);
    expect(r1.happened()).not.toContain("open");
    r1.reads(version);
    expect(r1.isOpen).toBe(false);
  });
});

describe("what only looks like a transfer", () => {
  it.each([
    [
      "names another target",
      transferred({ rv: 12, replaced: 10, annotations: { [ANNOTATION_TRANSFER]: `${THEM};2;10` } }),
    ],
    [
      "counts other transitions",
      transferred({ rv: 12, replaced: 10, annotations: { [ANNOTATION_TRANSFER]: `${WE};1;10` } }),
    ],
    ["replaced a version older than the one in sight", transferred({ rv: 12, replaced: 9 })],
    ["says no version", transferred({ rv: 12, replaced: 10, annotations: { [ANNOTATION_TRANSFER]: `${WE};2;abc` } })],
    ["has no annotation at all", lease({ rv: 12, holder: WE, transitions: 2 })],
    ["stands on another Lease of that name: a new uid", transferred({ rv: 12, replaced: 10, uid: "uid-2" })],
  ])("an edit that %s is waited out, then confirmed", (_, version) => {
    const r1 = standby().sees(version);
    expect(r1.happened()).not.toContain("open");
    expect(r1.hasPending).toBe(false);
    r1.becomes({ rankDelayMs: 0 }).advances(L - 1);
    expect(r1.hasPending).toBe(false);
    r1.advances(1);
    expect(r1.hasPending).toBe(true);
    expect(r1.isOpen).toBe(false);
    r1.succeeds();
    r1.expects("leading");
  });

  it("a first list that shows a transfer to us does not open by it: what was before it is unknown", () => {
    const r1 = new ElectorDriver();
    r1.acknowledges(9).sees(transferred({ rv: 12, replaced: 10 }), "list");
    expect(r1.happened()).not.toContain("open");
  });

  it("a transfer whose own resourceVersion is no number opens nothing", () => {
    const r1 = standby().sees(transferred({ rv: "abc", replaced: 10 }));
    expect(r1.happened()).not.toContain("open");
  });

  it("a metadata patch after the transfer neither ends the term nor moves its validity", () => {
    const r1 = standby(500);
    const version = transferred({ rv: 12, replaced: 10 });
    r1.sees(version).expects("leading").answers("conflict");
    const { renewTime, acquireTime } = version.record;
    const annotations = { ...version.annotations, "somebody/was-here": "yes" };
    r1.sees(transferred({ rv: 13, replaced: 10, renewTime, acquireTime, annotations }));
    r1.expects("leading");
    expect(r1.validForMs).toBe(V - 500);
  });

  it("a transfer to us is not counted twice: the same annotation under a later edit ends the term", () => {
    const r1 = standby(500)
      .sees(transferred({ rv: 12, replaced: 10 }))
      .expects("leading");
    r1.sees(transferred({ rv: 13, replaced: 10 }));
    expect(r1.happened()).toContain("lose (foreign-edit)");
  });

  it("a transfer to us that is taken back in the next version is lost at once", () => {
    const r1 = standby()
      .sees(transferred({ rv: 12, replaced: 10 }))
      .expects("leading");
    r1.sees(lease({ rv: 13, holder: "stranger", transitions: 3 })).expects("vacating");
  });
});

describe("observers of a transfer between others", () => {
  const OTHER = "r3_uuid-of-r3";

  it("do not embargo a valid one: the next owner's release is free at once", () => {
    const r1 = standby(0).becomes({ rankDelayMs: 0 });
    r1.sees(transferred({ rv: 12, replaced: 10, holder: OTHER }));
    r1.sees(released({ rv: 13, transitions: 2 }));
    expect(r1.pending.kind).toBe("take");
  });

  it("embargo a forged one: whom it displaced may still act, whatever is written next", () => {
    const r1 = standby(0).becomes({ rankDelayMs: 0 });
    r1.sees(transferred({ rv: 12, replaced: 9, holder: OTHER }));
    r1.sees(released({ rv: 13, transitions: 2 }));
    expect(r1.hasPending).toBe(false);
    r1.advances(L - 1);
    expect(r1.hasPending).toBe(false);
    r1.advances(1);
    expect(r1.hasPending).toBe(true);
  });

  it("wait out a target that died, for the duration that the transfer declares, and no longer", () => {
    const r1 = standby(0).becomes({ rankDelayMs: 0 });
    r1.sees(transferred({ rv: 12, replaced: 10, holder: OTHER, durationMs: 20_000 })).advances(20_000 - 1);
    expect(r1.hasPending).toBe(false);
    r1.advances(1);
    expect(r1.pending.kind).toBe("take");
  });
});
