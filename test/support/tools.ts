/** Programs that tests use and npm does not bring: found beside the control plane's binaries, else on the path. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

const ORIGINS: Readonly<Record<string, string>> = {
  go: "Go, of the version that bench/peers asks for or newer",
  helm: "Helm 4",
  helm3: "Helm 3, under this name",
  promtool: "Debian's package prometheus",
};

function folders(): readonly string[] {
  return [process.env["KUBEBUILDER_ASSETS"] ?? "", ...(process.env["PATH"] ?? "").split(delimiter)].filter(Boolean);
}

/** Where a program is, by its name or by its whole path; undefined when it is not there. */
export function toolPath(name: string): string | undefined {
  const places = isAbsolute(name) ? [name] : folders().map((folder) => join(folder, name));
  return places.find((path) => existsSync(path));
}

/** Skips the test with a reason where a program is missing; fails instead if `ELECTORATE_REQUIRE_API_SERVER=1`. */
export function requireTools(context: { skip(reason: string): unknown }, ...names: readonly string[]): void {
  const missing = names.filter((name) => toolPath(name) === undefined);
  if (missing.length === 0) return;
  const reason = `needs ${missing.map((name) => `${name} (${ORIGINS[name] ?? "a program"})`).join(" and ")} on the path`;
  if (process.env["ELECTORATE_REQUIRE_API_SERVER"] === "1") throw new Error(reason);
  context.skip(reason);
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; `environment` is added to this process's, `input` is given on its standard input. */
export function runTool(
  name: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  input = "",
): Promise<Ran> {
  const path = toolPath(name);
  if (path === undefined) return Promise.reject(new Error(`${name} is not there`));
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, ...environment }, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(path, [...args], options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") reject(error);
      else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
    child.stdin?.end(input);
  });
}
