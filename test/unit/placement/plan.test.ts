import { describe, expect, it } from "vitest";
import { plan } from "../../../src/placement/plan.ts";
import { afterwards, drawing, loads, member, movesBetween, planned, ready } from "../../support/placement-drawing.ts";

describe("load and moves", () => {
  it.each([
    ["one replica took everything and keeps it", "AAAAAAAAAA", "ABCD", "3A 3B 2C 2D", 7],
    ["a new replica gets nothing", "AAAABBBCCC", "ABCD", "3A 3B 2C 2D", 2],
    ["a replica that left leaves its shards alone", "AAABBBCCDD", "ABC", "4A 3B 3C", 2],
    ["two replicas join and one leaves at once", "AAAABBBBCCCC", "ABDE", "3A 3B 3D 3E", 6],
    ["a fleet that starts has no holders at all", "..........", "ABC", "4A 3B 3C", 10],
    ["fewer shards than replicas", "AA", "ABCD", "1A 1B", 1],
    ["one replica", "....", "A", "4A", 4],
  ])("%s", (_fear, before, members, expected, moves) => {
    const after = planned(ready(members), drawing(before));
    expect(loads(after)).toBe(expected);
    expect(movesBetween(before, after)).toBe(moves);
  });

  it.each(["AAAABBBCCC", "AAABBBBCCC", "ABCABCABCA", "CCCCBBBAAA"])(
    "nothing changed in %s and shards move all the same",
    (before) => {
      expect(planned(ready("ABC"), drawing(before))).toBe(before);
    },
  );

  it("shards that stay are shuffled among those that move", () => {
    const before = "AAAAABBBBB";
    const after = planned(ready("ABC"), drawing(before));
    expect(loads(after)).toBe("4A 3B 3C");
    for (const [index, letter] of [...after].entries()) expect([before[index], "C"]).toContain(letter);
  });

  it("a member of twice the weight gets no more than the others", () => {
    const members = [member("A"), member("B", { weight: 2 }), member("C")];
    expect(loads(planned(members, drawing("........")))).toBe("4B 2A 2C");
    expect(loads(planned(members, drawing("AAAACCCC")))).toBe("4B 2A 2C");
  });

  it("weights without a common measure are rounded into moves that gain nothing", () => {
    const members = [member("A", { weight: 999_983 }), member("B", { weight: 999_979 }), member("C", { weight: 7 })];
    const first = planned(members, drawing(".".repeat(40)));
    expect(loads(first)).toMatch(/^20[AB] 20[AB]$/);
    expect(planned(members, afterwards(drawing(first), first))).toBe(first);
  });

  it("ids that sort differently in another locale give another plan there", () => {
    const members = [member("a"), member("B"), member("ä"), member("_")];
    expect(loads(planned(members, drawing(".....")))).toBe("2B 1_ 1a 1ä");
  });

  it("no member and no shard is an error", () => {
    expect(planned([], drawing("AB."))).toBe("...");
    expect(planned(ready("A"), drawing(""))).toBe("");
  });
});

