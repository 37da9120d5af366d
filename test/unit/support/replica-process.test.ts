import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { Fleet } from "../../support/replica-process.ts";
import { until } from "../../support/waiting.ts";

/** A kubeconfig that leads nowhere: the replica asks again and again, and never begins. */
const NOWHERE = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  "current-context": "none",
  clusters: [{ name: "none", cluster: { server: "http://127.0.0.1:1" } }],
  users: [{ name: "none", user: {} }],
  contexts: [{ name: "none", context: { cluster: "none", user: "none" } }],
});

/** True while the process is there and no zombie. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

const onLinux = existsSync("/proc/self/status");

test.runIf(onLinux)("a replica outlives the test run that was killed, even a frozen one", async () => {
  const module = new URL("../../support/replica-process.ts", import.meta.url).href;
  const script = `
    const { Fleet } = await import(${JSON.stringify(module)});
    const fleet = new Fleet();
    const kubeconfig = fleet.write("kubeconfig", ${JSON.stringify(NOWHERE)});
    const replicas = ["a", "b"].map((name) => fleet.start(name, { kubeconfig, namespace: "x" }));
    const started = setInterval(() => {
      if (replicas.some(({ identity }) => identity === undefined)) return;
      clearInterval(started);
      replicas[1].freeze();
      process.stdout.write(JSON.stringify({ pids: replicas.map(({ pid }) => pid), folder: fleet.folder }) + "\\n");
    }, 20);
  `;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  createInterface({ input: parent.stdout }).on("line", (line) => lines.push(line));
  const text = await until("both replicas to start", 30_000, () => lines[0]);
  const said: unknown = JSON.parse(text);
  if (typeof said !== "object" || said === null || !("pids" in said) || !Array.isArray(said.pids))
    throw new Error(text);
  const pids = said.pids.map(Number);
  expect(pids.map(runs)).toEqual([true, true]);
  parent.kill("SIGKILL");
  await until("both replicas to be gone", 10_000, () => !pids.some(runs));
  if ("folder" in said) rmSync(String(said.folder), { recursive: true, force: true });
});

test.runIf(onLinux)("a closed fleet leaves a process or a file", async () => {
  const fleet = new Fleet();
  const replica = fleet.start("a", { kubeconfig: fleet.write("kubeconfig", NOWHERE), namespace: "x" });
  await until(
    "it to start",
    20_000,
    () => replica.identity,
    () => replica.tail(),
  );
  replica.freeze();
  await fleet.close();
  expect(runs(replica.pid)).toBe(false);
  expect(existsSync(fleet.folder)).toBe(false);
  expect(replica.exit).toEqual({ code: null, signal: "SIGKILL" });
});
