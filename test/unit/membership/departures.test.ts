import { describe, expect, it } from "vitest";
import { fencedBody } from "../../../src/lease/fence.ts";
import { type LeaseVersion, parseLease } from "../../../src/lease/record.ts";
import {
  type Departures,
  departureOf,
  goneFromMs,
  NO_DEPARTURES,
  noteDepartures,
} from "../../../src/membership/departures.ts";
import { EMPTY_ROSTER, forgetMember, observeMember, type Roster } from "../../../src/membership/roster.ts";

const L = 15_000;
const HOLDER = "r2_u2";

function member(rv: number, durationSeconds = 15, holder = HOLDER): LeaseVersion {
  return parseLease({
    metadata: { name: "shop-member-u2", uid: "uid", resourceVersion: String(rv), annotations: {} },
    spec: { holderIdentity: holder, leaseDurationSeconds: durationSeconds, leaseTransitions: rv },
  });
}

const fenced = (of: LeaseVersion, rv: number): LeaseVersion => {
  const body = fencedBody(of, HOLDER, 0);
  return parseLease({ ...body, metadata: { ...body.metadata, name: of.name, resourceVersion: String(rv) } });
};

/** One list+watch of member Leases. */
class Watcher {
  roster: Roster = EMPTY_ROSTER;
  departures: Departures = NO_DEPARTURES;

  sees(version: LeaseVersion, atMs: number): this {
    return this.#becomes(observeMember(this.roster, version, "watch", atMs, L), atMs);
  }

  misses(atMs: number): this {
    return this.#becomes(forgetMember(this.roster, "shop-member-u2"), atMs);
  }

  /** When a shard Lease that names the holder, and declares so much, may be taken. */
  goneFromMs(declaredMs = L, leaseDurationMs = L, holder = HOLDER): number {
    return goneFromMs(departureOf("shop", holder, this), declaredMs, leaseDurationMs);
  }

  #becomes(roster: Roster, atMs: number): this {
    this.departures = noteDepartures(this.departures, this.roster, roster, atMs);
    this.roster = roster;
    return this;
  }
}

describe("when a member is gone", () => {
  it("never while its Lease is there, however old: it may act until it is fenced", () => {
    expect(new Watcher().sees(member(1), 0).goneFromMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it("at once when it is fenced", () => {
    const watcher = new Watcher().sees(member(1), 0).sees(fenced(member(1), 2), 20_000);
    expect(watcher.goneFromMs()).toBe(Number.NEGATIVE_INFINITY);
  });

  it("a Lease that somebody emptied is no fence, and a fence's annotation beside another record is none either", () => {
    const emptied = member(2, 15, "");
    expect(new Watcher().sees(emptied, 0).goneFromMs()).toBe(Number.POSITIVE_INFINITY);
    const annotated = { ...emptied, annotations: { "electorate.dev/fence": `${HOLDER};7` } };
    expect(new Watcher().sees(annotated, 0).goneFromMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it("a deleted one after its own duration, which may be longer than ours, since it was seen to be missing", () => {
    expect(new Watcher().sees(member(1), 0).misses(1_000).goneFromMs()).toBe(16_000);
    expect(new Watcher().sees(member(1, 60), 0).misses(1_000).goneFromMs()).toBe(61_000);
    expect(new Watcher().sees(member(1, 5), 0).misses(1_000).goneFromMs()).toBe(16_000);
  });

  it("edits that shorten what it declares, one after the other, and then a deletion, shorten no wait", () => {
    const watcher = new Watcher().sees(member(1, 60), 0).sees(member(2, 1), 10).sees(member(3, 1), 20);
    expect(watcher.misses(1_000).goneFromMs()).toBe(61_000);
  });

  it("what the shard's own Lease declares is waited out, too: its holder's may have been edited before we came", () => {
    expect(new Watcher().sees(member(1, 1), 0).misses(1_000).goneFromMs(60_000)).toBe(61_000);
  });

  it("an absurd declaration is not waited out: who deletes the Lease has seen to it that its holder is stopped", () => {
    expect(new Watcher().sees(member(1), 0).sees(member(2, 1e6), 10).misses(1_000).goneFromMs()).toBe(16_000);
  });

  it("one that is back has not departed, and its wait begins anew when it goes again", () => {
    const watcher = new Watcher().sees(member(1), 0).misses(1_000).sees(member(2), 2_000);
    expect(watcher.goneFromMs()).toBe(Number.POSITIVE_INFINITY);
    expect(watcher.misses(9_000).goneFromMs()).toBe(24_000);
  });

  it("one that was never there, and a holder that is no member, are waited for by the shard's own record alone", () => {
    const watcher = new Watcher().sees(member(1), 0);
    expect(watcher.goneFromMs(L, L, "r3_u3")).toBe(Number.NEGATIVE_INFINITY);
    expect(watcher.goneFromMs(L, L, "client-go")).toBe(Number.NEGATIVE_INFINITY);
  });

  it("nothing new is nothing new: most events are renewals", () => {
    const watcher = new Watcher().sees(member(1), 0).misses(1_000);
    const { departures } = watcher;
    expect(watcher.sees({ ...member(9), name: "shop-member-u9" }, 2_000).departures).toBe(departures);
  });
});
