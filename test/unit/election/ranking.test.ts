import { describe, expect, it } from "vitest";
import { place, rankOf } from "../../../src/election/ranking.ts";
import { EMPTY_ROSTER, observeMember, type Roster } from "../../../src/membership/roster.ts";
import { L, lease } from "../../support/elector-driver.ts";

const KEY_MAP = "ring-1/8";

function rosterOf(
  members: readonly string[],
  changes: Readonly<Record<string, string>> = {},
  channel: "watch" | "list" = "watch",
): Roster {
  return members.reduce((roster, identity, index) => {
    const annotations = {
      "electorate.dev/identity": identity,
      "electorate.dev/protocol": "1",
      "electorate.dev/state": "ready",
      "electorate.dev/resources": JSON.stringify({ configmaps: KEY_MAP }),
      ...changes,
    };
    const version = {
      ...lease({ rv: index + 1, holder: identity }),
      name: `shop-member-${identity.slice(identity.indexOf("_") + 1)}`,
      annotations,
    };
    return observeMember(roster, version, channel, 0, L);
  }, EMPTY_ROSTER);
}

const members = ["a_1", "b_2", "c_3", "d_4"];
const shard = (bucket: number) => ({ id: `configmaps-${bucket}`, resource: "configmaps", keyMap: KEY_MAP });
const ranks = (bucket: number, roster = rosterOf(members), nowMs = 1, exceptHolder = ""): number[] =>
  members.map((member) => rankOf(shard(bucket), member, roster, nowMs, exceptHolder));

const sorted = (numbers: readonly number[]): number[] => numbers.toSorted((one, other) => one - other);

describe("ranks", () => {
  it("no two members are first for a shard, and somebody is: S expiries cause S writes, not S x N", () => {
    for (let bucket = 0; bucket < 200; bucket += 1) expect(sorted(ranks(bucket))).toEqual([0, 1, 2, 3]);
  });

  it("one member is not first for everything", () => {
    const first = members.map((_, member) =>
      Array.from({ length: 400 }, (_shard, bucket) => ranks(bucket)[member]).filter((rank) => rank === 0),
    );
    for (const shards of first) expect(shards.length).toBeGreaterThan(60);
  });

  it.each([
    ["draining", { "electorate.dev/state": "draining" }],
    ["of another protocol", { "electorate.dev/protocol": "2" }],
    ["without the resource", { "electorate.dev/resources": "{}" }],
    ["with another key map", { "electorate.dev/resources": JSON.stringify({ configmaps: "ring-1/16" }) }],
    ["with nonsense for resources", { "electorate.dev/resources": "nonsense" }],
  ])("a member %s is not waited for", (_, changes) => {
    expect(ranks(3, rosterOf(members, changes))).toEqual([0, 0, 0, 0]);
  });

  it("a member that is known from a list only may be dead for long, and is not waited for", () => {
    expect(ranks(3, rosterOf(members, {}, "list"))).toEqual([0, 0, 0, 0]);
  });

  it("a dead member is not waited for, nor the holder that has just expired", () => {
    expect(ranks(3, rosterOf(members), L)).toEqual([0, 0, 0, 0]);
    const roster = rosterOf(members);
    const [first = ""] = members.filter((member) => rankOf(shard(3), member, roster, 1, "") === 0);
    const others = members.filter((member) => member !== first);
    expect(sorted(others.map((member) => rankOf(shard(3), member, roster, 1, first)))).toEqual([0, 1, 2]);
  });

  it("names that differ by a digit are not placed side by side", () => {
    const places = Array.from({ length: 1_000 }, (_, index) => place(`configmaps-${index}`));
    const tenths = Array.from(
      { length: 10 },
      (_, tenth) => places.filter((at) => Math.floor(at * 10) === tenth).length,
    );
    expect(places.every((at) => at >= 0 && at < 1)).toBe(true);
    for (const count of tenths) expect(count).toBeGreaterThan(60);
  });
});
