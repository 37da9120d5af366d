import { describe, expect, it } from "vitest";
import { Deaths } from "../../../src/election/deaths.ts";
import { fencedBody } from "../../../src/lease/fence.ts";
import { type LeaseVersion, parseLease } from "../../../src/lease/record.ts";
import { type Departures, NO_DEPARTURES, type Presence } from "../../../src/membership/departures.ts";
import { EMPTY_ROSTER, observeMember } from "../../../src/membership/roster.ts";
import { L } from "../../support/elector-driver.ts";

const THEM = "r2_u2";

function member(identity: string, rv = 1): LeaseVersion {
  return parseLease({
    metadata: { name: `shop-member-${identity.split("_")[1]}`, uid: "uid", resourceVersion: String(rv) },
    spec: { holderIdentity: identity, leaseDurationSeconds: 15 },
  });
}

function fenced(identity: string): LeaseVersion {
  const body = fencedBody(member(identity), identity, 0);
  return parseLease({ ...body, metadata: { ...body.metadata, resourceVersion: "2" } });
}

/** Looks at Leases that stand by members, with a roster as the test has it. */
class Looker {
  presence: Presence = { roster: EMPTY_ROSTER, departures: NO_DEPARTURES };
  /** Whom it was asked to fence, and when it says to come again. */
  asked: string[] = [];
  againMs = Number.POSITIVE_INFINITY;
  readonly #deaths = new Deaths({
    coordinator: "shop",
    leaseDurationMs: L,
    presence: () => this.presence,
    isProven: () => false,
    fencing: {
      look: (holders) => {
        this.asked = [...holders];
        return this.againMs;
      },
    },
  });

  sees(...versions: readonly LeaseVersion[]): this {
    const roster = versions.reduce((known, version) => observeMember(known, version, "watch", 0, L), EMPTY_ROSTER);
    this.presence = { ...this.presence, roster };
    return this;
  }

  misses(departures: Departures): this {
    this.presence = { ...this.presence, departures };
    return this;
  }

  /** Leases by their holders and what they declare; answers which of them are free, and when to look again. */
  looks(leases: readonly (readonly [string, number])[], nowMs: number): { freed: number[]; againMs: number } {
    const freed: number[] = [];
    const standing = leases.map(([holder, declaredMs], index) => ({
      holder,
      declaredMs,
      standsByMember: true,
      gone: () => void freed.push(index),
    }));
    return { freed, againMs: this.#deaths.look(standing, nowMs) };
  }
}

describe("deaths", () => {
  it("nothing is freed while its holder's member Lease stands, and every such holder is watched", () => {
    const looker = new Looker().sees(member(THEM), member("r3_u3"));
    looker.againMs = 42;
    const leases = [THEM, "r3_u3", THEM].map((holder) => [holder, L] as const);
    expect(looker.looks(leases, 1e9)).toEqual({ freed: [], againMs: 42 });
    expect(looker.asked).toEqual([THEM, "r3_u3"]);
  });

  it("all that stood by a fenced member is freed at once, and nothing else", () => {
    const looker = new Looker().sees(fenced(THEM), member("r3_u3"));
    const leases = [THEM, "r3_u3", THEM].map((holder) => [holder, L] as const);
    expect(looker.looks(leases, 0).freed).toEqual([0, 2]);
  });

  it("what stood by a member that is missing is freed when its wait is over, each by what it declares, and not forgotten until then", () => {
    const looker = new Looker().misses(new Map([["shop-member-u2", { sinceMs: 1_000, declaredMs: 20_000 }]]));
    const leases = [
      [THEM, L],
      [THEM, 60_000],
    ] as const;
    expect(looker.looks(leases, 20_999)).toEqual({ freed: [], againMs: 21_000 });
    expect(looker.looks(leases, 21_000)).toEqual({ freed: [0], againMs: 61_000 });
    expect(looker.looks(leases, 61_000).freed).toEqual([0, 1]);
  });

  it("a holder that never was a member is waited for by its record alone", () => {
    expect(new Looker().looks([["client-go", L]], 0).freed).toEqual([0]);
  });
});
