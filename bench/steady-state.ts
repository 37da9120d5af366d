/**
 * What does it cost to do nothing? Three replicas that own 16 shards of two kinds, and nothing happens: requests per shard per second
 * at 15/10/2 s, connections per replica, and the heap of an idle shard.
 *
 * The API server is a real one where `KUBEBUILDER_ASSETS` names one, else the embedded one; the output says which. Requests are
 * counted by the server, connections by the kernel, heap by V8. `--json` prints the numbers as one JSON object, `--seconds` says
 * how long requests are counted (default 24, twelve retry periods).
 */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import Table from "cli-table3";
import { z } from "zod";
import { startApiServer } from "../src/embedded/index.ts";
import { controlPlaneMissing, startControlPlane } from "../test/support/control-plane.ts";
import { sumOfCounter } from "../test/support/control-plane-access.ts";
import { Fleet, type ReplicaProcess } from "../test/support/replica-process.ts";
import { ownersOf } from "../test/support/transitions.ts";
import { until } from "../test/support/waiting.ts";

const REPLICAS = ["a", "b", "c"];
const RESOURCES = [{ resource: "configmaps", buckets: 15 }, { resource: "secrets" }];
const SHARDS = 16;
const IDLE_SHARDS = 1_000;
/** What the others are compared with: enough that the code has run as often as it must to be compiled, which is no shard's cost. */
const FEW_SHARDS = 24;
const LEASE = { duration: "15s", renewDeadline: "10s", retryPeriod: "2s" };
const LEASE_VERBS = ["GET", "LIST", "POST", "PUT", "PATCH", "DELETE"] as const;

const GOAL_REQUESTS = 0.61;
const GOAL_HEAP_KIB = 10;

/** Whatever the replicas talk to. */
interface Server {
  readonly name: string;
  readonly url: string;
  /** Kubeconfig as text. */
  readonly kubeconfig: string;
  /** Requests for Leases that were answered so far, by verb. */
  leaseRequests(): Promise<Map<string, number>>;
  stop(): Promise<void>;
}

async function startServer(): Promise<Server> {
  if (controlPlaneMissing() === undefined) {
    const plane = await startControlPlane();
    const leaseRequests = async (): Promise<Map<string, number>> => {
      const metrics = await plane.metrics();
      const count = (verb: string): number =>
        sumOfCounter(metrics, "apiserver_request_total", { resource: "leases", verb });
      return new Map(LEASE_VERBS.map((verb) => [verb, count(verb)]));
    };
    const { url, kubeconfig } = plane;
    return { name: "real kube-apiserver and etcd", url, kubeconfig, leaseRequests, stop: () => plane.stop() };
  }
  const server = await startApiServer();
  const verbs = { GET: "get", LIST: "list", POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" };
  const leaseRequests = async (): Promise<Map<string, number>> => {
    const { requests } = server.core;
    const count = (verb: string): number => requests.count({ verb, resource: "leases.coordination.k8s.io" });
    return new Map(LEASE_VERBS.map((verb) => [verb, count(verbs[verb])]));
  };
  const name = "embedded (KUBEBUILDER_ASSETS names no real one)";
  return { name, url: server.url, kubeconfig: server.kubeconfig().text, leaseRequests, stop: () => server.close() };
}

/** Established TCP connections of a process to `port`: the sockets that it has open, looked up in the kernel's table. */
function connectionsTo(pid: number, port: number): number {
  const inodes = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`))?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  const remotePort = port.toString(16).toUpperCase().padStart(4, "0");
  const rows = ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "utf8").split("\n").slice(1),
  );
  return rows.filter((row) => {
    const [, , remote = "", state, , , , , , inode = ""] = row.trim().split(/\s+/);
    return state === "01" && remote.endsWith(`:${remotePort}`) && inodes.has(inode);
  }).length;
}

/** A descriptor may be closed while it is looked at. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Requests of all kinds that a replica has counted itself. */
async function ownRequests(replica: ReplicaProcess): Promise<number> {
  const answer = await fetch(`http://${replica.address}/metrics`);
  return sumOfCounter(await answer.text(), "rest_client_requests_total", {});
}

interface Steady {
  readonly shardsPerReplica: readonly number[];
  readonly leaseRequestsPerShardPerSecond: number;
  readonly leaseRequestsByVerb: Readonly<Record<string, number>>;
  readonly allRequestsPerShardPerSecond: number;
  readonly connectionsPerReplica: readonly number[];
  readonly cpuMsPerReplicaPerSecond: readonly number[];
  readonly seconds: number;
}

async function measureSteady(server: Server, fleet: Fleet, seconds: number): Promise<Steady> {
  const kubeconfig = fleet.write("kubeconfig", server.kubeconfig);
  const options = { kubeconfig, namespace: "default", resources: RESOURCES, configuration: { lease: LEASE } };
  const replicas = REPLICAS.map((name) => fleet.start(name, options));
  const owners = (): string[] =>
    [...ownersOf(fleet.transitions(), fleet.deaths()).values()].map(({ replica }) => replica);
  await until(
    "16 owned shards",
    60_000,
    () => owners().length === SHARDS,
    () => fleet.report(),
  );
  await until("every replica to serve its metrics", 30_000, () =>
    replicas.every(({ address }) => address !== undefined),
  );
  // The last replica's first lists and the first renewals are no steady state.
  await delay(6_000);
  const atStart = { leases: await server.leaseRequests(), own: await sumOf(replicas), cpu: replicas.map(cpuMs) };
  const startedMs = performance.now();
  await delay(seconds * 1_000);
  const atEnd = { leases: await server.leaseRequests(), own: await sumOf(replicas), cpu: replicas.map(cpuMs) };
  const elapsed = (performance.now() - startedMs) / 1_000;
  const byVerb = Object.fromEntries(
    [...atEnd.leases].map(([verb, count]) => [verb, count - (atStart.leases.get(verb) ?? 0)]),
  );
  const leases = Object.values(byVerb).reduce((sum, count) => sum + count, 0);
  const port = Number(new URL(server.url).port);
  return {
    shardsPerReplica: REPLICAS.map((name) => owners().filter((owner) => owner === name).length),
    leaseRequestsPerShardPerSecond: leases / SHARDS / elapsed,
    leaseRequestsByVerb: byVerb,
    allRequestsPerShardPerSecond: (atEnd.own - atStart.own) / SHARDS / elapsed,
    connectionsPerReplica: replicas.map(({ pid }) => connectionsTo(pid, port)),
    cpuMsPerReplicaPerSecond: atEnd.cpu.map((ms, index) => (ms - (atStart.cpu[index] ?? 0)) / elapsed),
    seconds: elapsed,
  };
}

async function sumOf(replicas: readonly ReplicaProcess[]): Promise<number> {
  const counts = await Promise.all(replicas.map(ownRequests));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** CPU time of a process so far. Linux counts it in hundredths of a second. */
function cpuMs({ pid }: ReplicaProcess): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return (user + system) * 10;
}

interface Heap {
  readonly heapBytesPerShard: number;
  readonly heapBytes: number;
}

async function measureHeap(server: Server, fleet: Fleet): Promise<Heap> {
  const kubeconfig = fleet.write("idle.kubeconfig", server.kubeconfig);
  const script = fileURLToPath(new URL("./idle-shards.ts", import.meta.url));
  const heapOf = async (shards: number): Promise<number> => {
    const args = ["--expose-gc", script, "--kubeconfig", kubeconfig, "--shards", String(shards)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 120_000 });
    return z.object({ heapBytes: z.number() }).parse(JSON.parse(stdout)).heapBytes;
  };
  const few = await heapOf(FEW_SHARDS);
  const many = await heapOf(FEW_SHARDS + IDLE_SHARDS);
  return { heapBytesPerShard: (many - few) / IDLE_SHARDS, heapBytes: many };
}

