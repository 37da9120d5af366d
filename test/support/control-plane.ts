/**
 * A real control plane for tests and benchmarks: etcd and kube-apiserver from `KUBEBUILDER_ASSETS`, started as
 * envtest starts them. Plain Node: it needs no test runner.
 *
 * Promises: a folder and free ports of its own; RBAC is on; every wait is bounded, and a failure shows the end of the
 * server's log; `stop` leaves neither a process nor a file, and so does the death of the starting process, whatever
 * kills it (a small shell holds the other end of a pipe and cleans up when the pipe breaks).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { adminKubeconfig, ControlPlaneAccess, type ControlPlaneInfo } from "./control-plane-access.ts";
import { type ControlPlaneCertificates, makeCertificates } from "./control-plane-certificates.ts";

export interface ControlPlane extends ControlPlaneAccess {
  /** Process ids, for benchmarks that measure the server. */
  readonly pids: { readonly etcd: number; readonly apiServer: number };
  /** Ends both processes and removes the folder. May be called twice. */
  stop(): Promise<void>;
}

export interface ControlPlaneOptions {
  /** More flags for kube-apiserver, such as `--feature-gates=ShardedListAndWatch=true`. */
  readonly apiServerFlags?: readonly string[];
  /** Folder of the binaries; the environment's `KUBEBUILDER_ASSETS` when left out. */
  readonly assets?: string;
}

const READY_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 20_000;
const START_TRIES = 3;
const LOG_TAIL_CHARACTERS = 6_000;

/** Why no control plane can be started here, or undefined when one can. */
export function controlPlaneMissing(): string | undefined {
  const assets = process.env["KUBEBUILDER_ASSETS"];
  if (assets === undefined || assets === "") {
    return "needs a real API server: set KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl";
  }
  const missing = ["kube-apiserver", "etcd", "kubectl"].filter((name) => !existsSync(join(assets, name)));
  return missing.length === 0 ? undefined : `KUBEBUILDER_ASSETS lacks ${missing.join(", ")}`;
}

/** Skips the test with the reason when there is no control plane; fails instead if `ELECTORATE_REQUIRE_API_SERVER=1`. */
export function requireControlPlane(context: { skip(reason: string): unknown }): void {
  const reason = controlPlaneMissing();
  if (reason === undefined) return;
  if (process.env["ELECTORATE_REQUIRE_API_SERVER"] === "1") throw new Error(reason);
  context.skip(reason);
}

/** Starts etcd and kube-apiserver and resolves when the API server is ready (about 7.5 s on two cores). */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // A free port is free until another process takes it; both servers say so in the same words.
      const taken = error instanceof Error && error.message.includes("address already in use");
      if (!taken || attempt === START_TRIES) throw error;
    }
  }
}

