import { expect, test } from "vitest";
import { gateTerms, milliseconds } from "../../src/cli/demo/history.ts";
import { createObjects, leaseOf } from "../support/cluster-objects.ts";
import { integration, type Scene, say } from "../support/integration.ts";
import { type ReplicaProcess, SHORT_LEASE_MS } from "../support/replica-process.ts";
import { gapsSince, spreadText } from "../support/transitions.ts";
import { msBetween, never, until } from "../support/waiting.ts";

/** What people ask of running replicas, with the command, under load: what moves, and for how long nobody works for it. */

const scene = integration();

const RESOURCES = [{ resource: "configmaps", buckets: 16 }];
const SHARDS = 16;

/** Keys that are worked on all the time. */
function busyKeys(on: Scene): Promise<string[]> {
  return createObjects(on.plane, on.namespace, "configmaps", 64, { "test/work": "sleep:20", "test/again": "20" });
}

async function startEach(on: Scene, ...names: readonly string[]): Promise<void> {
  for (const name of names) on.start(name, { resources: RESOURCES });
  await on.allOwned(SHARDS);
  await on.members(names.length);
  await on.balanced(SHARDS);
}

/** Waits until the replica's own member Lease says that it serves something; those of dead replicas may still stand. */
async function ready(on: Scene, replica: ReplicaProcess): Promise<void> {
  await until(`${replica.name} to be ready`, 20_000, async () => {
    const uuid = replica.identity?.split("_")[1];
    const lease = uuid === undefined ? undefined : await leaseOf(on.plane, on.namespace, `test-member-${uuid}`);
    return (lease?.metadata.annotations?.["electorate.dev/resources"] ?? "{}") !== "{}";
  });
}

/** Shards that were handed over since, one entry for each time. */
function movesSince(on: Scene, ns: bigint): readonly string[] {
  const transfers = on.fleet.transitions().filter((line) => line.event === "lease-transferred" && line.ns > ns);
  return transfers.map(({ shard }) => shard).sort();
}

/** What happened since, in numbers. */
function cost(on: Scene, sinceNs: bigint): string {
  const gaps = gapsSince(on.fleet.transitions(), on.fleet.deaths(), sinceNs);
  return `${movesSince(on, sinceNs).length} moves, without owner ${spreadText(gaps)}`;
}

test("a drain moves what it need not, moves something twice, or is said to be done before it is", async (context) => {
  const on = await scene(context, "drained");
  await busyKeys(on);
  await startEach(on, "a", "b", "c");
  const before = on.heldBy("b");
  const fromNs = process.hrtime.bigint();
  const drained = await on.ask("drain b --wait --timeout 20s");
  const tookMs = msBetween(fromNs, process.hrtime.bigint());
  expect(drained).toMatchObject({ code: 0, stderr: "" });
  expect(drained.stdout).toContain(`b is asked to drain: ${before.length} shards will move to 2 members`);
  await on.allOwned(SHARDS, 5_000);
  expect(on.heldBy("b")).toEqual([]);
  expect(movesSince(on, fromNs)).toEqual(before);
  say(`drain --wait of ${before.length} shards: ${cost(on, fromNs)}; command ${tookMs.toFixed(0)} ms`);

  // It runs on, takes nothing, and is not in the way of anybody.
  await never("a drained member takes a shard", SHORT_LEASE_MS, () => on.heldBy("b")[0]);
  const backNs = process.hrtime.bigint();
  expect((await on.ask("uncordon b --wait --timeout 20s")).code).toBe(0);
  await on.balanced(SHARDS, 5_000);
  expect(movesSince(on, backNs)).toHaveLength(Math.floor(SHARDS / 3));
  say(`uncordon --wait: ${cost(on, backNs)}`);
  expect(on.faults()).toEqual([]);
});

test("a pin moves more than its shard and one for the balance, or is forgotten when a member joins", async (context) => {
  const on = await scene(context, "pinned");
  await busyKeys(on);
  await startEach(on, "a", "b");
  const [shard = ""] = on.heldBy("a");
  const fromNs = process.hrtime.bigint();
  const pinned = await on.ask(`pin ${shard} b --wait --timeout 20s`);
  expect(pinned).toMatchObject({ code: 0, stderr: "" });
  await on.balanced(SHARDS, 5_000);
  await until("the pinned shard at b", 5_000, () => on.heldBy("b").includes(shard));
  expect(movesSince(on, fromNs)).toHaveLength(2);
  expect(movesSince(on, fromNs)).toContain(shard);
  say(`pin --wait: ${cost(on, fromNs)}`);

  const joinedNs = process.hrtime.bigint();
  on.start("c", { resources: RESOURCES });
  await on.members(3);
  await on.balanced(SHARDS);
  expect(on.heldBy("b")).toContain(shard);
  expect(movesSince(on, joinedNs)).not.toContain(shard);
  say(`a third member joins: ${cost(on, joinedNs)}`);
  expect(on.faults()).toEqual([]);
});

test("a freeze lets a joiner have shards, keeps a dead member's shards dead, or outlives its end", async (context) => {
  const on = await scene(context, "frozen");
  await busyKeys(on);
  await startEach(on, "a", "b", "c");
  const frozenNs = process.hrtime.bigint();
  expect((await on.ask("freeze --by a-test")).stdout).toMatch(/^test is frozen: /);
  const control = await leaseOf(on.plane, on.namespace, "test-control");
  expect(control?.spec?.holderIdentity).toBeUndefined();
  on.start("d", { resources: RESOURCES });
  await on.members(4);
  await never("a frozen shard moves", SHORT_LEASE_MS, () => movesSince(on, frozenNs)[0]);

  const victim = on.fleet.replicas.find(({ name }) => name === "c");
  const lost = on.heldBy("c");
  const killedNs = victim?.kill() ?? 0n;
  await on.allOwned(SHARDS, SHORT_LEASE_MS * 4);
  const terms = gateTerms(on.fleet.transitions(), on.fleet.deaths());
  const afterMs = lost.map((shard) => {
    const next = terms.find((term) => term.shard === shard && term.openedNs > killedNs);
    return next === undefined ? Number.POSITIVE_INFINITY : milliseconds(next.openedNs - killedNs);
  });
  expect(Math.max(...afterMs)).toBeLessThanOrEqual(SHORT_LEASE_MS + 1_000);
  expect(movesSince(on, frozenNs)).toEqual([]);
  // What died goes to who has least: the joiner.
  expect(on.heldBy("d").length).toBeGreaterThanOrEqual(Math.floor(SHARDS / 3));
  say(`crash in a freeze, ${lost.length} shards: owned again after ${spreadText(afterMs)}, 0 moves`);

  await ready(on, on.start("e", { resources: RESOURCES }));
  const thawedNs = process.hrtime.bigint();
  expect((await on.ask("unfreeze --wait --timeout 20s")).code).toBe(0);
  await on.balanced(SHARDS, 5_000);
  expect(movesSince(on, thawedNs)).toHaveLength(SHARDS / 4);
  say(`unfreeze --wait with one member more: ${cost(on, thawedNs)}`);
  expect(on.faults()).toEqual([]);
});
