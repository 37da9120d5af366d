import { describe, expect, it } from "vitest";
import { LeaseScenario } from "../support/lease-scenario.ts";

/** What whole replicas do for the fleet beside leading shards, on Leases in memory, under virtual time. */
async function tell(transcript: string): Promise<LeaseScenario> {
  const scenario = new LeaseScenario();
  await scenario.play(transcript);
  return scenario;
}

const memberLeases = (scenario: LeaseScenario): string[] =>
  scenario.leases
    .list()
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.includes("-member-"));

describe("upkeep", () => {
  it("the Lease of a crashed replica stays for ever, or takes its shards with it", async () => {
    const scenario = await tell(`
      join r1
      join r2
      advance 20s
      crash r2
      advance 600s
    `);
    expect(memberLeases(scenario)).toEqual(["shop-member-uuid-of-r1", "shop-member-uuid-of-r2"]);
    await scenario.play(`
      advance 60s
      expect load r1 2
    `);
    expect(memberLeases(scenario)).toEqual(["shop-member-uuid-of-r1"]);
    expect(scenario.leases.get("shop-configmaps-00")).toBeDefined();
  });

  it("a shard that nobody can take is told by all replicas, again and again, or by none", async () => {
    const scenario = await tell(`
      join r1
      join r2
      advance 20s
      label shop-configmaps-00 somebody-else
      advance 29s
    `);
    const told = (): string[] => ["r1", "r2"].flatMap((name) => scenario.replica(name).told.map(({ note }) => note));
    expect(told()).toEqual([]);
    await scenario.play("advance 90s");
    expect(told()).toEqual(["Shard configmaps-00 has been without a live owner for 30 s: its Lease is missing."]);
    const atPods = ["r1", "r2"].flatMap((name) => scenario.replica(name).toldAtPod.map(({ note }) => note));
    expect(atPods).toEqual(told());
    await scenario.play(`
      label shop-configmaps-00 shop
      advance 60s
      expect configmaps-00 somebody
    `);
    expect(told()).toHaveLength(1);
  });

  it("an outage of many shards is as many Events at the Pod of one replica", async () => {
    const scenario = await tell(`
      join r1
      advance 20s
      label shop-configmaps-00 somebody-else
      label shop-configmaps-01 somebody-else
      advance 120s
    `);
    const { told, toldAtPod } = scenario.replica("r1");
    expect(told.map(({ lease }) => lease)).toEqual(["shop-configmaps-00", "shop-configmaps-01"]);
    expect(toldAtPod.map(({ note }) => note)).toEqual([
      "2 shards have been without a live owner for long: shop-configmaps-00, shop-configmaps-01",
    ]);
  });

  it("a replica that is cut off takes all shards for unowned and tells so when it is back", async () => {
    const scenario = await tell(`
      join r1
      join r2
      advance 20s
      partition r2
      advance 90s
      heal r2
      advance 30s
      expect unowned 0
    `);
    expect([...scenario.replica("r1").told, ...scenario.replica("r2").told]).toEqual([]);
  });
});
