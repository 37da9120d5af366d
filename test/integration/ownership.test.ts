import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { gateTerms, milliseconds, openTerms } from "../../src/cli/demo/history.ts";
import { annotate, createObjects, leaseOf, leasesOf } from "../support/cluster-objects.ts";
import { integration, type Scene, say } from "../support/integration.ts";
import { type ReplicaProcess, SHORT_LEASE_MS } from "../support/replica-process.ts";
import { gapsSince, quantile, spreadText } from "../support/transitions.ts";
import { byText, msBetween, until } from "../support/waiting.ts";

/** Two kinds and 16 shards, owned by several replicas: what is there, and what a crash and a planned stop cost. */

const scene = integration();

const TWO_KINDS = [{ resource: "configmaps", buckets: 15 }, { resource: "secrets" }];
const SHARDS = 16;

/**
 * Three replicas that know each other and own everything. A replica that joins waits out for L what it could not see before,
 * so that a stop right after a join would measure that.
 */
async function startThree(on: Scene): Promise<void> {
  for (const name of ["a", "b", "c"]) on.start(name, { resources: TWO_KINDS });
  await on.allOwned(SHARDS);
  await on.members(3);
  await on.balanced(SHARDS);
  await delay(SHORT_LEASE_MS);
}

/** The replica that owns most, and what it owns. */
function fullest(on: Scene): { replica: ReplicaProcess; shards: readonly string[] } {
  const owners = [...on.owners()];
  const owned = on.fleet.replicas.map((replica) => ({
    replica,
    shards: owners.flatMap(([shard, owner]) => (owner === replica.name ? [shard] : [])),
  }));
  const [most] = owned.sort((a, b) => b.shards.length - a.shards.length);
  if (most === undefined) throw new Error("there is no replica");
  return most;
}

/** Every key of the round was worked on. */
async function workedOn(on: Scene, keys: readonly string[], round: string): Promise<void> {
  await until(`all ${keys.length} keys of round ${round}`, 20_000, () => {
    const done = new Set(
      on.fleet.sink().flatMap((line) => (line.phase === "end" && line.round === round ? [line.key] : [])),
    );
    return keys.every((key) => done.has(key));
  });
}

test("no shard without an owner or with two: 3 replicas, 2 kinds, 16 shards", async (context) => {
  const on = await scene(context, "owned");
  const keys = [
    ...(await createObjects(on.plane, "owned", "configmaps", 60)),
    ...(await createObjects(on.plane, "owned", "secrets", 5)),
  ];
  await startThree(on);
  await annotate(on.plane, "configmaps", keys.slice(0, 60), { "test/round": "1" });
  await annotate(on.plane, "secrets", keys.slice(60), { "test/round": "1" });
  await workedOn(on, keys, "1");

  const leases = await leasesOf(on.plane, "owned");
  const shards = leases.filter(({ metadata }) => metadata.labels?.["electorate.dev/role"] === "shard");
  const members = leases.filter(({ metadata }) => metadata.labels?.["electorate.dev/role"] === "member");
  const identities = on.fleet.replicas.map(({ identity }) => identity);
  expect(shards).toHaveLength(SHARDS);
  expect(members.map(({ spec }) => spec?.holderIdentity).toSorted(byText)).toEqual(identities.toSorted(byText));
  const open = openTerms(gateTerms(on.fleet.transitions(), on.fleet.deaths()));
  for (const { metadata, spec } of shards) {
    const term = open.get(metadata.name.slice("test-".length));
    expect(spec?.holderIdentity?.split("_")[0], `holder of ${metadata.name}`).toBe(term?.replica);
  }
  expect(on.faults()).toEqual([]);
  const held = ["a", "b", "c"].map((name) => [...on.owners().values()].filter((owner) => owner === name).length);
  say(
    `16 shards owned, ${held.join("/")} each by one; ${on.fleet.sink().filter(({ phase }) => phase === "end").length} runs`,
  );
});

test("a killed replica's shards stay dead: each is owned again within the lease duration + 1 s", async (context) => {
  const on = await scene(context, "killed");
  const keys = await createObjects(on.plane, "killed", "configmaps", 60, {
    "test/work": "sleep:20",
    "test/again": "1",
  });
  await startThree(on);
  const { replica: victim, shards: lost } = fullest(on);
  const killedNs = victim.kill();
  await on.allOwned(SHARDS, SHORT_LEASE_MS * 4);
  await annotate(on.plane, "configmaps", keys, { "test/round": "2" });
  await workedOn(on, keys, "2");

  const terms = gateTerms(on.fleet.transitions(), on.fleet.deaths());
  const afterMs = lost.map((shard) => {
    const next = terms.find((term) => term.shard === shard && term.openedNs > killedNs);
    return next === undefined ? Number.POSITIVE_INFINITY : milliseconds(next.openedNs - killedNs);
  });
  say(`SIGKILL of a replica with ${lost.length} shards, L = 3 s: owned again after ${spreadText(afterMs)}`);
  expect(lost.length).toBeGreaterThan(0);
  expect(Math.max(...afterMs)).toBeLessThanOrEqual(SHORT_LEASE_MS + 1_000);
  expect(on.faults()).toEqual([]);
});

