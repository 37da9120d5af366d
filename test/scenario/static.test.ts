import { describe, expect, it } from "vitest";
import { LeaseScenario } from "../support/lease-scenario.ts";

/** Whole replicas where shard Leases are made by somebody else, on Leases in memory, under virtual time. */
async function tell(transcript: string): Promise<LeaseScenario> {
  const scenario = new LeaseScenario();
  await scenario.play(transcript);
  return scenario;
}

describe("static mode", () => {
  it("Leases without a spec are not taken, handed over or left as others are", async () => {
    await tell(`
      make shop-configmaps-00
      make shop-configmaps-01
      join r1 static
      advance 14s
      expect unowned 2
      advance 2s
      expect configmaps-00 r1
      expect configmaps-01 r1
      join r2 static
      advance 60s
      expect load r1 1
      expect load r2 1
      leave r1
      advance 100ms
      expect configmaps-00 r2
      expect configmaps-01 r2
      expect quiet r1
    `);
  });

  it("a replica makes the Lease of a shard, or one that is deleted under its holder", async () => {
    await tell(`
      make shop-configmaps-00
      join r1 static
      advance 60s
      expect configmaps-00 r1
      expect holder shop-configmaps-01 missing
      delete shop-configmaps-00
      advance 1ms
      expect configmaps-00 nobody
      advance 60s
      expect holder shop-configmaps-00 missing
      expect holder shop-member-uuid-of-r1 r1
    `);
  });

  it("nobody is told that a Lease is missing, or what to do about it", async () => {
    const scenario = await tell(`
      make shop-configmaps-00
      join r1 static
      advance 60s
      expect configmaps-01 nobody
    `);
    expect(scenario.replica("r1").told.map(({ lease, note }) => [lease, note])).toEqual([
      [
        "shop-configmaps-01",
        "Shard configmaps-01 has been without a live owner for 30 s: its Lease is missing, and with lease.static replicas make none: " +
          "make it again, as helm upgrade does.",
      ],
    ]);
  });

  it("a Lease that is made at last is not found, or opened while whoever had the one before may still act", async () => {
    await tell(`
      make shop-configmaps-00
      make shop-configmaps-01
      join r1 static
      advance 16s
      expect configmaps-00 r1
      delete shop-configmaps-00
      advance 60s
      make shop-configmaps-00
      advance 14s
      expect configmaps-00 nobody
      advance 2s
      expect configmaps-00 r1
    `);
  });

  it("a Lease that somebody made by hand, without labels, is never found", async () => {
    await tell(`
      make shop-configmaps-00
      join r1 static
      advance 30s
      make shop-configmaps-01 unlabelled
      advance 60s
      expect configmaps-01 r1
    `);
  });

  it("shards that stand by member Leases are not taken from a dead member, or their Leases are made for them", async () => {
    await tell(`
      make shop-configmaps-00
      make shop-configmaps-01
      join r1 static per-member
      advance 16s
      expect load r1 2
      expect mark shop-configmaps-00 per-member
      join r2 static per-member
      advance 60s
      expect load r2 1
      crash r1
      advance 20s
      expect load r2 2
      delete shop-configmaps-00
      advance 60s
      expect configmaps-00 nobody
      expect holder shop-configmaps-00 missing
      make shop-configmaps-00
      advance 16s
      expect configmaps-00 r2
    `);
  });

  it("a hundred missing Leases are asked for all at once, in front of renewals", async () => {
    const scenario = await tell(`
      make shop-configmaps-00
      join r1 buckets=100 static
      advance 20s
      expect configmaps-00 r1
    `);
    expect(scenario.replica("r1").link.mostReads).toBeGreaterThan(0);
    expect(scenario.replica("r1").link.mostReads).toBeLessThanOrEqual(8);
  });

  it("a Lease is left behind when the fleet goes on without static mode", async () => {
    await tell(`
      make shop-configmaps-00
      make shop-configmaps-01
      join r1 static
      advance 16s
      join r2
      advance 60s
      leave r1
      advance 100ms
      expect configmaps-00 r2
      delete shop-configmaps-00
      advance 16s
      expect configmaps-00 r2
    `);
  });
});
