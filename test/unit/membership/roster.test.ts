import { describe, expect, it } from "vitest";
import { type LeaseVersion, parseLease } from "../../../src/lease/record.ts";
import {
  EMPTY_ROSTER,
  forgetMember,
  isLive,
  keepMembers,
  nextExpiryMs,
  observeMember,
  planStateOf,
  type Roster,
  standingOf,
} from "../../../src/membership/roster.ts";

const L = 15_000;

function memberLease(
  rv: string | number,
  changes: { readonly annotations?: Record<string, string>; readonly spec?: object; readonly name?: string } = {},
): LeaseVersion {
  return parseLease({
    metadata: {
      name: changes.name ?? "shop-member-a",
      uid: "uid-a",
      resourceVersion: String(rv),
      annotations: {
        "electorate.dev/identity": "pod_a",
        "electorate.dev/protocol": "1",
        "electorate.dev/state": "ready",
        "electorate.dev/resources": JSON.stringify({ configmaps: "ring-1/8" }),
        ...changes.annotations,
      },
    },
    spec: {
      holderIdentity: "pod_a",
      leaseDurationSeconds: 15,
      renewTime: `2026-01-01T00:00:00.${String(rv).padStart(6, "0")}Z`,
      ...changes.spec,
    },
  });
}

const only = (roster: Roster) => {
  const [member] = roster.values();
  if (member === undefined) throw new Error("nobody there");
  return member;
};