test("a stopped replica frees a Lease before its last handler has ended, or leaves shards alone for seconds", async (context) => {
  const on = await scene(context, "stopped");
  await createObjects(on.plane, "stopped", "configmaps", 120, { "test/work": "sleep:40", "test/again": "1" });
  await createObjects(on.plane, "stopped", "secrets", 4, { "test/work": "sleep:40", "test/again": "1" });
  await startThree(on);
  const { replica: a, shards: lost } = fullest(on);
  const stoppedNs = a.stop();
  expect(await a.exited).toEqual({ code: 0, signal: null });
  const tookMs = msBetween(stoppedNs, process.hrtime.bigint());
  await on.allOwned(SHARDS, 5_000);

  const gaps = gapsSince(on.fleet.transitions(), on.fleet.deaths(), stoppedNs);
  say(
    `SIGTERM under load, ${lost.length} shards: no owner for ${spreadText(gaps)} (drain of 40 ms included); exit after ${tookMs.toFixed(0)} ms`,
  );
  expect(lost.length).toBeGreaterThan(0);
  expect(gaps).toHaveLength(lost.length);
  expect(quantile(gaps, 1)).toBeLessThan(1_000);
  expect(await leaseOf(on.plane, "stopped", `test-member-${a.identity?.split("_")[1]}`)).toBeUndefined();

  for (const shard of lost) {
    const lastEnd = on.fleet
      .sink()
      .filter((line) => line.pid === a.pid && line.shard === shard)
      .at(-1);
    const opened = a.transitions.findLast((line) => line.shard === shard && line.event === "gate-opened");
    const released = a.transitions.findLast((line) => line.shard === shard && line.event === "lease-transferred");
    const stopped = a.transitions.findLast((line) => line.shard === shard && line.event === "queue-stopped");
    const freed = on.history
      .of(`test-${shard}`)
      .find(({ lease, ns }) => ns > stoppedNs && lease.spec?.holderIdentity !== a.identity);
    if (opened === undefined || released === undefined || stopped === undefined)
      throw new Error(`${shard} lacks lines`);
    expect(lastEnd?.phase ?? "end", `${shard}: last line`).toBe("end");
    // The watch may have passed over the version of the transfer only if the next holder's write replaced it in one batch.
    const freedNs = freed?.ns ?? released.ns;
    if (lastEnd !== undefined) {
      expect(lastEnd.ns, `${shard}: freed before its last handler ended`).toBeLessThan(freedNs);
      expect(lastEnd.ns, `${shard}: next owner before the last handler ended`).toBeLessThan(
        openTerms(gateTerms(on.fleet.transitions(), on.fleet.deaths())).get(shard)?.openedNs ?? 0n,
      );
    }
    expect(stopped.ns, `${shard}: stopped before transferred`).toBeLessThan(released.ns);
    expect(freed, `${shard}: the watch shows the transfer`).toBeDefined();
  }
  expect(on.faults()).toEqual([]);
});

test("a handler that is stuck past shutdownTimeout loses its Lease to somebody else while it runs, or makes the stop look clean", async (context) => {
  const on = await scene(context, "stuck");
  const keys = await createObjects(on.plane, "stuck", "configmaps", 12);
  const quick = { configuration: { drainTimeout: "1s", shutdownTimeout: "2s" } };
  on.start("a", quick);
  await on.allOwned(8);
  on.start("b", quick);
  await on.members(2);
  await on.balanced(8);
  const [stuckKey = ""] = keys;
  await annotate(on.plane, "configmaps", [stuckKey], { "test/work": "deaf:60000", "test/round": "stuck" });
  const begun = await until("the stuck handler", 5_000, () => on.fleet.sink().find(({ round }) => round === "stuck"));
  const a = on.fleet.replicas.find(({ pid }) => pid === begun.pid);
  if (a === undefined) throw new Error("the stuck handler runs nowhere");
  const stoppedNs = a.stop();
  expect(await a.exited).toEqual({ code: 1, signal: null });
  const exitMs = msBetween(stoppedNs, process.hrtime.bigint());
  const left = await leaseOf(on.plane, "stuck", `test-${begun.shard}`);
  expect(left?.spec?.holderIdentity).toBe(a.identity);
  const member = await leaseOf(on.plane, "stuck", `test-member-${a.identity?.split("_")[1]}`);
  expect(member?.spec?.holderIdentity).toBe(a.identity);
  await on.allOwned(8, SHORT_LEASE_MS * 3);
  const gaps = gapsSince(on.fleet.transitions(), on.fleet.deaths(), stoppedNs);
  say(
    `stuck handler, shutdownTimeout 2 s: exit 1 after ${exitMs.toFixed(0)} ms; the 4 shards without owner ${spreadText(gaps)}`,
  );
  const handedOver = new Set(
    a.transitions.flatMap((line) => (line.event === "lease-transferred" && line.ns > stoppedNs ? [line.shard] : [])),
  );
  expect(handedOver.size).toBe(3);
  expect(handedOver.has(begun.shard)).toBe(false);
  expect(on.faults()).toEqual([]);
});
