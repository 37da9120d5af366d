import { beforeEach, describe, expect, it } from "vitest";
import type { Elector } from "../../../src/election/elector.ts";
import { NEW_ELECTOR } from "../../../src/election/elector.ts";
import { observeVersion, UNSEEN } from "../../../src/election/observation.ts";
import { PlanNotices } from "../../../src/election/plan-notices.ts";
import { Targets } from "../../../src/election/targets.ts";
import {
  ANNOTATION_IDENTITY,
  ANNOTATION_PROTOCOL,
  ANNOTATION_RESOURCES,
  ANNOTATION_STATE,
  PROTOCOL,
  type Shard,
  shardsOf,
} from "../../../src/lease/names.ts";
import type { LeaseVersion } from "../../../src/lease/record.ts";
import { EMPTY_ROSTER, forgetMember, observeMember, type Roster } from "../../../src/membership/roster.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { L, lease } from "../../support/elector-driver.ts";
import { PLACEMENT } from "../../support/scenario-replica.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { byText } from "../../support/waiting.ts";

const KEY_MAP = "ring-1/4";
const SHARDS = shardsOf("shop", { group: "", plural: "configmaps" }, 4, KEY_MAP);
const SETTLE_MS = 150;

let clock = new VirtualClock();
let roster: Roster = EMPTY_ROSTER;
let electors = new Map<string, Elector>();
let plans = 0;
/** Shards of which the last plan said something new. */
let changed: readonly string[] = [];
let rv = 100;
beforeEach(() => {
  clock = new VirtualClock();
  roster = EMPTY_ROSTER;
  electors = new Map();
  plans = 0;
});

function targetsOf(identity: string): Targets {
  return new Targets({
    identity,
    clock,
    shards: SHARDS,
    roster: () => roster,
    electorOf: (shard) => electors.get(shard.id),
    isFrozen: () => false,
    placement: PLACEMENT,
    notices: new PlanNotices({ controlLease: "shop-control", log: silentTelemetry.log, announce: () => {} }),
    planned: (isNew) => {
      plans += 1;
      changed = SHARDS.filter(isNew).map(({ id }) => id);
    },
  });
}

function memberLease(identity: string, state = "ready"): LeaseVersion {
  rv += 1;
  const annotations = {
    [ANNOTATION_IDENTITY]: identity,
    [ANNOTATION_PROTOCOL]: PROTOCOL,
    [ANNOTATION_STATE]: state,
    [ANNOTATION_RESOURCES]: JSON.stringify({ configmaps: KEY_MAP }),
  };
  return { ...lease({ rv, holder: identity, annotations }), name: `shop-member-${identity}` };
}

function renew(identity: string, state?: string): void {
  roster = observeMember(roster, memberLease(identity, state), "watch", clock.monotonicMs(), L);
}

function holds(identity: string, ...shards: readonly Shard[]): void {
  for (const shard of shards) {
    rv += 1;
    const arrival = {
      channel: "watch",
      identity: "a_u",
      monotonicMs: clock.monotonicMs(),
      leaseDurationMs: L,
      absenceMs: L,
    } as const;
    const observation = observeVersion(UNSEEN, { ...lease({ rv, holder: identity }), name: shard.leaseName }, arrival);
    electors.set(shard.id, { ...NEW_ELECTOR, observation });
  }
}

function given(targets: Targets): string[] {
  return SHARDS.map((shard) => targets.targetFor(shard)?.identity ?? "-");
}

