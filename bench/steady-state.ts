/**
 * Steady state: what do replicas cost that own their shards and have nothing to do?
 *
 * Method. Once the fleet has settled, nothing happens for six retry periods. Requests for Leases and watch events about them are
 * counted by the API server (its own metrics), CPU and connections of each replica by the kernel, for all replicas together. A member
 * Lease is counted like every other, and so are the reads that standbys of a peer send.
 *
 * Heap per idle shard is the difference between 1,024 shards of one process and 24, after collection, divided by 1,000: what code and
 * connections cost is in both. It is measured once for each way of renewal, in a process that leads all of them.
 */
import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import { connectionsTo, cpuMsOf, residentMiBOf } from "./arena/process-cost.ts";
import { durationMs, LONG, USUAL } from "./arena/profile.ts";
import { type Answered, question, type SetName } from "./arena/question.ts";
import { type ContenderName, isPeer, type Setting, setting } from "./arena/setting.ts";
import type { Stage } from "./arena/stage.ts";
import { overlapsOf } from "./figures/ownership.ts";
import { columnsOf, highlightOf, overlapGoals, overlapText, titleOf } from "./report/columns.ts";
import { atMost, type Goal, number, type Section, table, text } from "./report/section.ts";

const RETRY_PERIODS = 6;
const IDLE_SHARDS = 1_000;
/** What the others are compared with: enough that the code has run as often as it must to be compiled, which is no shard's cost. */
const FEW_SHARDS = 24;
const HEAP_DEADLINE_MS = 180_000;

const figuresSchema = z.object({
  seconds: z.number(),
  requestsByVerb: z.record(z.string(), z.number()),
  requestsPerShardPerSecond: z.number(),
  /** `null` where the server does not count them. */
  watchEventsPerShardPerSecond: z.number().nullable(),
  /** Of each replica, in the order of their start. */
  cpuMsPerSecond: z.array(z.number()),
  residentMiB: z.array(z.number()),
  connections: z.array(z.number()),
  held: z.array(z.number()),
  /** Only where it was measured. */
  heapBytesPerIdleShard: z.number().nullable(),
  overlaps: z.object({ count: z.number(), longestMs: z.number() }),
});

type Figures = z.output<typeof figuresSchema>;

async function measure(stage: Stage): Promise<Figures> {
  const { setting: cell, server } = stage;
  await stage.startAll();
  // The last replica's first lists and everybody's first renewals are no steady state.
  await delay(durationMs(cell.profile.retryPeriod));
  const pids = stage.running.map(({ pid }) => pid);
  const before = { traffic: await server.leaseTraffic(), cpuMs: pids.map(cpuMsOf), atMs: performance.now() };
  await delay(RETRY_PERIODS * durationMs(cell.profile.retryPeriod));
  const after = { traffic: await server.leaseTraffic(), cpuMs: pids.map(cpuMsOf), atMs: performance.now() };
  const seconds = (after.atMs - before.atMs) / 1_000;
  const requestsByVerb = Object.fromEntries(
    [...after.traffic.requests].map(([verb, count]) => [verb, count - (before.traffic.requests.get(verb) ?? 0)]),
  );
  const requests = Object.values(requestsByVerb).reduce((sum, count) => sum + count, 0);
  const { watchEvents } = after.traffic;
  const costs = {
    residentMiB: pids.map(residentMiBOf),
    connections: pids.map((pid) => connectionsTo(pid, server.port)),
    held: stage.held(),
    overlaps: overlapsOf(stage.terms()),
  };
  return {
    seconds,
    requestsByVerb,
    requestsPerShardPerSecond: requests / cell.shards / seconds,
    watchEventsPerShardPerSecond:
      watchEvents === undefined ? null : (watchEvents - (before.traffic.watchEvents ?? 0)) / cell.shards / seconds,
    cpuMsPerSecond: after.cpuMs.map((ms, index) => (ms - (before.cpuMs[index] ?? 0)) / seconds),
    ...costs,
    heapBytesPerIdleShard: measuresHeap(cell) ? await heapBytesPerIdleShard(stage) : null,
  };
}

function measuresHeap({ contender, shards, replicas }: Setting): boolean {
  return !isPeer(contender) && replicas === 3 && shards === 16;
}

