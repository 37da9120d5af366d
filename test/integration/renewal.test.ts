import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { gateTerms, milliseconds } from "../../src/cli/demo/history.ts";
import { createObjects, leaseOf, leasesOf } from "../support/cluster-objects.ts";
import { integration, type Scene, say } from "../support/integration.ts";
import type { ReplicaProcess } from "../support/replica-process.ts";
import { gapsSince, quantile, spreadText } from "../support/transitions.ts";
import { byText, never, until } from "../support/waiting.ts";

/** Fleets whose shards stand by member Leases, and the way there and back: what every event costs, and that nobody ever doubles another. */

const scene = integration(2);
const SHARDS = 64;
const KEYS = 96;
/** Longer than elsewhere: 64 busy shards on a busy machine must not be fenced for being slow. */
const LEASE = { duration: "8s", renewDeadline: "5s", retryPeriod: "1s" } as const;
const LEASE_MS = 8_000;
const RETRY_MS = 1_000;
const PATIENCE = { timeout: 180_000 };

type Renewal = "per-shard" | "per-member";

function startOne(on: Scene, name: string, renewal: Renewal = "per-member"): ReplicaProcess {
  const configuration = { lease: { ...LEASE, renewal } };
  return on.start(name, { resources: [{ resource: "configmaps", buckets: SHARDS }], configuration });
}

/** Keys that are worked on all the time, so that two owners of one cannot miss each other. */
function busyKeys(on: Scene): Promise<string[]> {
  return createObjects(on.plane, on.namespace, "configmaps", KEYS, { "test/work": "sleep:20", "test/again": "200" });
}

/** Replicas that know each other, own everything, and have seen each other for L. */
async function startFleet(on: Scene, names: readonly string[]): Promise<ReplicaProcess[]> {
  await busyKeys(on);
  const replicas = names.map((name) => startOne(on, name));
  await on.members(names.length);
  await on.allOwned(SHARDS, 40_000);
  await on.balanced(SHARDS, 40_000);
  await delay(LEASE_MS);
  return replicas;
}

function memberLeaseOf(identity: string | undefined): string {
  return `test-member-${identity?.split("_")[1]}`;
}

/** Shards that `replica` owns now. */
function ownedBy(on: Scene, replica: ReplicaProcess): string[] {
  return [...on.owners()].flatMap(([shard, owner]) => (owner === replica.name ? [shard] : []));
}

/** How long each of `shards` had no owner among the others after `sinceNs`. */
function takenAfterMs(on: Scene, shards: readonly string[], sinceNs: bigint): number[] {
  const terms = gateTerms(on.fleet.transitions(), on.fleet.deaths());
  return shards.map((shard) => {
    const next = terms.find((term) => term.shard === shard && term.openedNs > sinceNs);
    return next === undefined ? Number.POSITIVE_INFINITY : milliseconds(next.openedNs - sinceNs);
  });
}

/** Moves of shards since `sinceNs`: versions that name another holder than the last one that was named. */
function movesSince(on: Scene, sinceNs: bigint): number {
  const holders = new Map<string, string>();
  let moves = 0;
  for (const { name, lease, ns } of on.history.moments) {
    const holder = lease.spec?.holderIdentity ?? "";
    if (lease.metadata.labels?.["electorate.dev/role"] !== "shard" || holder === "") continue;
    if (ns > sinceNs && holders.has(name) && holders.get(name) !== holder) moves += 1;
    holders.set(name, holder);
  }
  return moves;
}

/** Versions of Leases that were stored in the next `ms`, in a second. */
async function writesPerSecond(on: Scene, ms: number): Promise<number> {
  const before = on.history.moments.length;
  await delay(ms);
  return ((on.history.moments.length - before) * 1_000) / ms;
}

/** When the watch showed the fence of an identity; `undefined` when there was none. */
function fencedNs(on: Scene, identity: string | undefined): bigint | undefined {
  const shown = on.history.of(memberLeaseOf(identity));
  return shown.find(({ lease }) => lease.metadata.annotations?.["electorate.dev/fence"]?.startsWith(`${identity};`))
    ?.ns;
}

/** When the watch first showed that a shard which named `identity` names somebody else, after `sinceNs`. */
function firstTakenNs(on: Scene, identity: string | undefined, sinceNs: bigint): bigint | undefined {
  const held = new Set<string>();
  for (const { name, lease, ns } of on.history.moments) {
    if (lease.metadata.labels?.["electorate.dev/role"] !== "shard") continue;
    if (lease.spec?.holderIdentity === identity) held.add(name);
    else if (held.delete(name) && ns > sinceNs) return ns;
  }
  return undefined;
}

