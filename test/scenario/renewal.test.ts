import { describe, it } from "vitest";
import { LeaseScenario } from "../support/lease-scenario.ts";

/** Whole replicas whose shards stand by their member Leases, on Leases in memory, under virtual time. */
async function tell(transcript: string): Promise<void> {
  await new LeaseScenario().play(transcript);
}

const TWO = `
  join r1 per-member
  advance 100ms
  join r2 per-member
  advance 5s
  expect load r1 1
  expect load r2 1
  expect configmaps-00 r2
`;

describe("shards that stand by member Leases", () => {
  it("a hundred shards cost as much as one: a write of the member Lease each retry period, and none besides", async () => {
    await tell(`
      join r1 per-member buckets=100
      advance 3s
      expect load r1 100
      expect requests r1 102
      advance 60s
      expect requests r1 30
      expect unowned 0
      expect mark shop-configmaps-99 per-member
    `);
  });

  it("a crashed member is fenced first, and nothing is taken before", async () => {
    await tell(`
      ${TWO}
      crash r2
      advance 12900ms
      expect standing r2
      expect configmaps-00 nobody
      advance 2500ms
      expect fenced r2
      expect configmaps-00 r1
      expect unowned 0
    `);
  });

  it("one that is cut off has closed before its shards are taken, and comes back without any", async () => {
    await tell(`
      ${TWO}
      partition r2
      advance 8s
      expect configmaps-00 r2
      advance 2100ms
      expect configmaps-00 nobody
      advance 6s
      expect fenced r2
      expect configmaps-00 r1
      heal r2
      advance 30s
      expect configmaps-00 r1
      expect load r2 0
    `);
  });

  it("one whose requests pass and whose answers and events do not is fenced all the same: it may not know what was taken", async () => {
    await tell(`
      ${TWO}
      mute r2
      advance 10100ms
      expect configmaps-00 nobody
      advance 17s
      expect configmaps-00 r1
    `);
  });

  it("a stop hands everything over at once: nothing waits, and no member is fenced", async () => {
    await tell(`
      ${TWO}
      leave r2
      advance 100ms
      expect load r1 2
      expect quiet r2
      expect standing r2
      expect mark shop-configmaps-00 per-member
    `);
  });

  it("a shard that is handed to a member which is dying goes to nobody for longer than that member's fence", async () => {
    await tell(`
      join r1 per-member
      advance 5s
      join r2 per-member cold
      advance 100ms
      warm r2
      advance 60ms
      partition r2
      advance 1s
      expect holder shop-configmaps-00 r2
      expect configmaps-00 nobody
      advance 15s
      expect fenced r2
      expect configmaps-00 r1
      expect unowned 0
    `);
  });
});

describe("what somebody does to a member Lease", () => {
  it("a deletion closes its member at once, and its shards are not taken before L", async () => {
    await tell(`
      ${TWO}
      delete shop-member-uuid-of-r2
      advance 50ms
      expect configmaps-00 nobody
      advance 14800ms
      expect configmaps-00 nobody
      advance 400ms
      expect configmaps-00 r1
      expect configmaps-01 r1
      expect holder shop-member-uuid-of-r2 missing
    `);
  });

  it("a deletion that its member cannot see ends it in time: nobody takes what it still works for", async () => {
    await tell(`
      ${TWO}
      partition r2
      advance 100ms
      delete shop-member-uuid-of-r2
      advance 7s
      expect configmaps-00 r2
      advance 3s
      expect configmaps-00 nobody
      advance 4500ms
      expect configmaps-00 nobody
      advance 1s
      expect configmaps-00 r1
    `);
  });

  it("of a member with longer durations it is waited out for those", async () => {
    await tell(`
      join r1 per-member
      advance 100ms
      join r2 per-member long
      advance 5s
      expect configmaps-00 r2
      delete shop-member-uuid-of-r2
      advance 59500ms
      expect configmaps-00 nobody
      advance 1s
      expect configmaps-00 r1
    `);
  });

  it("an edit ends its member, and the Lease is fenced before anything is taken", async () => {
    await tell(`
      ${TWO}
      edit shop-member-uuid-of-r2 somebody
      advance 50ms
      expect configmaps-00 nobody
      advance 14800ms
      expect configmaps-00 nobody
      advance 500ms
      expect fenced r2
      expect configmaps-00 r1
    `);
  });

  it("emptying it is no fence", async () => {
    await tell(`
      ${TWO}
      empty shop-member-uuid-of-r2
      advance 14800ms
      expect configmaps-00 nobody
      advance 500ms
      expect fenced r2
      expect configmaps-00 r1
    `);
  });

  it("an annotation, or a label that is taken off, does not cost a term, or costs its own member's alone", async () => {
    await tell(`
      ${TWO}
      annotate shop-member-uuid-of-r2
      advance 30s
      expect configmaps-00 r2
      expect configmaps-01 r1
      label shop-member-uuid-of-r2
      advance 50ms
      expect configmaps-00 nobody
      expect configmaps-01 r1
      advance 16s
      expect configmaps-00 r1
    `);
  });
});