function tableText(server: string, steady: Steady, heap: Heap): string {
  const table = new Table({ head: ["what", "measured", "goal"], style: { head: [], border: [] } });
  const verbs = Object.entries(steady.leaseRequestsByVerb).filter(([, count]) => count > 0);
  const each = (values: readonly number[], digits: number): string =>
    values.map((value) => value.toFixed(digits)).join(" / ");
  table.push(
    [
      "requests for Leases per shard per second",
      steady.leaseRequestsPerShardPerSecond.toFixed(3),
      `<= ${GOAL_REQUESTS}`,
    ],
    ["  by verb, in all", verbs.map(([verb, count]) => `${count} ${verb}`).join(", "), "no GET"],
    ["requests of all kinds, counted by the replicas", steady.allRequestsPerShardPerSecond.toFixed(3), ""],
    ["open connections per replica", each(steady.connectionsPerReplica, 0), "a handful"],
    ["CPU per replica, ms per second", each(steady.cpuMsPerReplicaPerSecond, 1), ""],
    [
      `heap per idle shard, of ${IDLE_SHARDS}`,
      `${(heap.heapBytesPerShard / 1024).toFixed(2)} KiB`,
      `<= ${GOAL_HEAP_KIB} KB`,
    ],
  );
  return [
    `API server: ${server}`,
    `${REPLICAS.length} replicas with ${steady.shardsPerReplica.join("/")} of ${SHARDS} shards at 15/10/2 s, counted for ${steady.seconds.toFixed(1)} s`,
    table.toString(),
  ].join("\n");
}

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, seconds: { type: "string", default: "24" } },
});
const seconds = Number(values.seconds);
if (!Number.isFinite(seconds) || seconds <= 0)
  throw new Error(`--seconds must be a number above 0, but is ${values.seconds}`);
const server = await startServer();
const fleet = new Fleet();
try {
  const steady = await measureSteady(server, fleet, seconds);
  for (const replica of fleet.replicas) replica.kill();
  await Promise.all(fleet.replicas.map(({ exited }) => exited));
  const heap = await measureHeap(server, fleet);
  const result = { server: server.name, replicas: REPLICAS.length, shards: SHARDS, lease: LEASE, ...steady, ...heap };
  process.stdout.write(`${values.json ? JSON.stringify(result) : tableText(server.name, steady, heap)}\n`);
} finally {
  await fleet.close();
  await server.stop();
}
