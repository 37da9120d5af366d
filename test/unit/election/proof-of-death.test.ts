import { describe, expect, it } from "vitest";
import { Deaths } from "../../../src/election/deaths.ts";
import { NO_DEPARTURES } from "../../../src/membership/departures.ts";
import { EMPTY_ROSTER } from "../../../src/membership/roster.ts";
import { ElectorDriver, L, lease } from "../../support/elector-driver.ts";

const DEAD = "r2_uuid-of-r2";

/** A standby that has seen a Lease which `DEAD` renewed a moment ago. */
function standby(): ElectorDriver {
  return new ElectorDriver().sees(lease({ rv: 9, holder: DEAD, transitions: 1 }), "list").passes(100);
}

describe("a holder whose Pod shows that it is dead", () => {
  it("is waited for until its Lease has expired", () => {
    const r1 = standby();
    expect(r1.hasPending).toBe(false);
    r1.dispatch({ type: "gone", holder: DEAD, proven: true });
    expect(r1.pending).toMatchObject({ kind: "take", replaces: "9" });
  });

  it("loses a shard that it handed over before it died", () => {
    const r1 = standby().sees(lease({ rv: 10, holder: "r3_uuid-of-r3", transitions: 2 }));
    r1.dispatch({ type: "gone", holder: DEAD, proven: true });
    expect(r1.hasPending).toBe(false);
  });

  it("shortens the wait for somebody else who may still act: whoever was edited away before it", () => {
    const r1 = new ElectorDriver().sees(lease({ rv: 8, holder: "r3_uuid-of-r3", transitions: 1 }), "list").passes(100);
    r1.sees(lease({ rv: 9, holder: DEAD, transitions: 2 })).dispatch({ type: "gone", holder: DEAD, proven: true });
    expect(r1.hasPending).toBe(false);
    r1.advances(L);
    expect(r1.pending.kind).toBe("take");
  });

  it("frees a Lease that is renewed by itself although nothing was proven", () => {
    const r1 = standby().dispatch({ type: "gone", holder: DEAD, proven: false });
    expect(r1.hasPending).toBe(false);
  });

  it("frees what stands by its member Lease before that was fenced", () => {
    const freed: string[] = [];
    const asked: string[][] = [];
    const deaths = new Deaths({
      coordinator: "shop",
      leaseDurationMs: L,
      presence: () => ({
        roster: EMPTY_ROSTER,
        departures: new Map([...NO_DEPARTURES, ["shop-member-uuid-of-r2", { sinceMs: 0, declaredMs: L }]]),
      }),
      fencing: {
        look: (holders) => {
          asked.push([...holders]);
          return Number.POSITIVE_INFINITY;
        },
      },
      isProven: (identity) => identity === DEAD,
    });
    const held = (standsByMember: boolean, what: string) => ({
      holder: DEAD,
      standsByMember,
      declaredMs: L,
      gone: (proven: boolean) => void freed.push(`${what} ${proven}`),
    });
    deaths.look([held(false, "renewed"), held(true, "standing")], 1);
    expect(freed).toEqual(["renewed true"]);
    expect(asked).toEqual([[DEAD]]);
  });
});
