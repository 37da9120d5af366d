import { describe, expect, it } from "vitest";
import { KeyMaps } from "../../../src/election/key-maps.ts";
import {
  type Observation,
  observeAbsence,
  observeGone,
  observeVersion,
  UNSEEN,
} from "../../../src/election/observation.ts";
import type { LeaseVersion } from "../../../src/lease/record.ts";
import { EMPTY_ROSTER, observeMember, type Roster } from "../../../src/membership/roster.ts";
import { L, lease, released, transferred, WE } from "../../support/elector-driver.ts";

const OURS = "ring-1/8";
const OTHERS = "ring-1/16";

function under(keyMap: string | undefined, version: LeaseVersion): LeaseVersion {
  return { ...version, annotations: keyMap === undefined ? {} : { "electorate.dev/key-map": keyMap } };
}

/** Key maps of a resource, and one Lease of it whose versions are observed one after the other. */
class Watcher {
  readonly keyMaps = new KeyMaps(OURS);
  observation: Observation = UNSEEN;

  sees(version: LeaseVersion, atMs = 0, name = "shop-configmaps-12"): boolean {
    const arrival = {
      channel: "watch",
      identity: "we_u",
      monotonicMs: atMs,
      leaseDurationMs: L,
      absenceMs: L,
    } as const;
    this.observation = observeVersion(this.observation, version, arrival);
    return this.keyMaps.observe(name, this.observation);
  }

  misses(atMs: number, channel: "watch" | "list" = "watch"): boolean {
    this.observation = observeAbsence(false, {
      channel,
      identity: "we_u",
      monotonicMs: atMs,
      leaseDurationMs: L,
      absenceMs: L,
    });
    return this.keyMaps.observe("shop-configmaps-12", this.observation);
  }

  /** Its holder, which stood by its member Lease, is gone. */
  learnsThatItsHolderIsGone(): boolean {
    this.observation = observeGone(this.observation);
    return this.keyMaps.observe("shop-configmaps-12", this.observation);
  }
}

const MARK = { "electorate.dev/renewal": "per-member" };
/** Held by a member Lease, and by no renewal of its own. */
const standing = (keyMap: string | undefined, version: LeaseVersion): LeaseVersion => {
  const marked = under(keyMap, version);
  return { ...marked, annotations: { ...marked.annotations, ...MARK } };
};

function member(keyMap: string, state = "ready", identity = "r2_uuid"): Roster {
  const annotations = {
    "electorate.dev/identity": identity,
    "electorate.dev/protocol": "1",
    "electorate.dev/state": state,
    "electorate.dev/resources": JSON.stringify({ configmaps: keyMap }),
  };
  const version = {
    ...lease({ rv: 5, holder: identity }),
    name: `shop-member-${identity.slice(identity.indexOf("_") + 1)}`,
    annotations,
  };
  return observeMember(EMPTY_ROSTER, version, "watch", 0, L);
}

