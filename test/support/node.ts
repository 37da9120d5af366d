/**
 * A real Kubernetes node in namespaces of its own, by the program that `ELECTORATE_CLUSTER` names: etcd, API server, controller
 * manager, scheduler, containerd, kubelet, pods. Nothing of it outlives the process that started it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ran, runTool, toolPath } from "./tools.ts";
import { until } from "./waiting.ts";

const PROGRAMS = ["helm", "buildah", "mmdebstrap", "runc", "nsenter", "ip", "openssl", "prometheus", "promtool"];
const API_SERVER_MS = 120_000;
const PLUGINS = "/usr/lib/cni/bridge";

/** Why no node can be started here, or undefined when one can. */
export function nodeMissing(): string | undefined {
  const program = process.env["ELECTORATE_CLUSTER"] ?? "";
  if (program === "") return "needs a real node: set ELECTORATE_CLUSTER to the program that starts one";
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "needs root on Linux, for a node in namespaces";
  const missing = PROGRAMS.filter((name) => toolPath(name) === undefined);
  if (!existsSync(PLUGINS)) missing.push("containernetworking-plugins");
  return missing.length === 0 ? undefined : `needs ${missing.join(", ")} for a real node`;
}

/** Skips the test with the reason where there is no node; fails instead if `ELECTORATE_REQUIRE_API_SERVER=1`. */
export function requireNode(context: { skip(reason: string): unknown }): void {
  const reason = nodeMissing();
  if (reason === undefined) return;
  if (process.env["ELECTORATE_REQUIRE_API_SERVER"] === "1") throw new Error(reason);
  context.skip(reason);
}

export class KubernetesNode {
  readonly folder: string;
  /** Ends the node when this process dies, however it does. */
  readonly #leash: ChildProcess;

  private constructor(folder: string) {
    this.folder = folder;
    const script = 'trap "" INT TERM HUP; read -r _; "$1" down "$2"; rm -rf "$2"';
    this.#leash = spawn("/bin/sh", ["-c", script, "leash", program(), folder], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#leash.unref();
  }

  static async start(): Promise<KubernetesNode> {
    const node = new KubernetesNode(mkdtempSync(join(tmpdir(), "electorate-node-")));
    await node.#verb("up", []);
    return node;
  }

  async stop(): Promise<void> {
    await this.#verb("down", []);
    this.#leash.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Where the kubelet keeps the logs of pods. */
  get logs(): string {
    return join(this.folder, "logs");
  }

  /** Runs a command in the node's namespaces; how it ended is the caller's to judge. */
  run(command: readonly string[], input = ""): Promise<Ran> {
    return runTool(program(), ["exec", this.folder, ...command], {}, input);
  }

  /** Runs a command in the node's namespaces that must succeed; answers what it said. */
  async exec(command: readonly string[], input = ""): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, input);
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  kubectl(args: readonly string[], input = ""): Promise<string> {
    return this.exec(["kubectl", ...args], input);
  }

  /** Starts a program in the node's namespaces that runs until the node is stopped; it writes into the folder's `<name>.log`. */
  async background(name: string, command: readonly string[]): Promise<void> {
    const log = join(this.folder, `${name}.log`);
    await this.exec(["/bin/sh", "-c", 'log=$1; shift; "$@" >"$log" 2>&1 </dev/null &', "sh", log, ...command]);
  }

  /** Stops the API server where it is, or ends it; answers how it goes on, or is started again. */
  async loseApiServer(how: "frozen" | "ended"): Promise<() => Promise<unknown>> {
    const signal = (name: string): Promise<string> =>
      this.exec(["/bin/sh", "-c", `kill -${name} $(pidof kube-apiserver)`]);
    if (how === "frozen") {
      await signal("STOP");
      return () => signal("CONT");
    }
    const words = await this.exec(["/bin/sh", "-c", "tr '\\0' '\\n' </proc/$(pidof kube-apiserver)/cmdline"]);
    await signal("KILL");
    return () => this.background("apiserver-again", words.trimEnd().split("\n"));
  }

  /** Waits until the API server answers. */
  async isReady(): Promise<void> {
    await until("the API server", API_SERVER_MS, async () => {
      const { code } = await this.run(["kubectl", "get", "--raw", "/readyz", "--request-timeout=5s"]);
      return code === 0;
    });
  }

  async load(archive: string): Promise<void> {
    await this.#verb("load", [archive]);
  }

  /** Cuts a pod's network: both ways, or only what comes back to it. */
  async cut(pod: string, what: "both" | "answers"): Promise<void> {
    await this.#verb("cut", what === "both" ? [pod] : [pod, what]);
  }

  async heal(pod: string): Promise<void> {
    await this.#verb("heal", [pod]);
  }

  async #verb(verb: string, args: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await runTool(program(), [verb, this.folder, ...args]);
    if (code !== 0) throw new Error(`the node's ${verb} ended with ${code}: ${stderr}${stdout}`);
  }
}

function program(): string {
  return process.env["ELECTORATE_CLUSTER"] ?? "";
}
