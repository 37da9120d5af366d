/** On what a result was measured: versions and the machine, without anything that only this machine would know. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { z } from "zod";

const ROOT = join(import.meta.dirname, "../..");

export const environmentSchema = z.object({
  /** Commit of this repository; ends with `+` when files were changed. */
  commit: z.string(),
  electorate: z.string(),
  node: z.string(),
  apiServer: z.string(),
  /** Peer to its version, or why it was left out. */
  peers: z.record(z.string(), z.string()),
  cpu: z.string(),
  cores: z.number(),
  memoryGiB: z.number(),
  system: z.string(),
});

export type Environment = z.output<typeof environmentSchema>;

export function environmentWith(apiServer: string, peers: Readonly<Record<string, string>>): Environment {
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")));
  return {
    commit: commit(),
    electorate: version,
    node: process.version,
    apiServer,
    peers: { ...peers },
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release().split("-")[0] ?? ""}`,
  };
}

/** Processes that wanted to run in the last minute: above the cores, figures are of a busy machine. */
export function loadAverage(): number {
  return Math.round((loadavg()[0] ?? Number.NaN) * 100) / 100;
}

function commit(): string {
  try {
    const git = (...args: string[]): string => execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
    // Results change while they are measured; what is measured does not.
    const changed = git("status", "--porcelain", "--", "src", "bench", ":!bench/results", ":!bench/README.md");
    return `${git("rev-parse", "--short=10", "HEAD")}${changed === "" ? "" : "+"}`;
  } catch {
    return "unknown";
  }
}