describe("from one way to the other, by a rolling update", () => {
  it("every shard is handed over twice, there and back, and is never without an owner for an expiry", async () => {
    await tell(`
      join r1 buckets=8
      advance 100ms
      join r2 buckets=8
      advance 5s
      expect unowned 0
      expect mark shop-configmaps-00 per-shard

      join r3 per-member buckets=8
      advance 3s
      leave r1
      advance 1s
      expect unowned 0
      join r4 per-member buckets=8
      advance 3s
      leave r2
      advance 1s
      expect unowned 0
      expect load r3 4
      expect load r4 4
      expect mark shop-configmaps-00 per-member
      expect mark shop-configmaps-07 per-member

      join r5 buckets=8
      advance 3s
      leave r3
      advance 1s
      expect unowned 0
      join r6 buckets=8
      advance 3s
      leave r4
      advance 1s
      expect unowned 0
      advance 30s
      expect unowned 0
      expect load r5 4
      expect mark shop-configmaps-00 per-shard
      expect mark shop-configmaps-07 per-shard
    `);
  });

  it("a mixed fleet takes by the mark: what stands by a member is fenced first, what is renewed expires", async () => {
    await tell(`
      join r1 buckets=4
      advance 100ms
      join r2 per-member buckets=4
      advance 5s
      expect load r1 2
      expect load r2 2
      crash r2
      advance 16s
      expect fenced r2
      expect load r1 4
      expect mark shop-configmaps-00 per-shard
      join r3 per-member buckets=4
      advance 20s
      expect load r3 2
      crash r1
      advance 17s
      expect load r3 4
      expect standing r1
      expect mark shop-configmaps-00 per-member
    `);
  });

  it("marks that somebody turns round cost a moment, never two owners", async () => {
    await tell(`
      ${TWO}
      mark shop-configmaps-00 per-shard
      advance 1s
      expect configmaps-00 r2
      expect mark shop-configmaps-00 per-member
      partition r2
      mark shop-configmaps-00 per-shard
      advance 11s
      expect configmaps-00 nobody
      advance 5s
      expect configmaps-00 r1
    `);
  });

  it("a replica with per-shard renewal whose member Lease was deleted goes on, and what it is handed becomes its own by a write", async () => {
    await tell(`
      join r1 per-member
      advance 100ms
      join r2
      advance 5s
      expect configmaps-00 r2
      expect mark shop-configmaps-00 per-shard
      delete shop-member-uuid-of-r2
      advance 5s
      expect configmaps-00 r2
      expect holder shop-member-uuid-of-r2 r2
      leave r1
      advance 1s
      expect load r2 2
      expect mark shop-configmaps-01 per-shard
    `);
  });

  it("a new bucket count does not wait for ever for a member of the old one that died", async () => {
    await tell(`
      join r1 per-member buckets=2
      advance 5s
      expect load r1 2
      join r2 per-member buckets=4
      advance 5s
      expect load r2 0
      crash r1
      advance 40s
      expect load r2 4
    `);
  });
});
