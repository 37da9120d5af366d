/**
 * The incumbents, built from `bench/peers` by the Go toolchain that is on the path, at the versions that their `go.sum` pins.
 * Where there is no toolchain, or a module cannot be had, the reason takes the place of the version, and the run goes on without them.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const SOURCES = join(import.meta.dirname, "../peers");
/** Fetching and compiling Kubernetes' client on two cores takes minutes, once. */
const BUILD_DEADLINE_MS = 600_000;

/** Peer to the module whose version counts. */
const MODULES = { "client-go": "k8s.io/client-go", knative: "knative.dev/pkg" } as const;
const isOurPeer = (name: string): name is keyof typeof MODULES => name in MODULES;

export interface Peers {
  /** Peer to its version, or why it was left out. */
  readonly versions: Readonly<Record<string, string>>;
  /** Path of the built program; `undefined` when it was left out. */
  program(peer: string): string | undefined;
  /** Removes the programs. */
  close(): void;
}

export async function buildPeers(wanted: ReadonlySet<string>, say: (line: string) => void): Promise<Peers> {
  const folder = mkdtempSync(join(tmpdir(), "electorate-peers-"));
  const versions: Record<string, string> = {};
  const programs = new Map<string, string>();
  for (const peer of wanted) {
    if (!isOurPeer(peer)) continue;
    const source = join(SOURCES, peer);
    const program = join(folder, peer);
    say(`building ${peer} with go`);
    try {
      const env = { ...process.env, GOFLAGS: "-mod=readonly -buildvcs=false" };
      const options = { cwd: source, env, timeout: BUILD_DEADLINE_MS };
      const { stdout } = await run("go", ["version"], options);
      await run("go", ["build", "-o", program, "."], options);
      programs.set(peer, program);
      versions[peer] = `${versionIn(source, MODULES[peer])}, ${stdout.trim().split(" ")[2] ?? "go"}`;
    } catch (error) {
      versions[peer] = `left out: ${reasonOf(error)}`;
      say(`${peer} is ${versions[peer]}`);
    }
  }
  return {
    versions,
    program: (peer) => programs.get(peer),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function versionIn(source: string, module: string): string {
  const line = readFileSync(join(source, "go.mod"), "utf8")
    .split("\n")
    .find((text) => text.includes(`${module} v`));
  return line?.trim().split(" ").at(-1) ?? "unknown";
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && error.code === "ENOENT") return "there is no Go toolchain on the path";
  const stderr = "stderr" in error && typeof error.stderr === "string" ? error.stderr.trim() : "";
  return (stderr === "" ? error.message : stderr).split("\n").at(-1) ?? "";
}
