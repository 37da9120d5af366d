import { describe, it } from "vitest";
import { LeaseScenario } from "../support/lease-scenario.ts";

/** Desk, campaign, contenders and member keepers of whole replicas, on Leases in memory, under virtual time. */
async function tell(transcript: string): Promise<LeaseScenario> {
  const scenario = new LeaseScenario();
  await scenario.play(transcript);
  return scenario;
}

describe("owners come", () => {
  it("the first replica of a first install does not wait for holders that never were", async () => {
    await tell(`
      join r1
      advance 100ms
      expect configmaps-00 r1
      expect configmaps-01 r1
      expect holder shop-member-uuid-of-r1 r1
    `);
  });

  it("a replica that comes later does not take what is held: it is given its share, and nothing else moves", async () => {
    await tell(`
      join r1 buckets=3
      advance 1s
      join r2 buckets=3
      advance 60s
      expect load r1 2
      expect load r2 1
      expect moves 1
      expect holder shop-member-uuid-of-r2 r2
    `);
  });

  it("nothing is opened on a cold cache", async () => {
    await tell(`
      join r1 cold
      advance 30s
      expect configmaps-00 nobody
      warm r1
      advance 100ms
      expect configmaps-00 r1
    `);
  });

  it("a Lease of a bucket that was added to a running coordinator is waited out once, then made", async () => {
    await tell(`
      join r1
      advance 1s
      expect configmaps-01 r1
      delete shop-configmaps-01
      advance 14s
      expect configmaps-01 nobody
      expect holder shop-configmaps-01 missing
      advance 1100ms
      expect configmaps-01 r1
    `);
  });
});

describe("owners go", () => {
  it("a gentle stop does not leave a shard without an owner for longer than a few round trips", async () => {
    await tell(`
      join r1
      advance 1s
      join r2
      advance 3s
      leave r1
      advance 60ms
      expect configmaps-00 r2
      expect configmaps-01 r2
      expect quiet r1
    `);
  });

  it("a Lease is not freed while its work runs, however long that takes", async () => {
    await tell(`
      join r1
      advance 1s
      busy r1
      join r2
      advance 3s
      leave r1
      advance 60s
      expect holder shop-configmaps-00 r1
      expect holder shop-configmaps-01 r1
      expect configmaps-00 nobody
      expect configmaps-01 nobody
      idle r1
      advance 60ms
      expect configmaps-00 r2
      expect configmaps-01 r2
    `);
  });

  it("the shards of a dead replica are owned again when its Leases expire, and not before", async () => {
    await tell(`
      join r1
      advance 1s
      join r2
      join r3
      advance 5s
      expect load r2 1
      crash r1
      advance 12900ms
      expect unowned 1
      advance 2250ms
      # Not by r2, which has one: the plan names r3, and everybody else lets it go first.
      expect load r2 1
      expect load r3 1
    `);
  });

  it("the next gentle stop after a crash costs no Lease duration either", async () => {
    await tell(`
      join r1
      advance 1s
      crash r1
      join r2
      advance 20s
      expect configmaps-00 r2
      join r3
      advance 3s
      leave r2
      advance 100ms
      expect configmaps-00 r3
    `);
  });

  it("a replica that stops before it led anything leaves nothing behind", async () => {
    await tell(`
      join r1
      advance 1s
      join r2
      advance 3s
      leave r2
      advance 1s
      expect quiet r2
      expect configmaps-00 r1
    `);
  });
});

describe("lines break", () => {
  it("a replica that is cut off closes its gates before anybody else opens them, and takes nothing back early", async () => {
    await tell(`
      join r1 buckets=1
      advance 1s
      join r2 buckets=1
      advance 3s
      partition r1
      advance 10s
      expect configmaps-00 nobody
      advance 5500ms
      expect configmaps-00 r2
      heal r1
      advance 30s
      expect configmaps-00 r2
    `);
  });

  it("answers that are lost on their way back prove nothing: the gate closes although every write is applied", async () => {
    await tell(`
      join r1 buckets=1
      advance 1s
      join r2 buckets=1
      advance 3s
      mute r1
      advance 10s
      expect configmaps-00 nobody
      heal r1
      advance 5s
      expect configmaps-00 r1
    `);
  });

  it("a short cut costs nobody anything", async () => {
    await tell(`
      join r1 buckets=1
      advance 1s
      join r2 buckets=1
      advance 3s
      partition r1
      advance 5s
      expect configmaps-00 r1
      heal r1
      advance 30s
      expect configmaps-00 r1
    `);
  });

  it("work that goes on behind a cut is not joined by another owner's when it comes back", async () => {
    await tell(`
      join r1 buckets=1
      advance 1s
      join r2 buckets=1
      advance 3s
      busy r1
      partition r1
      advance 16s
      expect configmaps-00 r2
      heal r1
      advance 5s
      leave r2
      advance 5s
      expect configmaps-00 nobody
      idle r1
      # r1 knows of r2 by a list, which may have jumped over somebody: it waits once.
      advance 11s
      expect configmaps-00 r1
    `);
  });
});

