/**
 * How much heap a replica has with `--shards` shards that it leads and that have nothing to do. Prints one JSON line. Started twice by
 * `../steady-state.ts`, because what one shard costs is the difference between many and one.
 */
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { connect, createCoordinator, type Telemetry } from "../../src/index.ts";
import { silentTelemetry } from "../../src/runtime/telemetry.ts";
import { until } from "../../test/support/waiting.ts";

/** Longer than the default, so that a thousand shards are not a thousand writes in two seconds. */
const LEASE = { durationMs: 60_000, renewDeadlineMs: 40_000, retryPeriodMs: 10_000 };
const START_DEADLINE_MS = 60_000;

/** Collected until it no longer shrinks: what is left is held. */
async function heldHeapBytes(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error("start this with node --expose-gc");
  let leastBytes = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass < 6; pass += 1) {
    globalThis.gc();
    await delay(50);
    leastBytes = Math.min(leastBytes, process.memoryUsage().heapUsed);
  }
  return leastBytes;
}

const { values } = parseArgs({
  options: { kubeconfig: { type: "string" }, shards: { type: "string" }, renewal: { type: "string" } },
});
const renewal = values.renewal === "per-member" ? "per-member" : "per-shard";
const shards = Number(values.shards);
let opened = 0;
const telemetry: Telemetry = {
  ...silentTelemetry,
  transition: ({ event }) => {
    if (event === "gate-opened") opened += 1;
    else if (event === "gate-closed") opened -= 1;
  },
};
const connection = await connect({ kubeconfig: values.kubeconfig ?? "", component: "idle-shards" });
const coordinator = createCoordinator({
  coordinator: `idle-${renewal}-${shards}`,
  identity: "idle",
  connection,
  telemetry,
  lease: { ...LEASE, renewal },
  resources: [{ resource: "configmaps", namespaces: ["default"], buckets: shards, reconcile: async () => {} }],
});
const stop = new AbortController();
const ended = coordinator.run(stop.signal);
await Promise.race([until(`${shards} open gates`, START_DEADLINE_MS, () => opened === shards), ended]);
// Every shard was renewed at least once: what its first write left behind is replaced.
await delay(LEASE.retryPeriodMs * 1.2);
const heapBytes = await heldHeapBytes();
process.stdout.write(`${JSON.stringify({ shards, opened, heapBytes, rssBytes: process.memoryUsage().rss })}\n`);
// The server is thrown away with its Leases; to release a thousand of them would only take time.
process.exit(opened === shards ? 0 : 1);
