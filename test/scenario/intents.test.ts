import { describe, expect, it } from "vitest";
import { LeaseScenario } from "../support/lease-scenario.ts";

/** What people ask of whole replicas, on Leases in memory, under virtual time. */
async function tell(transcript: string): Promise<LeaseScenario> {
  const scenario = new LeaseScenario();
  await scenario.play(transcript);
  return scenario;
}

const THREE = `
  join r1 buckets=12
  join r2 buckets=12
  join r3 buckets=12
  advance 20s
  expect load r1 4
  expect load r2 4
  expect load r3 4
`;

/** Transfers while `transcript` was told, as `<shard> <from>`. */
async function moves(scenario: LeaseScenario, transcript: string): Promise<readonly string[]> {
  const before = scenario.transfers.length;
  await scenario.play(transcript);
  return scenario.transfers.slice(before);
}

describe("drain", () => {
  it("moves more than what the member holds, waits for something, or lets anything back before it is taken back", async () => {
    const scenario = await tell(THREE);
    const away = await moves(
      scenario,
      `
      drain r3
      advance 100ms
      expect load r1 6
      expect load r2 6
      expect load r3 0
      expect unowned 0
      advance 60s
      expect load r3 0
    `,
    );
    expect(away.map((move) => move.split(" ")[1])).toEqual(["r3", "r3", "r3", "r3"]);
    const back = await moves(scenario, "uncordon r3\nadvance 100ms\nexpect load r3 4\nadvance 60s\nexpect unowned 0");
    expect(back).toHaveLength(4);
  });

  it("leaves shards without an owner where there is nobody to take them", async () => {
    const scenario = await tell(`
      join r1 buckets=4
      join r2 buckets=4
      advance 20s
      drain r1
      drain r2
      advance 30s
      expect unowned 0
    `);
    const back = await moves(scenario, "uncordon r2\nadvance 3s\nexpect load r2 4\nexpect unowned 0");
    expect(back.every((move) => move.endsWith("r1"))).toBe(true);
  });

  it("keeps a member that lost its gates for a moment from taking up what nobody else may have", async () => {
    await tell(`
      join r1 buckets=2
      advance 20s
      drain r1
      partition r1
      advance 12s
      expect unowned 2
      heal r1
      advance 5s
      expect unowned 0
      expect load r1 2
    `);
  });

  it("is forgotten with the process: its successor of the same name is a member like any other", async () => {
    await tell(`
      ${THREE}
      drain r3
      advance 1s
      leave r3
      advance 1s
      join r3 buckets=12
      advance 3s
      expect load r3 4
    `);
  });
});

describe("cordon", () => {
  it("moves anything, or gives the member something", async () => {
    const scenario = await tell(THREE);
    expect(await moves(scenario, "cordon r3\nadvance 30s\nexpect load r3 4")).toEqual([]);
    const left = await moves(scenario, "leave r2\nadvance 3s\nexpect load r1 8\nexpect load r3 4\nexpect unowned 0");
    expect(left).toHaveLength(4);
    // It may still give: a member that comes makes it less full.
    await scenario.play("join r4 buckets=12\nadvance 3s\nexpect load r1 4\nexpect load r3 4\nexpect load r4 4");
  });

  it("does not hold when a shard expires: the cordoned member takes it after all", async () => {
    await tell(`
      ${THREE}
      cordon r2
      cordon r3
      crash r1
      advance 40s
      expect load r2 4
      expect load r3 4
      expect unowned 4
      uncordon r2
      advance 3s
      expect load r2 8
    `);
  });

  it("makes a cordoned member lose what it holds for a blink of the API server", async () => {
    const scenario = await tell(THREE);
    await scenario.play(`
      cordon r1
      cordon r2
      cordon r3
      partition r1
      partition r2
      partition r3
      advance 12s
      heal r1
      heal r2
      heal r3
      advance 5s
      expect unowned 0
      expect load r1 4
      expect load r2 4
      expect load r3 4
    `);
  });
});

