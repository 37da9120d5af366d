import { hash } from "node:crypto";
import HashRing from "hashring";
import { describe, expect, it } from "vitest";
import { ringDistance } from "../../../src/placement/ring.ts";

const nameOf = (member: string) => `member-${hash("sha256", member)}`;

describe("the ring's order of preference", () => {
  // 7, 14 and 28 are sizes at which hashring by default gives each server fewer points.
  it.each([1, 2, 7, 14, 28])("members kept one by one are ordered otherwise than on one ring of %i", (size) => {
    const members = Array.from({ length: size }, (_, index) => `web-${index}_0f8c:${index}`);
    const byName = new Map(members.map((member) => [nameOf(member), member]));
    const whole = new HashRing(
      Object.fromEntries([...byName.keys()].map((name) => [name, { vnodes: 20 }])),
      (text) => hash("sha256", text, "buffer"),
      { replicas: 8 },
    );
    for (let index = 0; index < 300; index += 1) {
      const shard = `configmaps-${index}`;
      const near = members.toSorted((one, other) => ringDistance(shard, one) - ringDistance(shard, other));
      expect(near).toEqual(whole.range(shard, size).map((name) => byName.get(name)));
    }
  });

  it("a shard's preference changes when others come and go", () => {
    const before = ringDistance("pods-00", "a");
    for (let index = 0; index < 5_000; index += 1) ringDistance(`pods-${index}`, `other-${index % 50}`);
    expect(ringDistance("pods-00", "a")).toBe(before);
  });
});
