import { describe, expect, it } from "vitest";
import { LeaseScenario } from "../support/lease-scenario.ts";

/** Desk, campaign, contenders and member keepers of whole replicas, on Leases in memory, under virtual time. */
async function tell(transcript: string): Promise<LeaseScenario> {
  const scenario = new LeaseScenario();
  await scenario.play(transcript);
  return scenario;
}

describe("settings that differ, and many shards", () => {
  it("a replica with a longer Lease is waited out for it, although both its Leases were deleted", async () => {
    await tell(`
      join r1 long
      advance 1s
      join r2
      advance 3s
      partition r1
      delete shop-member-uuid-of-r1
      delete shop-configmaps-00
      advance 59s
      expect configmaps-00 nobody
      advance 3s
      expect configmaps-00 r2
    `);
  });

  it("a replica that starts after them is told by the other Leases how long the holder may have meant", async () => {
    await tell(`
      join r1 long
      advance 1s
      partition r1
      delete shop-member-uuid-of-r1
      delete shop-configmaps-00
      join r2
      advance 59s
      expect configmaps-00 nobody
      advance 3s
      expect configmaps-00 r2
    `);
  });

  it("one edit of a member Lease does not make every later absence last for days", async () => {
    await tell(`
      join r1
      join r2
      advance 3s
      declare shop-member-uuid-of-r2 3000s
      advance 5s
      delete shop-configmaps-00
      advance 14s
      expect configmaps-00 nobody
      advance 3s
      expect configmaps-00 somebody
    `);
  });

  it("an absurd duration that was written into a shard Lease does not outlive the Lease", async () => {
    await tell(`
      join r1
      advance 3s
      declare shop-configmaps-00 999999s
      advance 1s
      delete shop-configmaps-00
      advance 14s
      expect configmaps-00 nobody
      advance 3s
      expect configmaps-00 r1
    `);
  });

  it("a hundred claims do not stand before a renewal: few are on their way at once", async () => {
    const scenario = await tell(`
      join r1 buckets=100
      advance 2s
      expect configmaps-00 r1
      expect configmaps-99 r1
    `);
    // One more may be the member Lease.
    expect(scenario.replica("r1").link.mostClaims).toBeLessThanOrEqual(8);
  });
});
