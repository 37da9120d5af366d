import { describe, expect, it } from "vitest";
import { fencedBody } from "../../../src/lease/fence.ts";
import { type LeaseRecord, type LeaseVersion, parseLease } from "../../../src/lease/record.ts";
import {
  type Membership,
  type MemberWrite,
  memberValidUntilMs,
  noteAbsent,
  noteMissing,
  noteRefused,
  noteSent,
  noteVersion,
  OUTSIDE,
} from "../../../src/membership/membership.ts";

const V = 10_000;
const US = "r1_u1";

interface Stored {
  readonly uid?: string;
  readonly record?: Partial<LeaseRecord>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Our write number `number`; it was sent at `number` seconds. */
function write(number: number, uid = number === 1 ? "" : "uid"): MemberWrite {
  const renewTime = `2026-01-01T00:00:00.${String(number).padStart(6, "0")}Z`;
  const record = { holder: US, durationMs: 15_000, acquireTime: "", renewTime, transitions: 0 };
  return { uid, record, sentMs: number * 1_000 };
}

/** What the API server stored as `rv` for our write number `number`, or for what somebody made of it. */
function stored(rv: number | string, number: number, { uid = "uid", record = {}, annotations = {} }: Stored = {}) {
  const written = { ...write(number).record, ...record };
  return parseLease({
    metadata: { name: "shop-member-u1", uid, resourceVersion: String(rv), annotations: { ...annotations } },
    spec: {
      holderIdentity: written.holder,
      leaseDurationSeconds: written.durationMs / 1000,
      leaseTransitions: written.transitions,
      renewTime: written.renewTime,
    },
  });
}

const until = (membership: Membership): number => memberValidUntilMs(membership, V);
const feed = (membership: Membership, version: LeaseVersion): Membership => noteVersion(membership, version, "feed");
const answer = (membership: Membership, version: LeaseVersion): Membership =>
  noteVersion(membership, version, "answer");

/** Joined by write 1 as version 10, answered and shown by the watch. */
function joined(): Membership {
  return feed(answer(noteSent(OUTSIDE, write(1)), stored(10, 1)), stored(10, 1));
}

function renewed(): Membership {
  return noteSent(joined(), write(2));
}

describe("what our member Lease lets stand", () => {
  it("nothing stands before the join has come back: a stalled watch would hide whom our shards were given to", () => {
    const sent = noteSent(OUTSIDE, write(1));
    expect(until(sent)).toBe(Number.NEGATIVE_INFINITY);
    expect(until(answer(sent, stored(10, 1)))).toBe(Number.NEGATIVE_INFINITY);
    expect(until(joined())).toBe(1_000 + V);
  });

  it("an answer extends nothing: only the write's own event does, from when it was sent", () => {
    const answered = answer(renewed(), stored(11, 2));
    expect(until(answered)).toBe(1_000 + V);
    expect(until(feed(answered, stored(11, 2)))).toBe(2_000 + V);
  });

  it("an event that comes before its answer counts just as well, and the answer takes nothing back", () => {
    const shown = feed(renewed(), stored(11, 2));
    expect(until(shown)).toBe(2_000 + V);
    expect(until(answer(shown, stored(11, 2)))).toBe(2_000 + V);
  });

  it("a write that was answered late does not count as sent late", () => {
    const two = noteSent(renewed(), write(3));
    expect(until(feed(two, stored(11, 2)))).toBe(2_000 + V);
  });

  it("of two writes alike, when the clock stood still, the one sent first is believed to have been applied", () => {
    const again = { ...write(2), sentMs: 9_000 };
    expect(until(feed(noteSent(renewed(), again), stored(11, 2)))).toBe(2_000 + V);
  });

  it("an older event that comes after a newer answer does not turn the Lease back", () => {
    const answered = answer(noteSent(answer(renewed(), stored(11, 2)), write(3)), stored(12, 3));
    const shown = feed(answered, stored(11, 2));
    expect(until(shown)).toBe(2_000 + V);
    expect(shown.version?.resourceVersion).toBe("12");
  });

  it("labels and annotations of others end nothing and extend nothing", () => {
    const touched = feed(joined(), stored(11, 1, { annotations: { "example.com/team": "a" } }));
    expect(touched.phase).toBe("member");
    expect(until(touched)).toBe(1_000 + V);
    const unseen = answer(renewed(), stored(11, 2));
    expect(until(feed(unseen, stored(12, 2, { annotations: { a: "b" } })))).toBe(2_000 + V);
  });
});

describe("what ends an identity for ever", () => {
  const fenced = (): LeaseVersion => {
    const body = fencedBody(stored(10, 1), US, Date.UTC(2026, 0, 2));
    return parseLease({ ...body, metadata: { ...body.metadata, name: "shop-member-u1", resourceVersion: "11" } });
  };
  const ends: readonly (readonly [string, (before: Membership) => Membership])[] = [
    ["a fence that the watch shows", (before) => feed(before, fenced())],
    ["a fence that a read after a conflict finds", (before) => answer(before, fenced())],
    ["an edit of its holder", (before) => feed(before, stored(11, 1, { record: { holder: "r2_u2" } }))],
    ["an edit of its renewTime", (before) => feed(before, stored(11, 7))],
    ["a deletion", (before) => noteAbsent(before, "11")],
    ["an update that finds it missing", (before) => noteMissing(before)],
    ["a Lease made again with the same content", (before) => feed(before, stored(12, 1, { uid: "uid-2" }))],
    ["a version without an order", (before) => feed(before, stored("x", 1))],
  ];

  for (const [what, happens] of ends) {
    it(`${what} closes everything at once, and no later write opens it again`, () => {
      const dead = happens(joined());
      expect(dead.phase).toBe("dead");
      expect(until(dead)).toBe(Number.NEGATIVE_INFINITY);
      const back = feed(noteSent(dead, write(5, "uid")), stored(50, 5));
      expect(back.phase).toBe("dead");
      expect(until(back)).toBe(Number.NEGATIVE_INFINITY);
    });
  }

  it("a join of which nobody knows whether it was made is not tried again: it could come to life when nobody expects it", () => {
    const lost = noteMissing(noteSent(OUTSIDE, write(1)));
    expect(lost).toMatchObject({ phase: "dead", cause: "nobody knows whether it was made" });
    expect(feed(lost, stored(10, 1)).phase).toBe("dead");
  });

  it("a join whose answer was lost is found by a read", () => {
    const found = answer(noteSent(OUTSIDE, write(1)), stored(10, 1));
    expect(found.phase).toBe("member");
  });

  it("a Lease of our name that is not ours is not taken for ours", () => {
    const other = stored(10, 1, { record: { renewTime: "2026-01-01T00:00:09.000000Z" } });
    expect(answer(noteSent(OUTSIDE, write(1)), other).phase).toBe("dead");
  });

  it("a join that was refused made nothing, and the identity may try again", () => {
    expect(noteRefused(noteSent(OUTSIDE, write(1)))).toBe(OUTSIDE);
    expect(noteRefused(renewed()).phase).toBe("member");
  });

  it("a list that is older than the answer to the join does not show that it was deleted", () => {
    const answered = answer(noteSent(OUTSIDE, write(1)), stored(10, 1));
    expect(noteAbsent(answered, "9").phase).toBe("member");
    expect(noteAbsent(answered, "10").phase).toBe("dead");
    expect(noteAbsent(noteSent(OUTSIDE, write(1)), "9").phase).toBe("joining");
  });

  it("one that goes on with per-shard renewal does not build its writes on an event that is older than an answer", () => {
    const dead = feed(noteMissing(joined()), stored(21, 3));
    expect(feed(dead, stored(20, 2)).version?.resourceVersion).toBe("21");
    expect(feed(dead, stored(22, 4)).version?.resourceVersion).toBe("22");
  });
});
