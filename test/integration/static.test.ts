import { expect, test } from "vitest";
import { gateTerms } from "../../src/cli/demo/history.ts";
import { createObjects, leaseOf, leasesOf } from "../support/cluster-objects.ts";
import { integration, type Scene, say } from "../support/integration.ts";
import { leasesPath } from "../support/lease-history.ts";
import { SHORT_LEASE, SHORT_LEASE_MS } from "../support/replica-process.ts";
import { msBetween, never, until } from "../support/waiting.ts";

/** Shard Leases that somebody else makes and deletes: replicas do neither, and say what is missing. */

const scene = integration();
const SHARDS = 4;
const BOUND_MS = 10 * SHORT_LEASE_MS;
const options = {
  resources: [{ resource: "configmaps", buckets: SHARDS }],
  configuration: { lease: { ...SHORT_LEASE, static: true } },
};

/** As the chart does it: labels, and no spec. */
async function make(on: Scene, bucket: string): Promise<void> {
  const labels = {
    "electorate.dev/coordinator": "test",
    "electorate.dev/role": "shard",
    "electorate.dev/resource": "configmaps",
    "electorate.dev/bucket": bucket,
  };
  const annotations = { "electorate.dev/resource": "configmaps" };
  await on.plane.must("POST", leasesPath(on.namespace), {
    metadata: { name: `test-configmaps-${bucket}`, labels, annotations },
  });
}

async function eventNotes(on: Scene): Promise<readonly string[]> {
  const path = `/apis/events.k8s.io/v1/namespaces/${on.namespace}/events?fieldSelector=reason%3DShardUnowned`;
  const { items } = JSON.parse(await on.plane.must("GET", path)) as { items: { note: string }[] };
  return items.map(({ note }) => note);
}

interface Report {
  readonly warnings: readonly string[];
  readonly shards: readonly { readonly shard: string; readonly state: string }[];
}

async function status(on: Scene): Promise<Report> {
  const { stdout } = await on.ask("status --coordinator test -o json");
  return JSON.parse(stdout) as Report;
}

test("a missing Lease of a shard goes unsaid, is made by a replica, or is not taken when somebody makes it", async (context) => {
  const on = await scene(context, "static");
  for (const bucket of ["00", "01", "02"]) await make(on, bucket);
  await createObjects(on.plane, on.namespace, "configmaps", 20, { "test/work": "sleep:20", "test/again": "20" });
  const replicas = [on.start("a", options), on.start("b", options)];
  await on.allOwned(SHARDS - 1);
  await on.members(2);
  for (const replica of replicas) {
    await until(
      `${replica.name} to say that it is missing`,
      BOUND_MS,
      () => replica.lines.some(({ msg }) => String(msg).includes("Lease test-configmaps-03 is missing")),
      () => replica.tail(),
    );
    const metrics = await (await fetch(`http://${replica.address}/metrics`)).text();
    expect(metrics).toMatch(/^electorate_shards_unowned\{resource="configmaps"\} 1$/m);
  }
  const [note] = await until("an Event", BOUND_MS, async () => {
    const notes = await eventNotes(on);
    return notes.length > 0 ? notes : undefined;
  });
  say(note ?? "");
  expect(note).toMatch(/configmaps-03.*its Lease is missing, and with lease\.static replicas make none/);
  const { shards, warnings } = await status(on);
  expect(shards[0]).toMatchObject({ shard: "configmaps-03", state: "missing" });
  expect(warnings).toEqual([expect.stringMatching(/^Missing Leases: test-configmaps-03\. /)]);

  await make(on, "03");
  await on.allOwned(SHARDS, BOUND_MS);
  for (const { lines } of replicas)
    expect(lines.filter(({ trouble }) => trouble === "lease-missing").at(-1)).toMatchObject({ level: "info" });
  expect((await status(on)).warnings).toEqual([]);

  // Deleted under its holder: lost at once, and nobody makes it again.
  const sinceNs = process.hrtime.bigint();
  await on.plane.must("DELETE", leasesPath(on.namespace, "test-configmaps-00"));
  await on.allOwned(SHARDS - 1, BOUND_MS);
  const closed = on.fleet.transitions().filter(({ event, ns }) => event === "gate-closed" && ns > sinceNs);
  const lost = closed.filter(({ reason }) => reason !== "drain");
  expect(lost.map(({ shard, reason }) => [shard, reason])).toEqual([["configmaps-00", "lease-deleted"]]);
  await never(
    "made by a replica",
    2 * SHORT_LEASE_MS,
    () => on.history.of("test-configmaps-00").find(({ type, ns }) => type === "ADDED" && ns > sinceNs)?.type,
  );
  expect(await leaseOf(on.plane, on.namespace, "test-configmaps-00")).toBeUndefined();
  const madeNs = process.hrtime.bigint();
  await make(on, "00");
  await on.allOwned(SHARDS, BOUND_MS);
  const opened = gateTerms(on.fleet.transitions(), on.fleet.deaths()).findLast(
    ({ shard }) => shard === "configmaps-00",
  );
  const openedMs = msBetween(madeNs, opened?.openedNs ?? 0n);
  say(`a Lease that was made again: its shard is owned after ${openedMs.toFixed(0)} ms`);
  expect(openedMs).toBeGreaterThan(SHORT_LEASE_MS - 100);

  for (const replica of replicas) replica.stop();
  for (const replica of replicas) expect(await replica.exited).toEqual({ code: 0, signal: null });
  const left = await leasesOf(on.plane, on.namespace);
  expect(left.map(({ metadata, spec }) => [metadata.labels?.["electorate.dev/role"], spec?.holderIdentity])).toEqual(
    Array(SHARDS).fill(["shard", ""]),
  );
  expect(on.faults()).toEqual([]);
}, 120_000);