describe("when is planned", () => {
  it("members that join one after the other are planned once, when the last of them has settled", async () => {
    const targets = targetsOf("a");
    renew("a");
    holds("a", ...SHARDS);
    for (const identity of ["b", "c", "d"]) {
      renew(identity);
      targets.note("joined");
      await clock.advance(50);
    }
    expect(plans).toBe(0);
    await clock.advance(100);
    expect(plans).toBe(1);
    expect(given(targets).toSorted(byText)).toEqual(["-", "b", "c", "d"]);
  });

  it("a death does not wait for joins to settle", async () => {
    const targets = targetsOf("a");
    renew("a");
    renew("b");
    holds("b", ...SHARDS);
    targets.note("joined");
    roster = forgetMember(roster, "shop-member-b");
    targets.note("left");
    await clock.advance(1);
    expect(plans).toBe(1);
  });

  it("joins without end do not keep a death from being planned", async () => {
    const targets = targetsOf("a");
    renew("a");
    targets.note("left");
    targets.note("joined");
    await clock.advance(1);
    expect(plans).toBe(1);
  });

  it("joins without end are planned all the same", async () => {
    const targets = targetsOf("a");
    for (let passed = 0; passed < 1_000; passed += 100) {
      renew(`m${passed}`);
      targets.note("joined");
      await clock.advance(100);
    }
    expect(plans).toBeGreaterThanOrEqual(3);
    expect(plans).toBeLessThanOrEqual(4);
  });

  it("a plan that is older than what it was made of moves nothing", async () => {
    const targets = targetsOf("a");
    renew("a");
    renew("b");
    holds("a", ...SHARDS);
    expect(targets.isCurrent).toBe(false);
    targets.note("joined");
    await clock.advance(SETTLE_MS);
    expect(targets.isCurrent).toBe(true);
    targets.note("holder");
    expect(targets.isCurrent).toBe(false);
    await clock.advance(20);
    expect(targets.isCurrent).toBe(true);
  });

  it("a move that goes as planned is answered by another plan, which chooses other shards than those on their way", async () => {
    const targets = targetsOf("a");
    for (const identity of ["a", "b"]) renew(identity);
    holds("a", ...SHARDS);
    targets.note("left");
    await clock.advance(1);
    const moved = SHARDS.find((shard) => targets.wantedFor(shard) === "b");
    if (moved === undefined) throw new Error("nothing is to move");
    targets.noteHolder(moved, "b");
    expect(targets.isCurrent).toBe(true);
    await clock.advance(499);
    expect(plans).toBe(1);
    // Once all the same: each replica may have had another plan.
    await clock.advance(1);
    expect(plans).toBe(2);
  });

  it("a move that nobody planned, or a Lease that is let go, leaves the plan as it was", async () => {
    const targets = targetsOf("a");
    for (const identity of ["a", "b"]) renew(identity);
    holds("a", ...SHARDS);
    targets.note("left");
    await clock.advance(1);
    for (const holder of ["", "c"]) {
      for (const shard of SHARDS) targets.noteHolder(shard, holder);
      expect(targets.isCurrent).toBe(false);
      await clock.advance(20);
    }
    expect(plans).toBe(3);
  });

  it("who has many shards to take is believed not to come, while it takes one after the other", async () => {
    const targets = targetsOf("a");
    for (const identity of ["a", "b"]) renew(identity);
    targets.note("left");
    await clock.advance(1);
    const [first, second] = SHARDS.filter((shard) => targets.wantedFor(shard) === "b");
    if (first === undefined || second === undefined) throw new Error("b is given nothing");
    expect(targets.lastTookMs(second)).toBe(Number.NEGATIVE_INFINITY);
    await clock.advance(7);
    targets.noteHolder(first, "b");
    expect(targets.lastTookMs(second)).toBe(clock.monotonicMs());
    roster = forgetMember(roster, "shop-member-b");
    targets.note("left");
    await clock.advance(1);
    renew("b");
    targets.note("left");
    await clock.advance(1);
    expect(targets.lastTookMs(second)).toBe(Number.NEGATIVE_INFINITY);
  });

  it("a new plan looks at every shard, whether or not it says something new of it", async () => {
    const targets = targetsOf("a");
    renew("a");
    holds("a", ...SHARDS);
    targets.note("left");
    await clock.advance(1);
    expect(changed).toEqual(SHARDS.map(({ id }) => id));
    renew("b");
    targets.note("left");
    await clock.advance(1);
    expect(changed).toEqual(SHARDS.filter((shard) => targets.wantedFor(shard) === "b").map(({ id }) => id));
    expect(changed).toHaveLength(2);
  });

  it("what is possible only later is looked at later, and never in a loop", async () => {
    const targets = targetsOf("a");
    renew("a");
    targets.lookAgainIn(0);
    targets.lookAgainIn(1e-9);
    await clock.advance(1);
    expect(plans).toBe(1);
  });
});