describe("outsiders", () => {
  it("a Lease deleted under its holder is nobody's for a whole duration, then somebody's again", async () => {
    await tell(`
      join r1
      advance 1s
      delete shop-configmaps-00
      advance 50ms
      expect configmaps-00 nobody
      expect configmaps-01 r1
      advance 14900ms
      expect configmaps-00 nobody
      advance 1s
      expect configmaps-00 r1
    `);
  });

  it("a Lease edited to a stranger is lost at once, and taken back when the stranger does not renew", async () => {
    await tell(`
      join r1
      advance 1s
      edit shop-configmaps-00 stranger
      advance 50ms
      expect configmaps-00 nobody
      advance 14800ms
      expect configmaps-00 nobody
      advance 1s
      expect configmaps-00 r1
    `);
  });

  it("a Lease emptied by hand is no release: nobody jumps at it", async () => {
    await tell(`
      join r1
      advance 1s
      join r2
      advance 1s
      empty shop-configmaps-00
      advance 14900ms
      expect configmaps-00 nobody
      advance 2s
      expect holder shop-configmaps-01 r1
    `);
  });

  it("a Lease whose labels were taken off is labelled again and led again", async () => {
    await tell(`
      join r1
      advance 1s
      label shop-configmaps-00
      advance 50ms
      expect configmaps-00 nobody
      advance 40s
      expect configmaps-00 r1
    `);
  });

  it("a Lease that somebody labels as another coordinator's is that shard's trouble alone, and is mended by the label", async () => {
    await tell(`
      join r1
      advance 1s
      label shop-configmaps-00 another
      advance 50ms
      expect configmaps-00 nobody
      advance 60s
      expect configmaps-00 nobody
      expect configmaps-01 r1
      label shop-configmaps-00 shop
      advance 40s
      expect configmaps-00 r1
    `);
  });

  it("an edit in the name of a replica that is leaving does not free the Lease under the one that works", async () => {
    await tell(`
      join r1
      advance 1s
      join r2 cold
      advance 1s
      partition r1
      edit shop-configmaps-00 r2_uuid-of-r2
      advance 100ms
      join r3
      advance 7s
      expect configmaps-00 r1
      advance 8s
      expect holder shop-configmaps-01 r3
    `);
  });

  it("the member Lease deleted by hand is made again, and no shard suffers", async () => {
    await tell(`
      join r1
      advance 1s
      delete shop-member-uuid-of-r1
      advance 2s
      expect holder shop-member-uuid-of-r1 r1
      expect configmaps-00 r1
    `);
  });
});

describe("key maps", () => {
  it("buckets of another count are not opened while the old count's are held", async () => {
    await tell(`
      join r1 buckets=2
      advance 1s
      join r2 buckets=4
      advance 60s
      expect configmaps-00 r1
      expect configmaps-01 r1
      expect configmaps-02 nobody
      expect configmaps-03 nobody
      leave r1
      advance 16s
      expect configmaps-00 r2
      expect configmaps-03 r2
    `);
  });

  it("two counts that start together do not block each other for ever: one of them gets everything", async () => {
    await tell(`
      join r1 buckets=2
      join r2 buckets=4
      advance 60s
      expect configmaps-00 r1
      expect configmaps-01 r1
      expect configmaps-03 nobody
    `);
  });

  it("a dead replica's old count does not keep the new one out for longer than its Leases stand", async () => {
    await tell(`
      join r1 buckets=2
      advance 1s
      join r2 buckets=4
      advance 3s
      crash r1
      advance 34s
      expect configmaps-00 r2
      expect configmaps-03 r2
    `);
  });
});