describe("key maps", () => {
  it("no shard opens while a Lease of its resource is held under another map: two cuts of the keys would overlap", () => {
    const watcher = new Watcher();
    watcher.sees(under(OTHERS, lease({ rv: 10 })), 0);
    expect(watcher.keyMaps.freeFromMs(1)).toBe(L);
    watcher.sees(under(OTHERS, lease({ rv: 11 })), 2_000);
    expect(watcher.keyMaps.freeFromMs(2_001)).toBe(L + 2_000);
    expect(watcher.keyMaps.freeFromMs(L + 2_000)).toBe(Number.NEGATIVE_INFINITY);
  });

  it("a release of the other map's last Lease is seen at once, not when it would have expired", () => {
    const watcher = new Watcher();
    watcher.sees(under(OTHERS, lease({ rv: 10 })), 0);
    expect(watcher.sees(under(OTHERS, released({ rv: 11 })), 500)).toBe(true);
    expect(watcher.keyMaps.freeFromMs(500)).toBe(Number.NEGATIVE_INFINITY);
  });

  it("deleting the other map's Lease does not let its holder be overlooked", () => {
    const watcher = new Watcher();
    watcher.sees(under(OTHERS, lease({ rv: 10 })), 0);
    watcher.misses(1_000);
    expect(watcher.keyMaps.freeFromMs(1_001)).toBe(L + 1_000);
  });

  it("taking the annotation off does not let its holder be overlooked", () => {
    const watcher = new Watcher();
    watcher.sees(under(OTHERS, lease({ rv: 10 })), 0);
    watcher.sees(under(undefined, lease({ rv: 11 })), 1_000);
    expect(watcher.keyMaps.freeFromMs(1_001)).toBe(L);
  });

  it("of many holders under another map one that lasts longer is overlooked when an earlier one is waited out", () => {
    const watcher = new Watcher();
    watcher.sees(under(OTHERS, lease({ rv: 10 })), 0, "shop-configmaps-12");
    watcher.observation = UNSEEN;
    watcher.sees(under(OTHERS, lease({ rv: 11 })), 5_000, "shop-configmaps-13");
    for (const atMs of [1, L, L + 1]) expect(watcher.keyMaps.freeFromMs(atMs)).toBe(L + 5_000);
    expect(watcher.keyMaps.freeFromMs(L + 5_000)).toBe(Number.NEGATIVE_INFINITY);
  });

  it("an edit that empties the other map's Lease is no release of it", () => {
    const watcher = new Watcher();
    watcher.sees(under(OTHERS, lease({ rv: 10 })), 0);
    watcher.sees(under(OTHERS, lease({ rv: 11, holder: "" })), 1_000);
    expect(watcher.keyMaps.freeFromMs(1_001)).toBe(L + 1_000);
  });

  it("our own map, foreign holders without one, and empty Leases block nobody", () => {
    const watcher = new Watcher();
    watcher.sees(under(OURS, lease({ rv: 10 })), 0);
    watcher.sees(under(undefined, lease({ rv: 11, holder: "client-go" })), 0);
    expect(watcher.keyMaps.freeFromMs(1)).toBe(Number.NEGATIVE_INFINITY);
    const chart = new Watcher();
    chart.sees(under(OTHERS, lease({ rv: 10, holder: "", durationMs: 0 })), 0);
    expect(chart.keyMaps.freeFromMs(1)).toBe(Number.NEGATIVE_INFINITY);
  });

  it("a new count waits until no ready member with the old one is left, or each freed shard would be fought over", () => {
    const { keyMaps } = new Watcher();
    const prefers = (roster: Roster, nowMs = 10) => keyMaps.isPreferred("configmaps", roster, nowMs, () => false);
    expect(prefers(member(OTHERS))).toBe(false);
    expect(prefers(member(OTHERS, "draining"))).toBe(true);
    expect(prefers(member(OTHERS), L)).toBe(true);
    expect(prefers(EMPTY_ROSTER)).toBe(true);
  });

  it("two maps do not wait for each other for ever: every replica finds the same member to have come first", () => {
    const both = new Map([...member(OURS, "ready", "a"), ...member(OTHERS, "ready", "b")]);
    const [ours, others] = [OURS, OTHERS].map((keyMap) => new KeyMaps(keyMap));
    const preferred = [ours, others].map((keyMaps) => keyMaps?.isPreferred("configmaps", both, 10, () => false));
    expect(preferred).toEqual([true, false]);
  });

  it("a map under which a Lease is held goes on, whoever came first", () => {
    const { keyMaps } = new Watcher();
    expect(keyMaps.isPreferred("configmaps", member(OTHERS), 10, () => true)).toBe(true);
  });

  it("a dead member of the old count, fenced at last, does not block every bucket of the new one for ever", () => {
    const watcher = new Watcher();
    watcher.sees(standing(OTHERS, lease({ rv: 10 })), 0);
    expect(watcher.keyMaps.freeFromMs(60_000)).toBe(Number.POSITIVE_INFINITY);
    expect(watcher.learnsThatItsHolderIsGone()).toBe(true);
    expect(watcher.keyMaps.freeFromMs(60_000)).toBe(Number.NEGATIVE_INFINITY);
  });

  it("one that is deleted, emptied or taken under our map is waited out, and then blocks nobody any more", () => {
    const [deleted, emptied, taken] = [new Watcher(), new Watcher(), new Watcher()];
    for (const watcher of [deleted, emptied, taken]) watcher.sees(standing(OTHERS, lease({ rv: 10 })), 0);
    deleted.misses(1_000);
    emptied.sees(standing(OTHERS, lease({ rv: 11, holder: "", durationMs: 0 })), 1_000);
    taken.sees(standing(OURS, lease({ rv: 11, holder: "r3_u3", transitions: 2 })), 1_000);
    for (const { keyMaps } of [deleted, emptied, taken]) {
      expect(keyMaps.freeFromMs(1_001)).toBe(L + 1_000);
      expect(keyMaps.freeFromMs(L + 1_000)).toBe(Number.NEGATIVE_INFINITY);
    }
  });

  it("our map, patched onto what stands by a member under another one, does not let that member be overlooked", () => {
    const watcher = new Watcher();
    watcher.sees(standing(OTHERS, lease({ rv: 10, renewTime: "2026-01-01T00:00:00.000010Z" })), 0);
    for (const [index, keyMap] of [OURS, undefined].entries()) {
      const patched = lease({ rv: 11 + index, renewTime: "2026-01-01T00:00:00.000010Z" });
      watcher.sees(standing(keyMap, patched), 1_000);
      expect(watcher.keyMaps.freeFromMs(60_000)).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it("says when it may have changed who may try, and only then: every contender is woken by it", () => {
    const watcher = new Watcher();
    expect(watcher.sees(under(OURS, lease({ rv: 10 })), 0)).toBe(false);
    expect(watcher.sees(under(OURS, lease({ rv: 11 })), 10)).toBe(false);
    expect(watcher.sees(under(OTHERS, lease({ rv: 12, holder: "r3", transitions: 2 })), 20)).toBe(true);
  });
});

describe("a Lease that a list did not show", () => {
  const known = under(OURS, lease({ rv: 10, holder: "r2_uuid" }));
  const handed = (keyMap: string, replaced = 10): LeaseVersion => {
    const version = transferred({ rv: 12, replaced });
    return { ...version, annotations: { ...version.annotations, "electorate.dev/key-map": keyMap } };
  };

  it("keeps a shard from opening that was just handed over by somebody who had opened it under the same map", () => {
    const watcher = new Watcher();
    watcher.misses(0, "list");
    expect(watcher.keyMaps.freeFromMs(1)).toBe(L);
    expect(watcher.keyMaps.settle(WE, handed(OURS), known)).toBe(true);
    expect(watcher.keyMaps.freeFromMs(1)).toBeLessThan(1);
  });

  it("counts for nothing after a hand-over that says nothing: under another map, to another member, or repeated", () => {
    const watcher = new Watcher();
    watcher.misses(0, "list");
    expect(watcher.keyMaps.settle(WE, handed(OTHERS), known)).toBe(false);
    expect(watcher.keyMaps.settle("r3_uuid", handed(OURS), known)).toBe(false);
    expect(watcher.keyMaps.settle(WE, handed(OURS, 9), known)).toBe(false);
    expect(watcher.keyMaps.settle(WE, handed(OURS), undefined)).toBe(false);
    expect(watcher.keyMaps.freeFromMs(1)).toBe(L);
  });

  it("frees what was seen to be held under another map, because something else was handed over", () => {
    const watcher = new Watcher();
    watcher.sees(under(OTHERS, lease({ rv: 3, holder: "r9_uuid" })), 0);
    watcher.misses(1, "list");
    watcher.keyMaps.settle(WE, handed(OURS), known);
    expect(watcher.keyMaps.freeFromMs(2)).toBe(L + 1);
  });

  it("blocks a resource for a whole duration when a Lease that was let go long ago is cleared away", () => {
    const watcher = new Watcher();
    watcher.sees(under(OTHERS, lease({ rv: 3, holder: "r9_uuid" })), 0);
    watcher.sees(under(OTHERS, released({ rv: 4 })), 5);
    expect(watcher.keyMaps.freeFromMs(6)).toBeLessThan(6);
    watcher.misses(7);
    expect(watcher.keyMaps.freeFromMs(8)).toBeLessThan(8);
  });
});
