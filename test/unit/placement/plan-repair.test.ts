import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plan } from "../../../src/placement/plan.ts";
import { everyAssignment, isStable, qualityOf, type Situation } from "../../support/exhaustive-plan.ts";
import { afterwards, drawing, loads, member, movesBetween, planned, ready } from "../../support/placement-drawing.ts";

describe("respread", () => {
  it("a bad spread that was taken over stays for ever, or is repaired unasked", () => {
    const bad = drawing("AAAABBBB", "11112222");
    expect(planned(ready("AB"), bad)).toBe("AAAABBBB");
    const after = planned(ready("AB"), bad, { respread: 1 });
    expect(loads(after)).toBe("4A 4B");
    expect(movesBetween("AAAABBBB", after)).toBe(4);
    expect(loads(after.slice(0, 4))).toBe("2A 2B");
  });

  it.each([
    // Two moves save two pairs: one each.
    ["AABB", "1122", 1, 2],
    ["AABB", "1122", 2, 0],
    // The first swap saves 2 x 2 pairs, 6 - 3 on each side less 1 that comes; the second 2 x 1.
    ["AAAABBBB", "11112222", 2, 2],
    ["AAAABBBB", "11112222", 3, 2],
    ["AAAABBBB", "11112222", 4, 0],
  ])("a move in %s of resources %s that saves fewer than %i pairs is made", (placement, resources, respread, moves) => {
    const after = planned(ready("AB"), drawing(placement, resources), { respread });
    expect(movesBetween(placement, after)).toBe(moves);
  });

  it("a repair is made while members come or go, during a freeze or a rollout", () => {
    const bad = drawing("AAAABBBB", "11112222");
    expect(planned(ready("AB"), bad, { respread: 1, freeze: true })).toBe("AAAABBBB");
    const rollout = [member("A"), member("B", { version: "v2" })];
    expect(planned(rollout, bad, { respread: 1 })).toBe("AAAABBBB");
    const joined = planned(ready("ABC"), bad, { respread: 1 });
    expect(movesBetween("AAAABBBB", joined)).toBe(2);
    const lost = drawing("AAAABBBX", "11112222");
    expect(movesBetween("AAAABBBX", planned(ready("AB"), lost, { respread: 1 }))).toBe(1);
  });

  it("a repair is not worth its moves, or one that is worth them is missed, or it is followed by another one", () => {
    const placements = fc.record({
      letters: fc.array(fc.constantFrom("A", "B", "C"), { minLength: 3, maxLength: 6 }),
      kinds: fc.array(fc.constantFrom("1", "2"), { minLength: 6, maxLength: 6 }),
      respread: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(placements, ({ letters, kinds, respread }) => {
        const before = drawing(planned(ready("ABC"), drawing(letters.join(""))), kinds.join(""));
        const settled = afterwards(before, planned(ready("ABC"), drawing(letters.join(""))));
        const situation: Situation = { members: ready("ABC"), ...settled, options: {} };
        const after = planned(ready("ABC"), settled, { respread });
        const worth = (assignment: readonly (string | null)[]) => {
          const { load, moves, pairsOnMembers } = qualityOf(situation, assignment);
          return { load, price: respread * moves + pairsOnMembers / WHOLE, pairs: pairsOnMembers };
        };
        const all = everyAssignment(situation).map(worth);
        const leastLoad = Math.min(...all.map(({ load }) => load));
        const level = all.filter(({ load }) => load === leastLoad);
        const cheapest = Math.min(...level.map(({ price }) => price));
        const fewest = Math.min(...level.filter(({ price }) => price === cheapest).map(({ pairs }) => pairs));
        expect(worth([...after])).toEqual({ load: leastLoad, price: cheapest, pairs: fewest });
        expect(planned(ready("ABC"), afterwards(settled, after), { respread })).toBe(after);
      }),
      { numRuns: 300 },
    );
  });
});

/** The unit in which the exhaustive plan counts pairs. */
const WHOLE = 27_720;

describe("shards of different weight", () => {
  const weightsOf = (count: number) =>
    fc.array(fc.constantFrom(1, 1, 2, 3, 5, 8, 13), { minLength: count, maxLength: count });
  const fleets = fc.integer({ min: 1, max: 5 }).chain((members) =>
    fc.record({
      members: fc.constant("ABCDE".slice(0, members)),
      placement: fc
        .array(fc.constantFrom("A", "B", "C", "D", "E", "X", ".", "."), { minLength: 14, maxLength: 14 })
        .map((all) => all.join("")),
      kinds: fc.array(fc.constantFrom("1", "2"), { minLength: 14, maxLength: 14 }).map((all) => all.join("")),
      weights: weightsOf(14),
    }),
  );

  it("a heavy shard leaves its member fuller than a single move would", () => {
    fc.assert(
      fc.property(fleets, ({ members, placement, kinds, weights }) => {
        const before = drawing(placement, kinds, weights);
        const after = planned(ready(members), before);
        expect(isStable({ members: ready(members), ...before, options: {} }, [...after])).toBe(true);
        const load = (letter: string) =>
          weights.reduce((sum, weight, index) => sum + (after[index] === letter ? weight : 0), 0);
        const mean = weights.reduce((sum, weight) => sum + weight, 0) / members.length;
        const bound = mean + ((members.length - 1) / members.length) * Math.max(...weights);
        expect(Math.max(...[...members].map(load))).toBeLessThanOrEqual(bound + 1e-9);
      }),
      { numRuns: 300 },
    );
  });

  it("a stable placement is improved for nothing, a plan is followed by another one, or depends on an order", () => {
    fc.assert(
      fc.property(fleets, fc.nat(), ({ members, placement, kinds, weights }, salt) => {
        const before = drawing(placement, kinds, weights);
        const after = planned(ready(members), before);
        expect(planned(ready(members), afterwards(before, after))).toBe(after);
        const turned = (salt % 13) + 1;
        const shards = [...before.shards.slice(turned), ...before.shards.slice(0, turned)].reverse();
        const other = plan(ready(members).toReversed(), shards, new Map([...before.holders].reverse()));
        expect(new Map(other.moves)).toEqual(new Map(plan(ready(members), before.shards, before.holders).moves));
      }),
      { numRuns: 200 },
    );
  });

  it("one shard as heavy as all others together", () => {
    const after = planned(ready("AB"), drawing("AAAAA", "", [4, 1, 1, 1, 1]));
    expect(after).toMatch(/^ABBBB$|^BAAAA$/);
  });

  it("a join moves more of them than it must", () => {
    const before = drawing("AAAABBBB", "", [2, 2, 1, 1, 2, 2, 1, 1]);
    const after = planned(ready("ABC"), before);
    expect(movesBetween("AAAABBBB", after)).toBeLessThanOrEqual(3);
  });

  it("a shard of another weight that may not move makes all the others heavy", () => {
    const before = drawing("A........", "", [3, 1, 1, 1, 1, 1, 1, 1, 1]);
    const after = planned(ready("AB"), before, { cooldown: new Set(["shard-000"]) });
    expect(loads(after)).toBe("5B 4A");
  });
});
