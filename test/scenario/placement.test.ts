import { describe, expect, it } from "vitest";
import { LeaseScenario } from "../support/lease-scenario.ts";

/** Whole replicas that follow the plan, on Leases in memory, under virtual time. */
async function tell(transcript: string): Promise<LeaseScenario> {
  const scenario = new LeaseScenario();
  await scenario.play(transcript);
  return scenario;
}

describe("moves", () => {
  it.each([
    [12, 3],
    [16, 4],
    [7, 1],
    [3, 0],
  ])(
    "a fourth member moves no shard that could stay: of %i shards exactly %i, and nothing thrashes afterwards",
    async (buckets, moves) => {
      const scenario = await tell(`
      join r1 buckets=${buckets}
      join r2 buckets=${buckets}
      join r3 buckets=${buckets}
      advance 20s
      expect unowned 0
    `);
      const before = scenario.transfers.length;
      await scenario.play(`
      join r4 buckets=${buckets}
      advance 5s
      expect unowned 0
      advance 120s
      expect unowned 0
    `);
      expect(scenario.transfers.length - before).toBe(moves);
    },
  );

  it("a leaving member's shards are moved once, and nobody else's", async () => {
    const scenario = await tell(`
      join r1 buckets=12
      join r2 buckets=12
      join r3 buckets=12
      join r4 buckets=12
      advance 20s
      expect load r4 3
    `);
    const before = scenario.transfers.length;
    await scenario.play(`
      leave r4
      advance 100ms
      expect unowned 0
      expect quiet r4
      advance 60s
      expect load r1 4
      expect load r2 4
      expect load r3 4
    `);
    expect(scenario.transfers.slice(before).map((move) => move.split(" ")[1])).toEqual(["r4", "r4", "r4"]);
  });

  it("shards that stay are not paused while others move", async () => {
    await tell(`
      join r1 buckets=8
      advance 20s
      expect load r1 8
      join r2 buckets=8
      advance 160ms
      expect load r2 4
      expect load r1 4
    `);
  });

  it("members that join together are planned once: no shard moves twice", async () => {
    const scenario = await tell(`
      join r1 buckets=12
      advance 20s
      join r2 buckets=12
      join r3 buckets=12
      join r4 buckets=12
      advance 60s
      expect load r1 3
      expect load r2 3
      expect load r3 3
      expect load r4 3
    `);
    expect(scenario.transfers).toHaveLength(9);
    expect(new Set(scenario.transfers.map((move) => move.split(" ")[0])).size).toBe(9);
  });

  it("a member of twice the weight carries twice as much", async () => {
    await tell(`
      join r1 buckets=12
      join r2 buckets=12 weight=2
      advance 20s
      expect load r1 4
      expect load r2 8
    `);
  });

  it("a member whose source is cold is given nothing before it is warm", async () => {
    await tell(`
      join r1 buckets=4
      advance 20s
      join r2 buckets=4 cold
      advance 20s
      expect load r1 4
      expect moves 0
      warm r2
      advance 3s
      expect load r2 2
      expect moves 2
    `);
  });

  it("a member that comes and goes does not thrash: what it does not hold is not moved for its going", async () => {
    const scenario = new LeaseScenario();
    await scenario.play("join r1 buckets=12\njoin r2 buckets=12\njoin r3 buckets=12\nadvance 20s");
    let before = scenario.transfers.length;
    for (let round = 4; round < 8; round += 1) {
      await scenario.play(`
        join r${round} buckets=12
        advance 10s
        expect load r${round} 3
        leave r${round}
        advance 10s
        expect unowned 0
      `);
      expect(scenario.transfers.length - before).toBe(6);
      before = scenario.transfers.length;
    }
  });
});

describe("members die in the middle", () => {
  it("a dead member's shards are taken by whom the plan names, at their expiry, and spread evenly", async () => {
    await tell(`
      join r1 buckets=12
      join r2 buckets=12
      join r3 buckets=12
      join r4 buckets=12
      advance 21s
      expect load r2 3
      crash r2
      advance 15100ms
      expect unowned 0
      expect load r1 4
      expect load r3 4
      expect load r4 4
    `);
  });

  it("a target that dies costs one Lease duration at most", async () => {
    const scenario = await tell(`
      join r1 buckets=4
      advance 20s
      busy r1
      join r2 buckets=4
      advance 1s
      # r1 drains two shards for r2, which dies before they arrive.
      partition r2
      crash r2
      idle r1
      advance 1s
      expect load r1 2
      advance 15s
      expect load r1 4
    `);
    expect(scenario.transfers.length).toBeGreaterThan(0);
  });

  it("a target that turned to leave passes on what still arrives, and opens nothing", async () => {
    await tell(`
      join r1 buckets=4
      join r3 buckets=4
      advance 20s
      busy r1
      busy r3
      join r2 buckets=4
      advance 1s
      leave r2
      idle r1
      idle r3
      advance 500ms
      expect quiet r2
      expect load r2 0
      expect unowned 0
    `);
  });

  it("a holder that is cut off while it hands over never reopens on its old validity", async () => {
    await tell(`
      join r1 buckets=2
      advance 20s
      busy r1
      join r2 buckets=2
      advance 1s
      mute r1
      idle r1
      advance 200ms
      expect load r1 1
      expect load r2 1
      advance 12s
      expect load r1 0
      expect load r2 1
      heal r1
      advance 5s
      expect unowned 0
      expect load r1 1
      expect load r2 1
    `);
  });
});

describe("stuck handlers", () => {
  it("keep their shard where it is, open in a new term, until they end; then the move is made", async () => {
    await tell(`
      join r1 buckets=2
      advance 20s
      busy r1
      join r2 buckets=2
      advance 1s
      expect load r1 1
      stuck r1
      advance 100ms
      expect load r1 2
      advance 30s
      expect load r1 2
      expect load r2 0
      expect moves 0
      idle r1
      advance 3s
      expect load r1 1
      expect load r2 1
      expect moves 1
    `);
  });

  it("hold back the stop of their replica, and nothing else that it has", async () => {
    await tell(`
      join r1 buckets=2
      join r2 buckets=2
      advance 20s
      busy r1
      leave r1
      stuck r1
      advance 60s
      expect load r2 1
      expect unowned 1
      idle r1
      advance 100ms
      expect load r2 2
      expect quiet r1
    `);
  });
});

describe("outsiders", () => {
  it("an edit that repeats an old transfer gives the shard to nobody before it was waited out", async () => {
    await tell(`
      join r1 buckets=1
      advance 20s
      join r2 buckets=1
      advance 5s
      expect configmaps-00 r1
      forge shop-configmaps-00 r2_uuid-of-r2
      advance 50ms
      expect configmaps-00 nobody
      advance 14800ms
      expect configmaps-00 nobody
      advance 2s
      expect configmaps-00 somebody
    `);
  });

  it("a transfer whose Lease is annotated right behind it is taken up all the same", async () => {
    await tell(`
      join r1 buckets=2
      advance 20s
      join r2 buckets=2
      advance 160ms
      annotate shop-configmaps-00
      annotate shop-configmaps-01
      advance 100ms
      expect load r1 1
      expect load r2 1
      advance 30s
      expect moves 1
      expect unowned 0
    `);
  });

  it("a shard that a stranger holds is none of the plan's business until it expires", async () => {
    await tell(`
      join r1 buckets=3
      advance 20s
      edit shop-configmaps-02 stranger
      advance 1s
      join r2 buckets=3
      advance 5s
      expect load r1 1
      expect load r2 1
      advance 10s
      expect unowned 0
    `);
  });
});
