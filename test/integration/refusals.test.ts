import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { createObjects, leasesOf } from "../support/cluster-objects.ts";
import { integration, say } from "../support/integration.ts";
import { leasesPath } from "../support/lease-history.ts";
import type { ReplicaProcess } from "../support/replica-process.ts";
import { SHORT_LEASE_MS } from "../support/replica-process.ts";
import { never, until } from "../support/waiting.ts";

/** Starts that cannot succeed, and coordinators that share a namespace. */

const scene = integration();

/** Everything that a replica said, as one text. */
function textOf(replica: ReplicaProcess): string {
  return [...replica.plain, ...replica.lines.map((line) => JSON.stringify(line))].join("\n");
}

async function expectRefusal(
  replica: ReplicaProcess,
  codes: readonly number[],
  ...says: readonly RegExp[]
): Promise<void> {
  const exit = await until(
    "the command to end",
    20_000,
    () => replica.exit,
    () => replica.tail(),
  );
  expect(codes, `${replica.name}: ${textOf(replica)}`).toContain(exit.code);
  for (const pattern of says) expect(textOf(replica)).toMatch(pattern);
  expect(textOf(replica), "no stack").not.toMatch(/^\s+at .*\(.*:\d+:\d+\)/m);
  say(
    `${replica.name}: exit ${exit.code}: ${(replica.plain.find((line) => line.trim() !== "") ?? JSON.stringify(replica.lines.at(-1))).slice(0, 170)}`,
  );
}

test("a wrong kubeconfig, context, resource or handler starts half a replica, or says nothing useful", async (context) => {
  const on = await scene(context, "refused");
  const configMaps = { resource: "configmaps", buckets: 2 };
  const broken = on.fleet.write("broken.kubeconfig", "clusters: [");
  const empty = on.fleet.write("empty.kubeconfig", "");
  await expectRefusal(on.start("no-kubeconfig", { kubeconfig: "/nowhere/kubeconfig" }), [2], /\/nowhere\/kubeconfig/);
  await expectRefusal(on.start("broken-kubeconfig", { kubeconfig: broken }), [2], /broken\.kubeconfig/);
  await expectRefusal(on.start("empty-kubeconfig", { kubeconfig: empty }), [2], /empty\.kubeconfig/);
  await expectRefusal(on.start("no-context", { args: ["--context", "absent"] }), [2], /absent/);
  await expectRefusal(
    on.start("no-resource", { resources: [{ resource: "widgets.example.com" }] }),
    [2],
    /widgets\.example\.com/,
  );
  await expectRefusal(
    on.start("no-handler", { resources: [{ ...configMaps, handler: "./absent.ts#work" }] }),
    [2],
    /absent\.ts/,
  );
  const handlers = on.fleet.write("handlers.mjs", "export const number = 7;\n");
  await expectRefusal(
    on.start("no-export", { resources: [{ ...configMaps, handler: `${handlers}#absent` }] }),
    [2],
    /absent/,
  );
  await expectRefusal(
    on.start("no-function", { resources: [{ ...configMaps, handler: `${handlers}#number` }] }),
    [2],
    /number/,
  );
  await expectRefusal(on.start("a_b"), [2], /identity/);
  expect(await leasesOf(on.plane, "refused"), "nothing was started").toEqual([]);
});

test("a taken port goes unnoticed until the probes fail", async (context) => {
  const on = await scene(context, "port-taken");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  try {
    const taken = `127.0.0.1:${address.port}`;
    await expectRefusal(
      on.start("port-taken", { configuration: { http: { address: taken } } }),
      [1, 2],
      new RegExp(String(address.port)),
    );
    expect(await leasesOf(on.plane, "port-taken"), "nothing was started").toEqual([]);
  } finally {
    server.close();
  }
});

test("an API server that does not answer, or a namespace that is not there, ends the replica or goes unsaid", async (context) => {
  const on = await scene(context, "unreachable");
  const text = on.plane.kubeconfig.replace(on.plane.url, "https://127.0.0.1:1");
  const lost = on.start("unreachable", { kubeconfig: on.fleet.write("lost.kubeconfig", text) });
  const homeless = on.start("homeless", { configuration: { namespace: "no-such-namespace" } });
  const warned = await until(
    "it to be said",
    15_000,
    () => lost.lines.find(({ level }) => level === "warn"),
    () => lost.tail(),
  );
  say(`unreachable: ${String(warned["msg"])}`);
  expect(String(warned["msg"])).toMatch(/127\.0\.0\.1:1/);
  const missing = await until(
    "the missing namespace to be said",
    15_000,
    () => homeless.lines.find(({ level, msg }) => level === "warn" && String(msg).includes("no-such-namespace")),
    () => homeless.tail(),
  );
  say(`no namespace: ${String(missing["msg"])}`);
  await on.plane.namespace("no-such-namespace");
  await until("it to go on once the namespace is there", SHORT_LEASE_MS * 3, () => on.owners().size === 8);
  for (const replica of [lost, homeless]) {
    expect(replica.exit).toBeUndefined();
    replica.stop();
    expect(await replica.exited, `${replica.name} stops clean`).toEqual({ code: 0, signal: null });
  }
});

test("two coordinators in one namespace take each other's shards", async (context) => {
  const on = await scene(context, "shared");
  const keys = await createObjects(on.plane, "shared", "configmaps", 30, { "test/again": "100" });
  const shop = on.start("shop", { coordinator: "shop", note: "shop" });
  const depot = on.start("depot", { coordinator: "depot", note: "depot" });
  for (const name of ["shop", "depot"]) {
    await until(`${name} to work on every key`, 20_000, () => {
      const done = new Set(
        on.fleet.sink().flatMap(({ note, key, phase }) => (note === name && phase === "end" ? [key] : [])),
      );
      return keys.every((key) => done.has(key));
    });
  }
  const sinceNs = process.hrtime.bigint();
  shop.stop();
  expect(await shop.exited).toEqual({ code: 0, signal: null });
  await never(
    "one disturbs the other",
    SHORT_LEASE_MS,
    () => depot.transitions.find(({ event, ns }) => event === "gate-closed" && ns > sinceNs)?.shard,
  );
  const left = await leasesOf(on.plane, "shared");
  const held = left
    .filter(({ spec }) => spec?.holderIdentity === depot.identity)
    .map(({ metadata }) => metadata.labels?.["electorate.dev/coordinator"]);
  expect(new Set(held)).toEqual(new Set(["depot"]));
  expect(held).toHaveLength(9);
  say(`two coordinators: ${left.length} Leases, the stop of one closed no gate of the other`);
});

test("a Lease of another coordinator is taken over because its name is ours", async (context) => {
  const on = await scene(context, "named-alike");
  const labels = { "electorate.dev/coordinator": "other", "electorate.dev/role": "shard" };
  const spec = { holderIdentity: "other_1", leaseDurationSeconds: 3, leaseTransitions: 0 };
  const lease = { metadata: { name: "test-configmaps-03", labels }, spec };
  await on.plane.must("POST", leasesPath("named-alike"), lease);
  await expectRefusal(on.start("named-alike"), [2], /test-configmaps-03/, /"other"|other/);
  const kept = (await leasesOf(on.plane, "named-alike")).find(({ metadata }) => metadata.name === "test-configmaps-03");
  expect(kept?.metadata.labels).toEqual(labels);
  expect(kept?.spec?.holderIdentity).toBe("other_1");
  expect(on.fleet.sink(), "nothing was worked on").toEqual([]);
});
