import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Summary } from "../../src/cli/demo/summary.ts";
import { LEASES } from "../../src/kube/api.ts";
import { KubeClient } from "../../src/kube/client.ts";
import { connect } from "../../src/kube/connection.ts";

/** The demo as a stranger starts it: the real command, real processes. */

const main = resolve(import.meta.dirname, "../../src/cli/main.ts");
/** A quiet machine needs half a minute; a busy one may take its time. */
const BOUND_MS = 240_000;

let folder = "";
let demo: Demo | undefined;

interface Demo {
  readonly child: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly output: () => string;
  readonly errors: () => string;
}

function start(...options: readonly string[]): Demo {
  const env = { ...process.env, TMPDIR: folder, NO_COLOR: "1" };
  const child = spawn(process.execPath, [main, "demo", ...options], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((settle) => {
    child.once("close", (code, signal) => settle({ code, signal }));
  });
  demo = { child, exited, output: () => output, errors: () => errors };
  return demo;
}

/** Ids of the replicas' processes, which are all started with files of this test's own folder. */
function replicaProcesses(name = "replica-"): number[] {
  const processes = execFileSync("ps", ["-A", "-ww", "-o", "pid=,args="], { encoding: "utf8" }).split("\n");
  return processes
    .filter((line) => line.includes(folder) && line.includes(`--identity ${name}`))
    .map((line) => Number.parseInt(line, 10));
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const end = Date.now() + BOUND_MS;
  while (!condition()) {
    if (Date.now() > end)
      throw new Error(`${what}: not within ${BOUND_MS / 1000} s\n${demo?.output()}\n${demo?.errors()}`);
    await new Promise((settle) => setTimeout(settle, 20));
  }
}

async function nothingIsLeft(): Promise<void> {
  await until("no replica is left", () => replicaProcesses().length === 0);
  expect(readdirSync(folder)).toEqual([]);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "electorate-scenario-"));
});

afterEach(async () => {
  demo?.child.kill("SIGKILL");
  await demo?.exited;
  demo = undefined;
  await until("no replica is left", () => replicaProcesses().length === 0);
  rmSync(folder, { recursive: true, force: true });
});

describe("the demo", () => {
  it(
    "loses a key, works on one twice at once, leaves a shard unowned, or says so and exits 0",
    async () => {
      const { exited, output, errors } = start("--json");
      expect({ ...(await exited), errors: errors() }).toEqual({ code: 0, signal: null, errors: "" });
      const summary = JSON.parse(output()) as Summary;
      expect(summary).toMatchObject({
        ok: true,
        violations: [],
        duplicates: 0,
        stale: 0,
        lost: 0,
        twoOwners: 0,
        shards: 9,
        owned: 9,
      });
      expect(summary.reconciles.total).toBeGreaterThanOrEqual(1_000);
      expect(summary.reconciles.open).toBeLessThan(36);
      expect(summary.changes).toBeGreaterThanOrEqual(400);
      expect(Object.values(summary.shardsPerReplica).reduce((sum, held) => sum + held, 0)).toBe(9);
      expect(Object.keys(summary.shardsPerReplica)).toHaveLength(2);
      const [stopped, killed] = ["(SIGTERM)", "(SIGKILL)"].map((how) => {
        return summary.steps.find(({ title }) => title.endsWith(how));
      });
      // Both leave the shards that they hold: at least a third of nine, and a third of what two share.
      expect(stopped?.gaps).toBeGreaterThanOrEqual(3);
      expect(killed?.gaps).toBeGreaterThanOrEqual(3);
      expect(stopped?.maxGapMs).toBeGreaterThan(0);
      // Nobody may take a shard of a dead replica earlier than the Lease allows: 3 s after its last renewal, which is at most 0.5 s old, give or take its sending.
      expect(killed?.p50GapMs).toBeGreaterThan(1_500);
      // One renewal of each shard and of each of three members every half second makes 2.67; anything like 10 is a poll.
      expect(summary.leaseRequestsPerShardPerSecond).toBeGreaterThan(1);
      expect(summary.leaseRequestsPerShardPerSecond).toBeLessThan(4);
      await nothingIsLeft();
    },
    2 * BOUND_MS,
  );

  it(
    "leaves processes or files behind after Ctrl-C",
    async () => {
      const { child, exited, output, errors } = start("--objects", "50");
      await until("the story is under way", () => output().includes("changes keep coming, 50 a second ..."));
      expect(replicaProcesses()).toHaveLength(3);
      const [files = ""] = readdirSync(folder);
      const server = /"server": "([^"]+)"/.exec(readFileSync(join(folder, files, "kubeconfig"), "utf8"))?.[1];
      // Another user of this machine, without the token.
      expect((await fetch(`${server}/api/v1/namespaces/default/configmaps`)).status).toBe(401);
      child.kill("SIGINT");
      expect(await exited).toEqual({ code: 130, signal: null });
      expect(errors()).toContain("stopped by SIGINT");
      await nothingIsLeft();
    },
    2 * BOUND_MS,
  );

  it(
    "goes on as if nothing had happened when a replica dies unasked",
    async () => {
      const { exited, output } = start("--objects", "50");
      await until("the story is under way", () => output().includes("changes keep coming, 50 a second ..."));
      const [pid] = replicaProcesses("replica-1");
      process.kill(pid!, "SIGKILL");
      expect(await exited).toEqual({ code: 1, signal: null });
      expect(output()).toContain("replica-1 ended unasked with SIGKILL");
      await nothingIsLeft();
    },
    2 * BOUND_MS,
  );

  it(
    "is over when it was asked to stay, or cannot be reached then",
    async () => {
      const { child, exited, output, errors } = start("--keep", "--objects", "20", "--buckets", "2", "--replicas", "2");
      await until("it stays", () => errors().includes("Still running"));
      expect(output()).toMatch(/configmaps-01 +replica-\d +\d+/);
      expect(output()).toContain("3 of 3 shards owned");
      const kubeconfig = /--kubeconfig (\S+)/.exec(errors())?.[1] ?? "";
      const connection = await connect({ kubeconfig, component: "scenario" });
      const labelSelector = "electorate.dev/role=shard";
      const { objects } = await new KubeClient(connection.objects).list(LEASES, {
        namespace: "default",
        labelSelector,
      });
      await connection.close();
      expect(objects.map((lease) => lease.metadata.name)).toEqual([
        "demo-configmaps-00",
        "demo-configmaps-01",
        "demo-widgets.demo.electorate.dev-00",
      ]);
      child.kill("SIGINT");
      expect(await exited).toEqual({ code: 0, signal: null });
      await nothingIsLeft();
    },
    2 * BOUND_MS,
  );
});
