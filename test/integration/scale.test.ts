import { expect, test } from "vitest";
import { gateTerms } from "../../src/cli/demo/history.ts";
import { createObjects } from "../support/cluster-objects.ts";
import { sumOfCounter } from "../support/control-plane-access.ts";
import { integration, type Scene, say } from "../support/integration.ts";
import { type Move, movedTwice, movesOf } from "../support/moves.ts";
import type { ReplicaOptions, ReplicaProcess } from "../support/replica-process.ts";
import { gapsSince, spreadText } from "../support/transitions.ts";
import { msBetween, until } from "../support/waiting.ts";

const scene = integration();

const KINDS = ["configmaps", "secrets", "services", "serviceaccounts"];
const BOUND_MS = 60_000;
const LEASE = { duration: "15s", renewDeadline: "10s", retryPeriod: "2s" };

function optionsFor(shards: number, renewal: "per-shard" | "per-member", more: object = {}): Partial<ReplicaOptions> {
  return {
    resources: KINDS.map((resource) => ({ resource, buckets: shards / KINDS.length })),
    configuration: { lease: { ...LEASE, renewal }, ...more },
  };
}

async function writesPerSecond(on: Scene, forMs: number): Promise<number> {
  const count = async (): Promise<number> => {
    const metrics = await on.plane.metrics();
    const verbs = ["POST", "PUT", "PATCH", "DELETE"];
    return verbs.reduce((sum, verb) => sum + sumOfCounter(metrics, "apiserver_request_total", { resource: "leases", verb }), 0);
  };
  const from = await count();
  const fromMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, forMs));
  return ((await count()) - from) / ((performance.now() - fromMs) / 1000);
}

function lastOpenedNs(on: Scene): bigint {
  return gateTerms(on.fleet.transitions(), on.fleet.deaths()).reduce((last, { openedNs }) => (openedNs > last ? openedNs : last), 0n);
}

function memberSince(on: Scene, replica: ReplicaProcess): bigint {
  const lease = `test-member-${replica.identity?.split("_")[1]}`;
  return on.history.of(lease)[0]?.ns ?? 0n;
}

for (const [shards, renewal] of [
  [1_000, "per-member"],
  [256, "per-shard"],
] as const) {
  test(`join ${shards} ${renewal}`, { timeout: 180_000 }, async (context) => {
    const on = await scene(context, `join-${renewal}`);
    const options = optionsFor(shards, renewal);
    const startMs = performance.now();
    for (const name of ["a", "b", "c"]) on.start(name, options);
    await on.members(3, BOUND_MS);
    say(`3 members after ${performance.now() - startMs}`);
    await on.balanced(shards, BOUND_MS);
    say(`balanced after ${performance.now() - startMs}; moves ${movesOf(on.history.moments, 0n).length}, twice ${movedTwice(movesOf(on.history.moments, 0n)).length}`);
    say(`steady writes per s ${await writesPerSecond(on, 5000)}`);
    const sinceNs = process.hrtime.bigint();
    const d = on.start("d", options);
    await on.members(4, BOUND_MS);
    await on.balanced(shards, BOUND_MS);
    const balancedNs = lastOpenedNs(on);
    await writesPerSecond(on, 2500);
    const moves = movesOf(on.history.moments, sinceNs);
    const gaps = gapsSince(on.fleet.transitions(), on.fleet.deaths(), sinceNs);
    say(`${moves.length} moves; twice ${movedTwice(moves)}; gaps ${spreadText(gaps)}; balanced ${msBetween(memberSince(on, d), balancedNs)} after ack`);
    say(String(await until("x", 1, () => "done")));
    expect(on.faults()).toEqual([]);
  });
}
