/**
 * Checks the package as its users get it: built, packed, unpacked beside nothing of this repository but its dependencies.
 *
 * It must pass publint and attw, all its doors must load in plain Node and type-check in a strict consumer without
 * `skipLibCheck`, and its command must start. Without any network: the dependencies are this repository's own.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** Below node_modules, so that dependencies are found by walking up, as in a real installation. */
const cache = resolve("node_modules/.cache");

function run(name: string, command: readonly [string, ...string[]], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command[0], command.slice(1), { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${name}: ${error?.message ?? `exit code ${status}`}\n${stdout}${stderr}`);
  return stdout;
}

/** Builds and packs into `folder`; returns the tarball. */
function pack(folder: string): string {
  run("npm pack", ["npm", "pack", "--pack-destination", folder], ".");
  const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  if (tarball === undefined) throw new Error(`npm pack left no tarball in ${folder}`);
  return join(folder, tarball);
}

/** A program that uses every door; `typeof import` makes the compiler read every declaration behind them. */
const consumer = `import * as electorate from "electorate";
import * as bull from "electorate/queue/bull";
import * as testing from "electorate/testing";
const doors: readonly [typeof import("electorate"), typeof import("electorate/testing"), typeof import("electorate/queue/bull")] = [electorate, testing, bull];
for (const door of doors) if (Object.keys(door).length === 0) throw new Error("a door of the package exports nothing");
`;

const consumerSettings = {
  compilerOptions: {
    target: "es2024",
    lib: ["es2024", "esnext.disposable"],
    module: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: ["node"],
    noEmit: true,
  },
  include: ["consumer.ts"],
};

/** Faults in declarations of other packages are theirs: only what is said about ours or the consumer counts. */
function checkTypes(folder: string): void {
  writeFileSync(join(folder, "consumer.ts"), consumer);
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(consumerSettings));
  const { stdout } = spawnSync("tsc", ["--pretty", "false", "-p", "."], { cwd: folder, encoding: "utf8" });
  const ours = stdout.split("\n").filter((line) => /^(node_modules\/electorate\/|consumer\.ts|error)/.test(line));
  if (ours.length > 0) throw new Error(`types of the package in a strict consumer:\n${ours.join("\n")}`);
}

mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, "electorate-package-"));
try {
  const tarball = pack(folder);
  run("publint", ["publint", "run", "--strict", tarball], ".");
  run("attw", ["attw", "--profile", "esm-only", "--no-emoji", "--no-color", tarball], ".");

  const installed = join(folder, "node_modules/electorate");
  mkdirSync(installed, { recursive: true });
  run("tar", ["tar", "-xzf", tarball, "--strip-components=1", "-C", installed], ".");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  writeFileSync(join(folder, "consumer.js"), consumer.replace(/^const doors: .* =/m, "const doors ="));
  run("import in Node", ["node", "consumer.js"], folder);
  checkTypes(folder);

  const { version, bin } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
    readonly version: string;
    readonly bin: { readonly electorate: string };
  };
  const main = join(installed, bin.electorate);
  if (!readFileSync(main, "utf8").startsWith("#!/usr/bin/env node\n")) throw new Error(`${bin.electorate}: no #! line`);
  const shown = run("electorate --version", ["node", main, "--version"], folder).trim();
  if (shown !== version) throw new Error(`electorate --version says ${shown}, package.json says ${version}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
