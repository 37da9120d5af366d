import { expect, test } from "vitest";
import { createObjects } from "../support/cluster-objects.ts";
import { integration, type Scene, say } from "../support/integration.ts";
import { movedTwice } from "../support/moves.ts";
import {
  BOUND_MS,
  LEASE,
  LEASE_MS,
  LONG_LEASE,
  optionsOf,
  Rebalance,
  startAll,
  writesPerSecond,
} from "../support/rebalance.ts";
import type { ReplicaProcess } from "../support/replica-process.ts";
import { spreadText } from "../support/transitions.ts";
import { until } from "../support/waiting.ts";

/**
 * Many shards on a real API server: what a change of the fleet moves beside the least that it must, for how long nobody has a shard, how
 * soon all is spread again, and that shards which stay are worked on all the while.
 */

const scene = integration();

const TIMEOUT = { timeout: 400_000 };

/** Keys that are looked at all the time, a few for most shards of one kind. */
function busyKeys(on: Scene): Promise<string[]> {
  return createObjects(on.plane, on.namespace, "configmaps", 200, { "test/work": "sleep:5", "test/again": "250" });
}

for (const { shards, renewal } of [
  { shards: 1_000, renewal: "per-member" },
  { shards: 256, renewal: "per-shard" },
] as const) {
  test(
    `${shards} shards ${renewal}: a fourth replica, and its death, move more than they must, or pause what stays`,
    TIMEOUT,
    async (context) => {
      const on = await scene(context, `join-${renewal}`);
      await busyKeys(on);
      const options = await startAll(on, ["a", "b", "c"], { shards, renewal, lease: LEASE });
      const idle = await writesPerSecond(on, 4_000);
      const joining = new Rebalance(on);
      const d = on.start("d", options);
      await on.members(4, BOUND_MS);
      await joining.isOver(shards);
      const least = Math.floor(shards / 4);
      const tookMs = joining.doneAfterMs(joining.joinedNs(d));
      say(`${shards} shards ${renewal}, 3 -> 4 replicas: ${joining.figures(least)}`);
      say(
        `  balanced ${tookMs.toFixed(0)} ms after the new member Lease; ${idle.toFixed(1)} Lease writes a second before`,
      );
      expect(handsOf(joining, "to")).toEqual({ d: least });
      onlyMovedOnce(joining);
      await crashes(on, d, shards);
      expect(on.faults()).toEqual([]);
    },
  );
}

test(
  "ten replicas, 1,024 shards: a drain, a stop, a pin or a freeze moves what it need not",
  TIMEOUT,
  async (context) => {
    const shards = 1_024;
    const on = await scene(context, "ten");
    await busyKeys(on);
    const names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    const options = await startAll(on, names, { shards, renewal: "per-member", lease: LONG_LEASE });
    say(
      `${shards} shards per-member, 10 replicas: ${(await writesPerSecond(on, 4_000)).toFixed(1)} Lease writes a second`,
    );

    await drains(on, named(on, "b"), shards);
    await stops(on, named(on, "c"), shards);
    await isFrozen(on, () => on.start("k", options), shards);
    expect(on.faults()).toEqual([]);
  },
);

function named(on: Scene, name: string): ReplicaProcess {
  const replica = on.fleet.replicas.find((one) => one.name === name);
  if (replica === undefined) throw new Error(`there is no replica ${name}`);
  return replica;
}

/** How many moves each replica gave or got. */
function handsOf(rebalance: Rebalance, which: "from" | "to"): Record<string, number> {
  const hands = Map.groupBy(rebalance.moves, (move) => move[which]);
  return Object.fromEntries([...hands].map(([name, moves]) => [name, moves.length]));
}

/**
 * Everything that moved went to one replica, and made it as full as others. Where shares are no whole numbers, replicas that plan while others
 * move already may differ in who keeps the odd one.
 */
function expectShare(rebalance: Rebalance, name: string, share: number): void {
  const hands = handsOf(rebalance, "to");
  expect(Object.keys(hands)).toEqual([name]);
  expect([Math.floor(share), Math.ceil(share)]).toContain(hands[name]);
}

/** What moved did so once, and what did not was worked on all the while. */
function onlyMovedOnce(rebalance: Rebalance): void {
  expect(movedTwice(rebalance.moves)).toEqual([]);
  expect(rebalance.pausesOfOthers()).toEqual([]);
  const restMs = rebalance.longestRestOfOthersMs();
  say(`  keys of shards that stayed: at most ${restMs.toFixed(0)} ms from one run to the next`);
  expect(restMs).toBeLessThan(10_000);
}