describe("whom it names", () => {
  async function planned(identity: string): Promise<Targets> {
    const targets = targetsOf(identity);
    targets.note("left");
    await clock.advance(1);
    return targets;
  }

  it("two replicas that see the same name the same", async () => {
    for (const identity of ["a", "b", "c"]) renew(identity);
    holds("a", ...SHARDS);
    const [one, other] = [await planned("a"), await planned("b")];
    expect(SHARDS.map((shard) => one.wantedFor(shard))).toEqual(SHARDS.map((shard) => other.wantedFor(shard)));
  });

  it("nothing is handed to a member that has turned to leave since the plan was made", async () => {
    renew("a");
    renew("b");
    holds("a", ...SHARDS);
    const targets = await planned("a");
    expect(given(targets).filter((name) => name === "b")).toHaveLength(2);
    renew("b", "draining");
    expect(given(targets)).toEqual(["-", "-", "-", "-"]);
  });

  it("nothing is handed to a member that has stopped renewing since the plan was made", async () => {
    renew("a");
    renew("b");
    holds("a", ...SHARDS);
    const targets = await planned("a");
    await clock.advance(L);
    renew("a");
    expect(given(targets)).toEqual(["-", "-", "-", "-"]);
  });

  it("a replica that leaves knows at once whom its shards go to, before anybody has seen that it leaves", () => {
    renew("a");
    renew("b");
    holds("a", ...SHARDS);
    const targets = targetsOf("a");
    targets.leave();
    expect(given(targets)).toEqual(["b", "b", "b", "b"]);
  });

  it("the last replica that leaves names nobody: its shards are released", () => {
    renew("a");
    holds("a", ...SHARDS);
    const targets = targetsOf("a");
    targets.leave();
    expect(given(targets)).toEqual(["-", "-", "-", "-"]);
  });

  it("a member whose Lease expired first keeps its shards in the plan: somebody is named before they expire", async () => {
    renew("dead");
    await clock.advance(L);
    renew("a");
    renew("b");
    holds("dead", ...SHARDS);
    const targets = await planned("a");
    expect(SHARDS.map((shard) => targets.wantedFor(shard) ?? "-").toSorted(byText)).toEqual(["a", "a", "b", "b"]);
  });

  it("a shard of a stranger is none of the plan's business, and is planned once it has expired", async () => {
    renew("a");
    const [first, ...rest] = SHARDS;
    if (first === undefined) throw new Error("no shard");
    holds("a", ...rest);
    holds("stranger", first);
    const targets = await planned("a");
    expect(targets.wantedFor(first)).toBeUndefined();
    await clock.advance(L);
    renew("a");
    targets.expired(first, "stranger");
    await clock.advance(1);
    expect(targets.wantedFor(first)).toBe("a");
  });

  it("one that let a shard expire is dead for the plan until it renews, and each expiry is planned once", async () => {
    renew("a");
    renew("slow");
    holds("slow", ...SHARDS);
    const targets = await planned("a");
    await clock.advance(L * 0.9);
    renew("a");
    plans = 0;
    for (const shard of SHARDS) targets.expired(shard, "slow");
    await clock.advance(1);
    expect(plans).toBe(1);
    expect(SHARDS.map((shard) => targets.wantedFor(shard))).toEqual(["a", "a", "a", "a"]);
    for (const shard of SHARDS) targets.expired(shard, "slow");
    await clock.advance(1);
    expect(plans).toBe(1);
    targets.recheck();
    await clock.advance(SETTLE_MS);
    expect(plans).toBe(1);
    renew("slow");
    targets.recheck();
    await clock.advance(SETTLE_MS);
    expect(plans).toBe(2);
    expect(SHARDS.map((shard) => targets.wantedFor(shard))).toContain("slow");
  });

  it("a replica that lost a shard to somebody's edit plans without itself, and gives everything away", async () => {
    renew("a");
    renew("b");
    const [first, second, ...rest] = SHARDS;
    if (first === undefined || second === undefined) throw new Error("no shard");
    holds("a", first, second);
    holds("b", ...rest);
    const targets = await planned("a");
    holds("b", first);
    targets.expired(first, "a");
    targets.noteHolder(first, "b");
    await clock.advance(SETTLE_MS);
    expect(targets.wantedFor(second)).toBe("a");
  });

  it("a replica that is cut off again and again holds it against the others that it did not see them, and gives them nothing", async () => {
    renew("a");
    renew("b");
    holds("a", ...SHARDS);
    const targets = await planned("a");
    for (let cut = 0; cut < 4; cut += 1) {
      await clock.advance(L);
      targets.note("left");
      await clock.advance(1);
      for (const identity of ["a", "b", ...(cut === 3 ? ["new"] : [])]) renew(identity);
      targets.recheck();
      await clock.advance(SETTLE_MS);
    }
    expect(given(targets)).toContain("b");
  });

  it("one that comes and goes again and again before our eyes is given shards all the same", async () => {
    for (const identity of ["a", "b"]) renew(identity);
    holds("a", ...SHARDS);
    const targets = await planned("a");
    for (let going = 0; going < 4; going += 1) {
      for (let ms = 0; ms < L; ms += 1_000) {
        await clock.advance(1_000);
        renew("a");
      }
      targets.note("left");
      await clock.advance(1);
      renew("b");
      targets.recheck();
      await clock.advance(SETTLE_MS);
    }
    expect(given(targets)).not.toContain("b");
  });

  it("one that was dead for a moment and renews again is counted with, and renewals of the others plan nothing", async () => {
    renew("a");
    renew("slow");
    holds("a", ...SHARDS);
    await clock.advance(L);
    renew("a");
    const targets = await planned("a");
    expect(given(targets)).toEqual(["-", "-", "-", "-"]);
    plans = 0;
    renew("a");
    targets.recheck();
    await clock.advance(SETTLE_MS);
    expect(plans).toBe(0);
    renew("slow");
    targets.recheck();
    await clock.advance(SETTLE_MS);
    expect(given(targets).filter((name) => name === "slow")).toHaveLength(2);
  });
});