describe("who may be given a shard", () => {
  it.each([
    ["draining", { state: "draining" }],
    ["cordoned", { state: "cordoned" }],
    ["known from a list only", { seen: false }],
    ["of another major protocol", { understood: false }],
    ["on probation", { probation: true }],
    ["without the resource", { resources: new Map([["2", "m/1"]]) }],
  ] as const)("a member that is %s is given a shard", (_what, different) => {
    const members = [member("A"), member("B", different)];
    expect(planned(members, drawing("AAAA"))).toBe("AAAA");
    expect(planned(members, drawing("...."))).toBe("AAAA");
    expect(planned(members, drawing("XXXX"))).toBe("AAAA");
  });

  it.each([
    ["cordoned", { state: "cordoned" }],
    ["known from a list only", { seen: false }],
    ["of another major protocol", { understood: false }],
    ["on probation", { probation: true }],
  ] as const)("a member that is %s loses more than levels the load", (_what, different) => {
    const members = [member("A"), member("B", different)];
    expect(planned(members, drawing("AABB"))).toBe("AABB");
    expect(loads(planned(members, drawing("BBBB")))).toBe("2A 2B");
    expect(planned([member("B", different)], drawing("BBBB"))).toBe("BBBB");
  });

  it("a draining member keeps a shard", () => {
    expect(planned([member("A"), member("B", { state: "draining" })], drawing("BBAA"))).toBe("AAAA");
    expect(planned([member("B", { state: "draining" })], drawing("BB"))).toBe("..");
  });

  it("a member with another key map is given the shards of an old one", () => {
    const shards = [0, 1].map((bucket) => ({
      id: `pods-0${bucket}`,
      resource: "pods",
      keyMap: "hashring-1/2",
      weight: 1,
    }));
    const members = [
      member("A", { resources: new Map([["pods", "hashring-1/4"]]) }),
      member("B", { resources: new Map([["pods", "hashring-1/2"]]) }),
    ];
    expect([...plan(members, shards, new Map()).moves.values()]).toEqual(["B", "B"]);
    expect(plan(members.slice(0, 1), shards, new Map()).moves.size).toBe(0);
    expect([...plan(members.slice(0, 1), shards, new Map([["pods-00", "gone"]])).moves]).toEqual([["pods-00", null]]);
  });

  it("a full member cannot be helped, because what it has may only go to another full one", () => {
    // A has nothing that C may be given, but B has: two moves.
    const members = [
      member("A", { resources: new Map([["1", ""]]) }),
      member("B", {
        resources: new Map([
          ["1", ""],
          ["2", ""],
        ]),
      }),
      member("C", { resources: new Map([["2", ""]]) }),
    ];
    expect(loads(planned(members, drawing("AAAABB", "111122")))).toBe("2A 2B 2C");
  });
});

describe("fixed shards", () => {
  it("a freeze is broken by a join, or leaves a dead member's shards alone", () => {
    expect(planned(ready("AB"), drawing("AAAA"), { freeze: true })).toBe("AAAA");
    expect(loads(planned(ready("AB"), drawing("AAXX"), { freeze: true }))).toBe("2A 2B");
    expect(planned([member("A", { state: "cordoned" }), member("B")], drawing("AAA"), { freeze: true })).toBe("AAA");
  });

  it("a shard that has just moved is moved again", () => {
    const cooldown = new Set(["shard-000", "shard-001", "shard-002"]);
    expect(planned(ready("AB"), drawing("AAAA"), { cooldown })).toBe("AAAB");
    expect(planned(ready("B"), drawing("AAAA"), { cooldown })).toBe("BBBB");
  });

  it("a pin is outweighed by the load, by a freeze or by another version", () => {
    const pins = new Map(["shard-000", "shard-001", "shard-002"].map((shard) => [shard, "B"]));
    expect(planned(ready("AB"), drawing("AAAA"), { pins })).toBe("BBBA");
    expect(planned(ready("AB"), drawing("AAAA"), { pins, freeze: true })).toBe("BBBA");
    const members = [member("A", { version: "v2", createdAtMs: 9 }), member("B", { version: "v1" })];
    expect(planned(members, drawing("AAAA"), { pins })).toBe("BBBA");
  });

  it.each([
    ["draining", [member("B", { state: "draining" })]],
    ["cordoned and does not hold it", [member("B", { state: "cordoned" })]],
    ["known from a list only", [member("B", { seen: false })]],
    ["not prepared for the resource", [member("B", { resources: new Map() })]],
    ["gone", []],
  ])("a pin to a member that is %s binds its shard, or is not reported", (_what, others) => {
    const { shards, holders } = drawing("AA");
    const made = plan([member("A"), ...others], shards, holders, { pins: new Map([["shard-001", "B"]]) });
    expect(made).toEqual({ moves: new Map(), voidPins: ["shard-001"] });
  });

  it("a pin does not hold a shard on the cordoned member that has it", () => {
    const members = [member("A"), member("B", { state: "cordoned" })];
    const pins = new Map([["shard-000", "B"]]);
    expect(planned(members, drawing("BBBB"), { pins })).toMatch(/^B/);
    const { shards, holders } = drawing("BBBB");
    expect(plan(members, shards, holders, { pins }).voidPins).toEqual([]);
  });

  it("a pin by pod name is void after the pod's process was made anew", () => {
    const { shards } = drawing("..");
    const members = [
      member("web-0_old", { state: "draining" }),
      member("web-0_new", { createdAtMs: 5 }),
      member("web-00_x"),
    ];
    const pins = new Map([
      ["shard-000", "web-0"],
      ["shard-001", "web-0_new"],
    ]);
    const made = plan(members, shards, new Map(), { pins });
    expect([...made.moves.values()]).toEqual(["web-0_new", "web-0_new"]);
    expect(made.voidPins).toEqual([]);
  });
});