describe("members, as one replica sees them", () => {
  it("a member is live for as long as it declares since we saw it change, whatever time it claims", () => {
    const roster = observeMember(
      EMPTY_ROSTER,
      memberLease(1, { spec: { leaseDurationSeconds: 60, renewTime: "1999-01-01T00:00:00.000000Z" } }),
      "watch",
      1_000,
      L,
    );
    expect(isLive(only(roster), 60_999)).toBe(true);
    expect(isLive(only(roster), 61_000)).toBe(false);
  });

  it("a label put on a dead member's Lease does not bring it back to life", () => {
    const first = memberLease(1);
    const roster = observeMember(EMPTY_ROSTER, first, "watch", 0, L);
    const relabelled = { ...memberLease(2), record: first.record };
    expect(only(observeMember(roster, relabelled, "watch", 14_000, L)).liveUntilMs).toBe(L);
  });

  it("a Lease that was made to carry another member's identity, or is a copy of its Lease, is no second one of that name", () => {
    const named = (changes: Parameters<typeof memberLease>[1]) =>
      only(observeMember(EMPTY_ROSTER, memberLease(1, changes), "watch", 0, L)).identity;
    const others = { "electorate.dev/identity": "pod_b" };
    expect(named({ annotations: others })).toBe("pod_a");
    expect(named({ spec: { holderIdentity: "pod_b" } })).toBe("pod_a");
    const known = observeMember(EMPTY_ROSTER, memberLease(1), "watch", 0, L);
    const emptied = memberLease(2, { annotations: others, spec: { holderIdentity: "" } });
    expect(only(observeMember(known, emptied, "watch", 0, L)).identity).toBe("pod_a");
    expect(only(observeMember(EMPTY_ROSTER, emptied, "list", 0, L)).identity).toBe("shop-member-a");
  });

  it("no edit moves the moment earlier until which a member may act, and no label moves it later", () => {
    const at = (roster: Roster, version: LeaseVersion, nowMs: number) =>
      observeMember(roster, version, "watch", nowMs, L);
    const long = at(EMPTY_ROSTER, memberLease(1, { spec: { leaseDurationSeconds: 60 } }), 0);
    expect(only(long).actsUntilMs).toBe(60_000);
    const short = { leaseDurationSeconds: 1 };
    const twice = at(at(long, memberLease(2, { spec: short }), 10), memberLease(3, { spec: short }), 20);
    expect(only(twice).actsUntilMs).toBe(60_010);
    const labelled = { ...memberLease(4), record: memberLease(3, { spec: short }).record };
    expect(only(at(twice, labelled, 59_000)).actsUntilMs).toBe(60_010);
    expect(only(at(twice, memberLease(4), 59_000)).actsUntilMs).toBe(59_000 + L);
  });

  it("a member known from a list only was not seen to live: it becomes one to count on when its Lease changes", () => {
    const listed = observeMember(EMPTY_ROSTER, memberLease(1), "list", 0, L);
    expect(only(listed).seenToChange).toBe(false);
    expect(only(observeMember(listed, memberLease(1), "list", 10, L)).seenToChange).toBe(false);
    expect(only(observeMember(listed, memberLease(2), "list", 10, L)).seenToChange).toBe(true);
    expect(only(observeMember(listed, memberLease(2), "watch", 10, L)).seenToChange).toBe(true);
  });

  it("an old event does not undo a newer one, nor extend a life", () => {
    const roster = observeMember(EMPTY_ROSTER, memberLease(5), "watch", 0, L);
    expect(observeMember(roster, memberLease(4), "watch", 10_000, L)).toBe(roster);
    expect(observeMember(roster, memberLease(5), "watch", 10_000, L)).toBe(roster);
  });

  it("an identity outlives a fence that emptied the holder", () => {
    const roster = observeMember(EMPTY_ROSTER, memberLease(1, { spec: { holderIdentity: "" } }), "watch", 0, L);
    expect(only(roster).identity).toBe("pod_a");
  });

  it("another major protocol is alive but not understood, a minor one is", () => {
    const of = (protocol: string) =>
      only(
        observeMember(
          EMPTY_ROSTER,
          memberLease(1, { annotations: { "electorate.dev/protocol": protocol } }),
          "watch",
          0,
          L,
        ),
      );
    expect(of("2")).toMatchObject({ understood: false });
    expect(isLive(of("2"), 1)).toBe(true);
    expect(of("1.7").understood).toBe(true);
    expect(of("10").understood).toBe(false);
  });

  it.each(["nonsense", "[]", "null", "7", '{"configmaps":7}'])("resources of %s are none, not a crash", (resources) => {
    const roster = observeMember(
      EMPTY_ROSTER,
      memberLease(1, { annotations: { "electorate.dev/resources": resources } }),
      "watch",
      0,
      L,
    );
    expect(only(roster).resources.size).toBe(0);
  });

  it("a member that says no duration lives for our own", () => {
    const roster = observeMember(EMPTY_ROSTER, memberLease(1, { spec: { leaseDurationSeconds: null } }), "watch", 0, L);
    expect(only(roster).liveUntilMs).toBe(L);
  });

  it("members that a relist does not show are gone, the others keep their lives", () => {
    let roster = observeMember(EMPTY_ROSTER, memberLease(1), "watch", 0, L);
    roster = observeMember(roster, memberLease(2, { name: "shop-member-b" }), "watch", 5, L);
    expect([...keepMembers(roster, new Set(["shop-member-b"])).keys()]).toEqual(["shop-member-b"]);
    expect([...forgetMember(roster, "shop-member-a").keys()]).toEqual(["shop-member-b"]);
    expect(forgetMember(roster, "shop-member-x")).toBe(roster);
  });

  it("the next death is known, and none when nobody lives: timers hang on it", () => {
    let roster = observeMember(EMPTY_ROSTER, memberLease(1), "watch", 0, L);
    roster = observeMember(roster, memberLease(2, { name: "shop-member-b" }), "watch", 5, L);
    expect(nextExpiryMs(roster, 0)).toBe(L);
    expect(nextExpiryMs(roster, L)).toBe(L + 5);
    expect(nextExpiryMs(roster, L + 5)).toBe(Number.POSITIVE_INFINITY);
  });

  it("a renewal changes nobody's standing, or every contender would be woken by every renewal", () => {
    const roster = observeMember(EMPTY_ROSTER, memberLease(1), "watch", 0, L);
    const renewed = observeMember(roster, memberLease(2), "watch", 2_000, L);
    expect(standingOf(renewed, 2_000)).toBe(standingOf(roster, 2_000));
    const draining = observeMember(
      renewed,
      memberLease(3, { annotations: { "electorate.dev/state": "draining" } }),
      "watch",
      4_000,
      L,
    );
    expect(standingOf(draining, 4_000)).not.toBe(standingOf(roster, 4_000));
    const asked = observeMember(
      renewed,
      memberLease(3, { annotations: { "electorate.dev/intent": "cordon" } }),
      "watch",
      4_000,
      L,
    );
    expect(only(asked)).toMatchObject({ state: "ready", intent: "cordon" });
    expect(standingOf(asked, 4_000)).not.toBe(standingOf(renewed, 4_000));
    expect(standingOf(renewed, 40_000)).not.toBe(standingOf(renewed, 2_000));
  });
});

describe("how the plan deals with a member", () => {
  const seen = (spec: object) => only(observeMember(EMPTY_ROSTER, memberLease(5, { spec }), "watch", 0, L));

  it("shards are given to a member whose Lease somebody has emptied or given to another: nobody renews it", () => {
    expect(planStateOf(seen({}))).toBe("ready");
    expect(planStateOf(seen({ holderIdentity: "" }))).toBe("cordoned");
    expect(planStateOf(seen({ holderIdentity: "pod_b" }))).toBe("cordoned");
  });
});