describe("pins", () => {
  it("a pin moves one shard, brings its weight in others back, and holds while members come and go", async () => {
    const scenario = await tell(THREE);
    const from = ["r1", "r2", "r3"].find((name) => scenario.replica(name).open.includes("configmaps-05")) ?? "";
    const to = from === "r1" ? "r2" : "r1";
    const made = await moves(
      scenario,
      `pin configmaps-05 ${to}\nadvance 3s\nexpect configmaps-05 ${to}\nexpect load r1 4\nexpect load r2 4\nexpect load r3 4`,
    );
    expect(made).toContain(`configmaps-05 ${from}`);
    expect(made).toHaveLength(2);
    await scenario.play(`join r4 buckets=12\nadvance 5s\nexpect load r4 3\nexpect configmaps-05 ${to}`);
    await scenario.play(`leave r4\nadvance 5s\nexpect configmaps-05 ${to}\nexpect load ${to} 4`);
    expect(await moves(scenario, "unpin configmaps-05\nadvance 10s")).toEqual([]);
  });

  it("a pin to a drained, cordoned or unknown member moves nothing and keeps nothing without an owner", async () => {
    const scenario = await tell(THREE);
    const holder = scenario.replica("r1").open.includes("configmaps-05") ? "r1" : "r2";
    const other = holder === "r1" ? "r2" : "r1";
    expect(await moves(scenario, "pin configmaps-05 nobody-knows\nadvance 5s\nexpect unowned 0")).toEqual([]);
    await scenario.play(`cordon ${other}\nadvance 1s`);
    expect(await moves(scenario, `pin configmaps-05 ${other}\nadvance 5s\nexpect unowned 0`)).toEqual([]);
    const made = await moves(scenario, `uncordon ${other}\nadvance 5s\nexpect configmaps-05 ${other}`);
    expect(made.length).toBeLessThanOrEqual(2);
  });

  it("a pin waits for its member, and takes hold of its successor", async () => {
    await tell(`
      ${THREE}
      pin configmaps-05 r4
      advance 3s
      expect unowned 0
      join r4 buckets=12
      advance 3s
      expect configmaps-05 r4
      leave r4
      advance 3s
      expect unowned 0
      join r4 buckets=12
      advance 3s
      expect configmaps-05 r4
      expect load r4 3
    `);
  });
});

describe("freeze", () => {
  it("moves anything for a joiner, or leaves a dead member's shards dead", async () => {
    const scenario = await tell(THREE);
    const frozen = await moves(
      scenario,
      `
      freeze
      join r4 buckets=12
      advance 30s
      expect load r4 0
      crash r3
      advance 16s
      expect unowned 0
      expect load r1 4
      expect load r2 4
      expect load r4 4
    `,
    );
    expect(frozen).toEqual([]);
    expect(await moves(scenario, "join r5 buckets=12\nadvance 30s\nexpect load r5 0")).toEqual([]);
    const thawed = await moves(scenario, "unfreeze\nadvance 3s\nexpect load r5 3");
    expect(thawed).toHaveLength(3);
  });

  it("keeps a member that leaves from handing over", async () => {
    const scenario = await tell(THREE);
    const left = await moves(scenario, "freeze\nleave r3\nadvance 1s\nexpect quiet r3\nexpect unowned 0");
    expect(left).toHaveLength(4);
  });

  it("ends with its Lease, and a new one that says nothing is none", async () => {
    await tell(`
      ${THREE}
      freeze
      delete shop-control
      join r4 buckets=12
      advance 3s
      expect load r4 3
    `);
  });

  it("that was asked for before the first replica came makes the first install wait a Lease duration", async () => {
    await tell(`
      freeze
      join r1 buckets=2
      advance 1s
      expect load r1 2
    `);
  });

  it("is unknown to a replica that starts while it holds", async () => {
    const scenario = await tell(`${THREE}\nfreeze\ncrash r3\nadvance 20s\nexpect unowned 0`);
    expect(await moves(scenario, "join r3 buckets=12\nadvance 30s\nexpect load r3 0")).toEqual([]);
  });
});

describe("rollouts", () => {
  it("a rolling update with a surge moves a shard twice", async () => {
    const scenario = new LeaseScenario();
    const names = ["a1", "a2", "a3", "a4", "a5"];
    await scenario.play(`${names.map((name) => `join ${name} buckets=20 version=v1`).join("\n")}\nadvance 20s`);
    const made: string[] = [];
    for (const [at, name] of names.entries()) {
      made.push(
        ...(await moves(
          scenario,
          `join b${at} buckets=20 version=v2\nadvance 5s\nleave ${name}\nadvance 5s\nexpect unowned 0`,
        )),
      );
    }
    expect(made).toHaveLength(20);
    expect(new Set(made.map((move) => move.split(" ")[0])).size).toBe(20);
    for (const at of names.keys()) await scenario.play(`expect load b${at} 4`);
  });

  it("a rollout that never ends binds the plan for ever", async () => {
    const scenario = await tell(`
      join r1 buckets=12 version=v1
      join r2 buckets=12 version=v1
      advance 20s
      join r3 buckets=12 version=v2
      advance 30s
      expect load r3 0
      advance 560s
      expect load r3 0
    `);
    expect(await moves(scenario, "advance 20s\nexpect load r1 4\nexpect load r2 4\nexpect load r3 4")).toHaveLength(4);
  });
});

describe("probation", () => {
  it("a member that keeps crashing costs moves each time it comes back", async () => {
    const scenario = await tell("join r1 buckets=12\njoin r2 buckets=12\nadvance 20s");
    const made: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const before = scenario.transfers.length;
      await scenario.play("join r3 buckets=12\nadvance 10s\ncrash r3\nadvance 20s\nexpect unowned 0");
      made.push(scenario.transfers.length - before);
    }
    // Each time but the first, what it left behind is moved to it; after the third time it is left alone.
    expect(made).toEqual([4, 4, 4, 0, 0]);
    // It stays up: when its third last end is five minutes past, it is a member like any other.
    await scenario.play("join r3 buckets=12\nadvance 200s\nexpect load r3 0\nadvance 80s\nexpect load r3 4");
  });
});