async function marksOf(on: Scene): Promise<Set<string | undefined>> {
  const shards = (await leasesOf(on.plane, on.namespace)).filter(({ metadata }) => {
    return metadata.labels?.["electorate.dev/role"] === "shard";
  });
  return new Set(shards.map(({ metadata }) => metadata.annotations?.["electorate.dev/renewal"]));
}

test.concurrent(
  "a dead member's shards are taken before it is fenced, or stay dead: 3 replicas, 64 shards",
  PATIENCE,
  async (context) => {
    const on = await scene(context, "fenced");
    const [victim] = await startFleet(on, ["a", "b", "c"]);
    if (victim === undefined) throw new Error("there is no replica");
    const calm = await writesPerSecond(on, 6_000);
    const lost = ownedBy(on, victim);
    const killedNs = victim.kill();
    await on.allOwned(SHARDS, LEASE_MS * 4);

    const fenced = fencedNs(on, victim.identity);
    const taken = firstTakenNs(on, victim.identity, killedNs);
    const afterMs = takenAfterMs(on, lost, killedNs);
    say(
      `${calm.toFixed(1)} writes/s for 64 shards of 3 members (N/R is ${(3_000 / RETRY_MS).toFixed(0)}); SIGKILL of one with ` +
        `${lost.length} shards, L = 8 s: fenced after ${milliseconds((fenced ?? 0n) - killedNs).toFixed(0)} ms, owned again after ${spreadText(afterMs)}, ` +
        `${movesSince(on, killedNs)} moves`,
    );
    expect(calm).toBeLessThan((2 * 3_000) / RETRY_MS);
    expect(lost.length).toBeGreaterThan(0);
    expect(fenced, "the fence is in the history").toBeDefined();
    expect(taken ?? 0n, "taken after the fence").toBeGreaterThan(fenced ?? 0n);
    expect(Math.max(...afterMs)).toBeLessThanOrEqual(LEASE_MS + 2_000);
    expect(movesSince(on, killedNs)).toBe(lost.length);
    expect(on.faults()).toEqual([]);
  },
);

test.concurrent(
  "a stop of a member costs an expiry, or leaves a Lease that somebody has to fence",
  PATIENCE,
  async (context) => {
    const on = await scene(context, "left");
    const [a] = await startFleet(on, ["a", "b", "c"]);
    if (a === undefined) throw new Error("there is no replica");
    const lost = ownedBy(on, a);
    const stoppedNs = a.stop();
    expect(await a.exited).toEqual({ code: 0, signal: null });
    await on.allOwned(SHARDS, LEASE_MS);
    const gaps = gapsSince(on.fleet.transitions(), on.fleet.deaths(), stoppedNs);
    say(
      `SIGTERM under load, ${lost.length} shards: ${movesSince(on, stoppedNs)} moves, no owner for ${spreadText(gaps)}`,
    );
    expect(gaps).toHaveLength(lost.length);
    expect(quantile(gaps, 0.5)).toBeLessThan(LEASE_MS);
    expect(movesSince(on, stoppedNs)).toBe(lost.length);
    expect(fencedNs(on, a.identity)).toBeUndefined();
    expect(await leaseOf(on.plane, on.namespace, memberLeaseOf(a.identity))).toBeUndefined();
    expect(on.faults()).toEqual([]);
  },
);

test.concurrent(
  "a member that slept until it was fenced works on under its dead identity, or never comes back",
  PATIENCE,
  async (context) => {
    const on = await scene(context, "asleep");
    await createObjects(on.plane, on.namespace, "configmaps", KEYS, { "test/again": "100" });
    const replicas = ["a", "b"].map((name) => startOne(on, name));
    const [a] = replicas;
    if (a === undefined) throw new Error("there is no replica");
    await on.members(2);
    await on.balanced(SHARDS, 40_000);
    await delay(LEASE_MS);
    const lost = ownedBy(on, a);
    const before = a.identity;
    const frozenNs = process.hrtime.bigint();
    a.freeze();
    const isTaken = (): boolean => takenAfterMs(on, lost, frozenNs).every(Number.isFinite);
    await until("b to own everything", LEASE_MS * 4, isTaken);
    const gaps = takenAfterMs(on, lost, frozenNs);
    await delay(1_000);
    const oldEpochs = new Set(a.transitions.map(({ epoch }) => epoch));
    const wokenNs = process.hrtime.bigint();
    a.thaw();

    const back = await until("a to go on under a new identity", LEASE_MS * 2, () =>
      a.lines.find(({ msg }) => msg === "going on under a new identity"),
    );
    await on.members(3);
    await on.balanced(SHARDS, 40_000);
    await never("work of the dead identity", LEASE_MS, () => {
      const late = on.fleet.sink().find((line) => line.pid === a.pid && line.ns > wokenNs && oldEpochs.has(line.epoch));
      return late === undefined ? undefined : `${late.key} in term ${late.epoch}`;
    });
    say(
      `SIGSTOP for more than L with ${lost.length} shards: no owner for ${spreadText(gaps)}; back as ${String(back["identity"])}, ` +
        `0 runs of the old one, ${movesSince(on, frozenNs)} moves there and back`,
    );
    expect(fencedNs(on, before)).toBeDefined();
    expect(back["identity"]).not.toBe(before);
    expect(ownedBy(on, a)).toHaveLength(SHARDS / 2);
    expect(a.exit).toBeUndefined();
    expect(on.faults()).toEqual([]);
  },
);