describe("two versions", () => {
  const old = (letters: string) => ready(letters, { version: "v9", createdAtMs: 1 });
  const young = (letters: string) => ready(letters, { version: "v1", createdAtMs: 2 });

  it("the newest version is taken from the order of its hash", () => {
    expect(planned([...old("AB"), ...young("C")], drawing("AABBXX"))).toBe("AABBCC");
  });

  it("a rollout moves shards that its members' stop would move once more", () => {
    expect(planned([...old("AB"), ...young("C")], drawing("AAABBB"))).toBe("AAABBB");
    const draining = [member("A", { version: "v9", createdAtMs: 1, state: "draining" }), ...old("B"), ...young("CD")];
    expect(loads(planned(draining, drawing("AAABBBC")))).toBe("3B 2C 2D");
  });

  it("a member of the old version that was made late passes for the new one", () => {
    const late = [member("A", { version: "v9", createdAtMs: 1 }), member("B", { version: "v9", createdAtMs: 99 })];
    expect(planned([...late, ...young("C")], drawing("XXXX"))).toBe("CCCC");
  });

  it("a new version that cannot take a shard leaves it without an owner", () => {
    const unprepared = member("C", { version: "v1", createdAtMs: 2, resources: new Map() });
    expect(planned([...old("A"), unprepared], drawing("AXX"))).toBe("AAA");
    expect(
      planned([...old("A"), member("C", { version: "v1", createdAtMs: 2, state: "cordoned" })], drawing("AX")),
    ).toBe("AA");
  });

  it("a draining member of another version does not count as one", () => {
    const members = [...young("BC"), member("A", { version: "v9", createdAtMs: 1, state: "draining" })];
    expect(planned(members, drawing("BBBB"))).toBe("BBBB");
  });

  it("a canary holds the balance up for ever", () => {
    expect(loads(planned([...old("A"), ...young("B")], drawing("AAAA"), { rolloutOver: true }))).toBe("2A 2B");
  });

  it("a rolling update with surge moves a shard more than once", () => {
    let letters = "ABCDE";
    let now = drawing("AAAABBBBCCCCDDDDEEEE");
    let placement = "AAAABBBBCCCCDDDDEEEE";
    const moves = new Map<string, number>();
    const step = (members: readonly ReturnType<typeof member>[]) => {
      const after = planned(members, now);
      now.shards.forEach(({ id }, index) => {
        if (after[index] !== placement[index]) moves.set(id, (moves.get(id) ?? 0) + 1);
      });
      now = afterwards(now, after);
      placement = after;
    };
    let fresh = "";
    for (const next of "VWXYZ") {
      fresh += next;
      step([...old(letters), ...young(fresh)]);
      const stopping = member(letters[0]!, { version: "v9", createdAtMs: 1, state: "draining" });
      letters = letters.slice(1);
      step([stopping, ...old(letters), ...young(fresh)]);
      step([...old(letters), ...young(fresh)]);
    }
    expect(loads(placement)).toBe("4V 4W 4X 4Y 4Z");
    expect([...moves.values()]).toEqual(new Array(20).fill(1));
  });
});