async function heapBytesPerIdleShard(stage: Stage): Promise<number> {
  for (const replica of stage.running) replica.kill();
  await Promise.all(stage.fleet.replicas.map(({ exited }) => exited));
  const kubeconfig = stage.fleet.write("idle.kubeconfig", stage.server.kubeconfig);
  const script = fileURLToPath(new URL("./steady-state/idle-shards.ts", import.meta.url));
  const heapOf = async (shards: number): Promise<number> => {
    const { contender } = stage.setting;
    const args = [
      "--expose-gc",
      script,
      "--kubeconfig",
      kubeconfig,
      "--shards",
      String(shards),
      "--renewal",
      contender,
    ];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: HEAP_DEADLINE_MS });
    return z.object({ heapBytes: z.number() }).parse(JSON.parse(stdout)).heapBytes;
  };
  const few = await heapOf(FEW_SHARDS);
  return ((await heapOf(FEW_SHARDS + IDLE_SHARDS)) - few) / IDLE_SHARDS;
}

function settings(set: SetName): readonly Setting[] {
  const usual: readonly (readonly [ContenderName, number])[] = [
    ["per-shard", 16],
    ["client-go", 16],
    ["knative", 16],
    ["per-shard", 256],
    ["per-member", 256],
    ["client-go", 256],
  ];
  const quick = usual.map(([contender, shards]) => setting(contender, shards, 3, USUAL));
  if (set === "default") return quick;
  return [
    ...quick,
    setting("per-member", 16, 3, USUAL),
    setting("per-member", 1_024, 3, USUAL),
    setting("knative", 16, 3, LONG),
    ...usual.map(([contender, shards]) => setting(contender, shards, 10, USUAL)),
    setting("per-member", 1_024, 10, USUAL),
  ];
}

/** Every Lease that is kept alive is written once each retry period, and nothing else is sent; 3 % is for what is not in phase. */
function goalRequests({ contender, shards, replicas, profile }: Setting): number | undefined {
  if (isPeer(contender)) return undefined;
  const leases = contender === "per-shard" ? shards + replicas : replicas;
  const perSecond = leases / (durationMs(profile.retryPeriod) / 1_000);
  return Math.round((perSecond / shards) * 1.03 * 1_000) / 1_000;
}

function section(answered: readonly Answered<Figures>[]): Section {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    title: "What does it cost to own shards that have nothing to do?",
    parts: [
      text(
        "Requests for Leases and watch events about them, counted by the API server; CPU of all replicas together. Goals, 10 replicas with 256 " +
          "shards: 0.53 requests per shard per second per shard, 0.025 per member; at most 10 KB of heap for an idle shard.",
      ),
      table(
        [
          "who",
          "shards x replicas",
          "lease",
          "requests per shard per s",
          "by verb",
          "watch events per shard per s",
          "CPU ms per s, all replicas",
          "CPU us per shard per s",
          "RSS MiB per replica",
          "connections per replica",
          "shards per replica",
          "heap per idle shard",
          "two owners at once",
        ],
        answered.map(({ setting: cell, figures }) => {
          const cpuMs = sum(figures.cpuMsPerSecond);
          const verbs = Object.entries(figures.requestsByVerb).filter(([, count]) => count > 0);
          return [
            ...columnsOf(cell),
            figures.requestsPerShardPerSecond.toFixed(3),
            verbs
              .map(
                ([verb, count]) =>
                  `${Math.round((count / sum(Object.values(figures.requestsByVerb))) * 100)} % ${verb}`,
              )
              .join(", "),
            figures.watchEventsPerShardPerSecond?.toFixed(2) ?? "-",
            number(cpuMs),
            number((cpuMs / cell.shards) * 1_000),
            number(Math.max(...figures.residentMiB)),
            String(Math.max(...figures.connections)),
            figures.held.join("/"),
            figures.heapBytesPerIdleShard === null ? "" : `${(figures.heapBytesPerIdleShard / 1_000).toFixed(2)} KB`,
            overlapText(figures.overlaps),
          ];
        }),
      ),
    ],
    goals: [
      ...answered.flatMap(({ setting: cell, figures }) => {
        const goals: Goal[] = [];
        const most = goalRequests(cell);
        if (most !== undefined) {
          goals.push(atMost(`requests per shard per s: ${titleOf(cell)}`, most, figures.requestsPerShardPerSecond));
        }
        if (figures.heapBytesPerIdleShard !== null) {
          goals.push(atMost(`heap per idle shard: ${titleOf(cell)}`, 10, figures.heapBytesPerIdleShard / 1_000, " KB"));
        }
        return goals;
      }),
      ...overlapGoals("steady state", answered),
    ],
    highlight: highlightOf("API requests per shard per s with nothing to do", answered, (figures) =>
      figures.requestsPerShardPerSecond.toFixed(2),
    ),
  };
}

export const steadyState = question({
  name: "steady-state",
  settings,
  seconds: (cell) =>
    8 + (RETRY_PERIODS + 2.5) * (durationMs(cell.profile.retryPeriod) / 1_000) + (measuresHeap(cell) ? 40 : 0),
  measure,
  figures: figuresSchema,
  section,
});