test.concurrent(
  "deleting a member Lease with kubectl gives a shard two owners, or leaves its member without any for ever",
  PATIENCE,
  async (context) => {
    const on = await scene(context, "deleted");
    const [a] = await startFleet(on, ["a", "b", "c"]);
    if (a === undefined) throw new Error("there is no replica");
    const lost = ownedBy(on, a);
    const deletedNs = process.hrtime.bigint();
    await on.plane.kubectl(["-n", on.namespace, "delete", "lease", memberLeaseOf(a.identity)]);
    await until("a to close everything", LEASE_MS, () => {
      const closed = a.transitions.filter(({ event, ns }) => event === "lease-lost" && ns > deletedNs);
      return new Set(closed.map(({ shard }) => shard)).size === lost.length;
    });
    await until("everything to be owned again", LEASE_MS * 5, () =>
      takenAfterMs(on, lost, deletedNs).every(Number.isFinite),
    );
    const taken = firstTakenNs(on, a.identity, deletedNs) ?? 0n;
    await on.balanced(SHARDS, 40_000);
    const gaps = takenAfterMs(on, lost, deletedNs);
    say(
      `member Lease of ${lost.length} shards deleted, L = 8 s: first taken after ${milliseconds(taken - deletedNs).toFixed(0)} ms, ` +
        `no owner for ${spreadText(gaps)}, ${movesSince(on, deletedNs)} moves until it has its share again`,
    );
    expect(milliseconds(taken - deletedNs)).toBeGreaterThanOrEqual(LEASE_MS);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(LEASE_MS + 3_000);
    expect(on.faults()).toEqual([]);
  },
);

test.concurrent("a rolling update from one renewal to the other, or back, gives a key two workers", {
  timeout: 150_000,
}, async (context) => {
  const on = await scene(context, "rolled");
  await busyKeys(on);
  let fleet = ["a", "b", "c"].map((name) => startOne(on, name, "per-shard"));
  await on.members(3);
  await on.balanced(SHARDS, 40_000);
  await delay(LEASE_MS);
  const figures: string[] = [];
  for (const [generation, renewal] of (["per-member", "per-shard"] as const).entries()) {
    const requests = await on.plane.leaseRequests();
    await delay(4_000);
    const calm = ((await on.plane.leaseRequests()) - requests) / 4;
    const sinceNs = process.hrtime.bigint();
    const next: ReplicaProcess[] = [];
    for (const old of fleet) {
      const replica = startOne(on, `${old.name}${generation}`, renewal);
      next.push(replica);
      await until(`${replica.name} to own something`, 30_000, () => ownedBy(on, replica).length > 0);
      old.stop();
      expect(await old.exited).toEqual({ code: 0, signal: null });
    }
    fleet = next;
    await on.balanced(SHARDS, 40_000);
    await until(`every Lease to be marked ${renewal}`, 10_000, async () => {
      const marks = await marksOf(on);
      return marks.size === 1 && marks.has(renewal);
    });
    const gaps = gapsSince(on.fleet.transitions(), on.fleet.deaths(), sinceNs);
    figures.push(
      `from ${calm.toFixed(1)} requests/s to ${renewal}: ${gaps.length} changes of owner, no owner for ${spreadText(gaps)}`,
    );
    expect(on.faults()).toEqual([]);
  }
  const members = (await leasesOf(on.plane, on.namespace)).filter(({ metadata }) => metadata.name.includes("-member-"));
  say(`rolling updates of 3 replicas, 64 shards, under load: ${figures.join("; ")}`);
  const names = members.map(({ spec }) => spec?.holderIdentity?.split("_")[0] ?? "");
  expect(names.toSorted(byText)).toEqual(["a01", "b01", "c01"]);
});