async function drains(on: Scene, replica: ReplicaProcess, shards: number): Promise<void> {
  const { name } = replica;
  const held = on.heldBy(name).length;
  const draining = new Rebalance(on);
  expect(await on.ask(`drain ${name} --wait --timeout 60s`)).toMatchObject({ code: 0, stderr: "" });
  await draining.isOver(shards);
  const tookMs = draining.doneAfterMs(draining.intentNs(replica));
  say(`drain of one of 10: ${draining.figures(held)}; done ${tookMs.toFixed(0)} ms after the intent`);
  expect(handsOf(draining, "from")).toEqual({ [name]: held });
  onlyMovedOnce(draining);

  const back = new Rebalance(on);
  expect((await on.ask(`uncordon ${name} --wait --timeout 60s`)).code).toBe(0);
  await back.isOver(shards);
  const least = Math.floor(shards / 10);
  say(`  uncordon: ${back.figures(least)}`);
  expectShare(back, name, shards / 10);
  onlyMovedOnce(back);
}

async function stops(on: Scene, replica: ReplicaProcess, shards: number): Promise<void> {
  const held = on.heldBy(replica.name).length;
  const stopping = new Rebalance(on);
  const stoppedNs = replica.stop();
  expect(await replica.exited).toEqual({ code: 0, signal: null });
  await stopping.isOver(shards);
  say(
    `SIGTERM of one of 10: ${stopping.figures(held)}; done ${stopping.doneAfterMs(stoppedNs).toFixed(0)} ms after it`,
  );
  expect(handsOf(stopping, "from")).toEqual({ [replica.name]: held });
  onlyMovedOnce(stopping);
}

async function crashes(on: Scene, replica: ReplicaProcess, shards: number): Promise<void> {
  const held = on.heldBy(replica.name);
  const crash = new Rebalance(on);
  const killedNs = replica.kill();
  await crash.isOver(shards);
  const againMs = crash.ownedAgainMs(held, killedNs);
  say(
    `SIGKILL of one of 4, L = 15 s: ${crash.moves.length} moves of at least ${held.length}; owned again after ${spreadText(againMs)}`,
  );
  expect(handsOf(crash, "from")).toEqual({ [replica.name]: held.length });
  onlyMovedOnce(crash);
  expect(Math.max(...againMs)).toBeLessThan(2 * LEASE_MS);
}

async function isFrozen(on: Scene, join: () => ReplicaProcess, shards: number): Promise<void> {
  const frozen = new Rebalance(on);
  expect((await on.ask("freeze")).code).toBe(0);
  const joiner = join();
  const [pinned = ""] = on.heldBy("a");
  expect((await on.ask(`pin ${pinned} e --wait --timeout 60s`)).code).toBe(0);
  await until(`${joiner.name} to be ready`, BOUND_MS, () => frozen.isReady(joiner));
  await frozen.isOver(shards);
  say(`a join and a pin in a freeze: ${frozen.figures(1)}`);
  expect(frozen.moves.map(({ from, to, lease }) => `${lease}: ${from} > ${to}`)).toEqual([`test-${pinned}: a > e`]);
  onlyMovedOnce(frozen);

  const thawed = new Rebalance(on);
  expect((await on.ask("unfreeze --wait --timeout 60s")).code).toBe(0);
  await thawed.isOver(shards);
  const least = Math.floor(shards / 10);
  say(`  unfreeze: ${thawed.figures(least)}`);
  expectShare(thawed, joiner.name, shards / 10);
  onlyMovedOnce(thawed);
}

test("a rolling update of 5 replicas with a surge of 1 moves a shard twice", TIMEOUT, async (context) => {
  const shards = 256;
  const size = { shards, renewal: "per-member", lease: LONG_LEASE } as const;
  const on = await scene(context, "rolling");
  await busyKeys(on);
  await startAll(on, ["a1", "b1", "c1", "d1", "e1"], size, { version: "v1" });
  const rolling = new Rebalance(on);
  for (const old of [...on.fleet.replicas]) {
    const next = on.start(old.name.replace("1", "2"), optionsOf(size, { version: "v2" }));
    await until(`${next.name} to be ready`, BOUND_MS, () => rolling.isReady(next));
    old.stop();
    expect(await old.exited).toEqual({ code: 0, signal: null });
  }
  await rolling.isOver(shards);
  say(`rolling update of 5 replicas, ${shards} shards: ${rolling.figures(shards)}`);
  expect(movedTwice(rolling.moves)).toEqual([]);
  expect(rolling.moves).toHaveLength(shards);
  expect(on.faults()).toEqual([]);
});
