import { describe, expect, it } from "vitest";
import { type Observation, observeVersion, UNSEEN } from "../../../src/election/observation.ts";
import { type PlanSituation, planInput } from "../../../src/election/plan-input.ts";
import { ANNOTATION_PIN, shardsOf } from "../../../src/lease/names.ts";
import { NOBODY_YET } from "../../../src/membership/attendance.ts";
import { NO_ROLLOUT } from "../../../src/membership/rollout.ts";
import type { Member } from "../../../src/membership/roster.ts";
import { L, lease } from "../../support/elector-driver.ts";

const KEY_MAP = "ring-1/4";
const SHARDS = shardsOf("shop", { group: "", plural: "pods" }, 4, KEY_MAP);
const NOW = 1_000;
const MINUTE = 60_000;

function member(identity: string, changes: Partial<Member> = {}): Member {
  return {
    leaseName: `shop-member-${identity}`,
    identity,
    lease: lease({ rv: 1, holder: identity }),
    state: "ready",
    intent: undefined,
    weight: 1,
    zone: "",
    version: "v1",
    createdAtMs: 0,
    understood: true,
    resources: new Map([["pods", KEY_MAP]]),
    declaredMs: L,
    actsUntilMs: L,
    liveUntilMs: L,
    seenToChange: true,
    ...changes,
  };
}

function held(holder: string, pin?: string, atMs = NOW): Observation {
  const annotations = pin === undefined ? {} : { [ANNOTATION_PIN]: pin };
  const arrival = { channel: "watch", identity: "we_u", monotonicMs: atMs, leaseDurationMs: L, absenceMs: L } as const;
  return observeVersion(UNSEEN, lease({ rv: 5, holder, annotations }), arrival);
}

function situation(live: readonly Member[], changes: Partial<PlanSituation> = {}): PlanSituation {
  return {
    monotonicMs: NOW,
    leaving: undefined,
    live,
    known: new Set(live.map(({ identity }) => identity)),
    shards: SHARDS,
    observationOf: () => undefined,
    promisedTo: () => undefined,
    isFrozen: false,
    attendance: NOBODY_YET,
    rollout: NO_ROLLOUT,
    rolloutWindowMs: 10 * MINUTE,
    respread: undefined,
    ...changes,
  };
}

/** Observations by the number of the shard. */
function seen(...observations: readonly (Observation | undefined)[]): PlanSituation["observationOf"] {
  return ({ id }) => observations[SHARDS.findIndex((shard) => shard.id === id)];
}

function probationers(live: readonly Member[], ...names: readonly string[]): readonly string[] {
  const departures = new Map(names.map((name) => [name, [NOW, NOW, NOW]]));
  const { members } = planInput(situation(live, { attendance: { present: new Set(), departures } }));
  return members.filter(({ probation }) => probation).map(({ id }) => id);
}

describe("members in the plan", () => {
  it("somebody asked to drain is given shards, or somebody asked to be cordoned loses them", () => {
    const live = [
      member("a"),
      member("b", { intent: "drain" }),
      member("c", { intent: "cordon" }),
      member("d", { state: "draining", intent: "cordon" }),
    ];
    expect(planInput(situation(live)).members.map(({ id, state }) => [id, state])).toEqual([
      ["a", "ready"],
      ["b", "draining"],
      ["c", "cordoned"],
      ["d", "draining"],
    ]);
  });

  it("a replica that leaves counts with itself because its Lease does not say so yet", () => {
    const { members } = planInput(situation([member("a"), member("b")], { leaving: "a" }));
    expect(members.map(({ state }) => state)).toEqual(["draining", "ready"]);
  });
});

describe("shards in the plan", () => {
  it("a stranger's shard is planned, a dead member's is not, or an expired holder counts", () => {
    const live = [member("a")];
    const known = new Set(["a", "dead"]);
    const observationOf = seen(held("a"), held("dead"), held("stranger"), held("a", undefined, NOW - L));
    const input = planInput(situation(live, { known, observationOf }));
    expect(input.shards.map(({ id }) => id)).toEqual(["pods-00", "pods-01", "pods-03"]);
    expect([...input.holders]).toEqual([["pods-00", "a"]]);
    expect([...input.foreign]).toEqual(["pods-02"]);
  });

  it("what is on its way is still where it was: another shard goes in its place, and both are moved", () => {
    const live = [member("a"), member("b")];
    const observationOf = seen(held("a"), held("a"), held("a"), held("a"));
    const promised = new Map([
      ["pods-00", "b"],
      ["pods-01", "gone"],
    ]);
    const on = { observationOf, promisedTo: ({ id }: { readonly id: string }) => promised.get(id) };
    expect([...planInput(situation(live, on)).holders.values()]).toEqual(["b", "a", "a", "a"]);
    // A freeze calls it back as long as it can be.
    expect([...planInput(situation(live, { ...on, isFrozen: true })).holders.values()]).toEqual(["a", "a", "a", "a"]);
  });

  it("a pin is forgotten while nobody holds the shard", () => {
    const observationOf = seen(held("a", "b"), held("", "b"), held("a"), undefined);
    const { options } = planInput(situation([member("a")], { observationOf }));
    expect([...options.pins]).toEqual([
      ["pods-00", "b"],
      ["pods-01", "b"],
    ]);
  });
});

describe("what differs from calm times", () => {
  it("a freeze, and what the settings say, do not reach the plan", () => {
    expect(planInput(situation([])).options).toMatchObject({ freeze: false, rolloutOver: false, respread: undefined });
    expect(planInput(situation([], { isFrozen: true, respread: 3 })).options).toMatchObject({
      freeze: true,
      respread: 3,
    });
  });

  it("the rules for two versions never end, or nobody plans when they do", () => {
    const rollout = { versions: ["v1", "v2"], sinceMs: NOW - MINUTE };
    const during = planInput(situation([], { rollout }));
    expect(during).toMatchObject({ options: { rolloutOver: false }, changesAtMs: NOW + 9 * MINUTE });
    const after = planInput(situation([], { rollout, monotonicMs: during.changesAtMs }));
    expect(after).toMatchObject({ options: { rolloutOver: true }, changesAtMs: Number.POSITIVE_INFINITY });
  });

  it("somebody on probation is not, or stays so for ever", () => {
    const live = [member("a_1"), member("b_1")];
    expect(probationers(live, "b")).toEqual(["b_1"]);
    const attendance = { present: new Set<string>(), departures: new Map([["b", [NOW, NOW, NOW]]]) };
    const { changesAtMs } = planInput(situation(live, { attendance }));
    expect(changesAtMs).toBe(NOW + 5 * MINUTE);
    const after = planInput(situation(live, { attendance, monotonicMs: changesAtMs }));
    expect(after.members.map(({ probation }) => probation)).toEqual([false, false]);
    expect(after.changesAtMs).toBe(Number.POSITIVE_INFINITY);
  });

  it("probation leaves shards without anybody who may be given them", () => {
    expect(probationers([member("a_1"), member("b_1")], "a", "b")).toEqual([]);
    expect(probationers([member("a_1", { intent: "cordon" }), member("b_1")], "b")).toEqual([]);
    expect(probationers([member("a_1", { state: "draining" }), member("b_1")], "b")).toEqual([]);
    expect(probationers([member("a_1", { understood: false }), member("b_1")], "b")).toEqual([]);
    expect(probationers([member("a_1", { seenToChange: false }), member("b_1")], "b")).toEqual([]);
    const alone = member("b_1", { resources: new Map([["secrets", KEY_MAP]]) });
    expect(probationers([member("a_1"), alone], "b")).toEqual([]);
  });
});
