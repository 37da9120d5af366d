import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { createKeyMap } from "../../src/placement/key-map.ts";
import { electorate } from "../support/command.ts";
import { integration, say } from "../support/integration.ts";
import { leasesPath } from "../support/lease-history.ts";
import { type ReplicaProcess, SHORT_LEASE_MS } from "../support/replica-process.ts";
import { until } from "../support/waiting.ts";

/** A shard that nobody can take, on a real API server: who hears of it, and how often. */

const scene = integration();
const LEASE = "test-configmaps-00";
const resources = [{ resource: "configmaps", buckets: 2 }];

/** What a replica said about shards without an owner: level and shards. */
function saidBy(replica: ReplicaProcess): unknown[] {
  return replica.lines
    .filter((line) => line["shards"] !== undefined && line["seconds"] !== undefined)
    .map(({ level, shards }) => [level, shards]);
}

test("nobody hears of a shard without an owner, or everybody hears of it without end", async (context) => {
  const on = await scene(context, "unowned");
  const replicas = [on.start("a", { resources }), on.start("b", { resources })];
  await on.allOwned(2);
  await on.members(2);
  const labels = { "electorate.dev/coordinator": "somebody-else" };
  await on.plane.must("PATCH", leasesPath("unowned", LEASE), { metadata: { labels } });

  const events = async (): Promise<{ regarding: unknown; note: string }[]> => {
    const path = "/apis/events.k8s.io/v1/namespaces/unowned/events?fieldSelector=reason%3DShardUnowned";
    return (JSON.parse(await on.plane.must("GET", path)) as { items: { regarding: unknown; note: string }[] }).items;
  };
  const [told] = await until("an Event", 10 * SHORT_LEASE_MS, async () => {
    const found = await events();
    return found.length > 0 && replicas.every((replica) => saidBy(replica).length > 0) ? found : undefined;
  });
  expect(told?.regarding).toMatchObject({ kind: "Lease", namespace: "unowned", name: LEASE });
  say(told?.note ?? "");

  const ask = (...words: readonly string[]) =>
    electorate([...words, "--kubeconfig", on.plane.kubeconfigPath, "-n", "unowned", "-o", "json"]);
  const status = await ask("status", "--coordinator", "test");
  expect(JSON.parse(status.stdout)).toMatchObject({ shards: [{ shard: "configmaps-00", state: "missing" }, {}] });
  const key = ["a", "b", "c", "d", "e"].find((name) => createKeyMap(2).bucketOf(`default/${name}`) === 1) ?? "";
  const where = await ask("where", "configmaps", `default/${key}`, "--coordinator", "test");
  expect(JSON.parse(where.stdout)).toMatchObject({ shards: [{ shard: "configmaps-01", state: "owned" }] });

  await delay(2 * SHORT_LEASE_MS);
  expect(await events()).toHaveLength(1);
  for (const replica of replicas) expect(saidBy(replica)).toEqual([["error", ["configmaps-00"]]]);

  await on.plane.must("PATCH", leasesPath("unowned", LEASE), {
    metadata: { labels: { "electorate.dev/coordinator": "test" } },
  });
  await until("two lines that it is owned again", 10 * SHORT_LEASE_MS, () =>
    replicas.every((replica) => saidBy(replica).length === 2),
  );
  for (const replica of replicas) expect(saidBy(replica)[1]).toEqual(["info", ["configmaps-00"]]);
  expect(await events()).toHaveLength(1);
}, 120_000);