async function startOnce(options: ControlPlaneOptions): Promise<ControlPlane> {
  const assets = options.assets ?? process.env["KUBEBUILDER_ASSETS"];
  if (assets === undefined || assets === "") throw new Error(controlPlaneMissing() ?? "KUBEBUILDER_ASSETS is not set");
  const folder = await mkdtemp(join(tmpdir(), "electorate-control-plane-"));
  const servers = new Servers(folder);
  try {
    const certificates = await makeCertificates(folder);
    const etcdUrl = `http://127.0.0.1:${await freePort()}`;
    const etcd = servers.start("etcd", join(assets, "etcd"), etcdFlags(folder, etcdUrl));
    await servers.waitFor(etcd, () => answersOk(`${etcdUrl}/health`));
    const port = await freePort();
    const url = `https://127.0.0.1:${port}`;
    const flags = [...apiServerFlags(folder, certificates, etcdUrl, port), ...(options.apiServerFlags ?? [])];
    const apiServer = servers.start("kube-apiserver", join(assets, "kube-apiserver"), flags);
    const info = await connectionInfo(assets, folder, url, etcdUrl, certificates);
    const access = new ControlPlaneAccess(info);
    await servers.waitFor(apiServer, () => isReady(access));
    const pids = { etcd: etcd.process.pid ?? 0, apiServer: apiServer.process.pid ?? 0 };
    return Object.assign(access, { pids, stop: () => servers.stop() });
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

async function connectionInfo(
  assets: string,
  folder: string,
  url: string,
  etcdUrl: string,
  certificates: ControlPlaneCertificates,
): Promise<ControlPlaneInfo> {
  const { ca, adminCertificate, adminKey } = certificates;
  const kubeconfigPath = join(folder, "admin.kubeconfig");
  const info = { assets, folder, url, etcdUrl, ca, adminCertificate, adminKey, kubeconfigPath, kubeconfig: "" };
  const kubeconfig = adminKubeconfig(info);
  await writeFile(kubeconfigPath, kubeconfig, { mode: 0o600 });
  return { ...info, kubeconfig };
}

function etcdFlags(folder: string, url: string): readonly string[] {
  return [
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    "--listen-peer-urls=http://127.0.0.1:0",
    "--unsafe-no-fsync",
  ];
}

function apiServerFlags(
  folder: string,
  certificates: ControlPlaneCertificates,
  etcdUrl: string,
  port: number,
): readonly string[] {
  return [
    `--etcd-servers=${etcdUrl}`,
    `--cert-dir=${folder}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    `--tls-cert-file=${certificates.servingCertificateFile}`,
    `--tls-private-key-file=${certificates.servingKeyFile}`,
    `--client-ca-file=${certificates.caFile}`,
    "--service-cluster-ip-range=10.0.0.0/24",
    "--allow-privileged=true",
    "--authorization-mode=RBAC",
    "--disable-admission-plugins=ServiceAccount",
    "--service-account-issuer=https://127.0.0.1/",
    `--service-account-key-file=${certificates.serviceAccountKeyFile}`,
    `--service-account-signing-key-file=${certificates.serviceAccountKeyFile}`,
    // The server would renew a Lease of its own, which would be counted among those that a test measures.
    "--feature-gates=APIServerIdentity=false,UnknownVersionInteroperabilityProxy=false",
    "--endpoint-reconciler-type=none",
  ];
}

/** Ready, and the namespace `default` exists: it is made just after the server calls itself ready. */
async function isReady(access: ControlPlaneAccess): Promise<boolean> {
  if ((await access.call("GET", "/readyz")).status !== 200) return false;
  return (await access.call("GET", "/api/v1/namespaces/default")).status === 200;
}

async function answersOk(url: string): Promise<boolean> {
  return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

interface Server {
  readonly name: string;
  readonly process: ChildProcess;
  readonly logFile: string;
  readonly ended: Promise<void>;
}

/** The processes of one control plane, in the order of their start. */
class Servers {
  readonly #folder: string;
  readonly #running: Server[] = [];
  readonly #leash: ChildProcess;
  readonly #onExit: () => void;

  constructor(folder: string) {
    this.#folder = folder;
    // Reads process ids until the pipe breaks, which it does however this process ends; then nothing is left behind.
    const script = 'trap "" INT TERM HUP; while read -r pid; do pids="$pid $pids"; done; kill -9 $pids; rm -rf "$1"';
    this.#leash = spawn("/bin/sh", ["-c", script, "leash", folder], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#leash.unref();
    this.#onExit = () => this.#endNow();
    process.once("exit", this.#onExit);
  }

  start(name: string, file: string, args: readonly string[]): Server {
    const logFile = join(this.#folder, `${name}.log`);
    const log = openSync(logFile, "a");
    const child = spawn(file, [...args], { stdio: ["ignore", log, log], cwd: this.#folder });
    closeSync(log);
    const ended = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    });
    const server = { name, process: child, logFile, ended };
    this.#running.push(server);
    if (child.pid !== undefined) this.#leash.stdin?.write(`${child.pid}\n`);
    return server;
  }

  /** Polls until `ready`; throws with the end of the server's log if the server ends or the deadline passes. */
  async waitFor(server: Server, ready: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + READY_DEADLINE_MS;
    let ended = false;
    void server.ended.then(() => {
      ended = true;
    });
    for (;;) {
      // Until the server listens, connections are refused.
      if (await ready().catch(() => false)) return;
      if (ended || performance.now() > deadline) {
        const what = ended ? "ended before it was ready" : `was not ready within ${READY_DEADLINE_MS} ms`;
        const tail = readFileSync(server.logFile, "utf8").slice(-LOG_TAIL_CHARACTERS);
        throw new Error(`${server.name} ${what}; the end of its log:\n${tail}`);
      }
      await delay(50);
    }
  }

  /** The last started first: kube-apiserver does not end on SIGTERM once its etcd is gone. Nothing here is worth a graceful end. */
  async stop(): Promise<void> {
    process.off("exit", this.#onExit);
    for (let server = this.#running.pop(); server !== undefined; server = this.#running.pop()) {
      server.process.kill("SIGKILL");
      const late = delay(STOP_DEADLINE_MS, "late" as const, { ref: false });
      if ((await Promise.race([server.ended, late])) === "late") {
        throw new Error(
          `${server.name} (pid ${server.process.pid}) did not end within ${STOP_DEADLINE_MS} ms of SIGKILL`,
        );
      }
    }
    // Only now, when the ids that it knows are of nobody.
    this.#leash.kill("SIGKILL");
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #endNow(): void {
    for (const { process: child } of this.#running) child.kill("SIGKILL");
    this.#leash.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
