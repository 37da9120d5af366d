/**
 * The rules of the house, enforced: a rule that nobody checks is a wish. Each test is titled by what it is afraid of;
 * its failure lists `file:line`. `structure-rules.test.ts` plants small violations, so that the rules themselves can fail.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { describe, expect, it } from "vitest";
import { type SourceFile, sourceFile } from "./support/source-text.ts";
import {
  bannedGlobals,
  drawers,
  type ImportTable,
  importCycles,
  importsAgainstTheTable,
  importsOfNothing,
  inSource,
  longFiles,
  machinePaths,
  type PackageTable,
  packagesInForeignRooms,
  sourceFilesNamedInStrings,
  undocumentedNames,
  unsafeConstructs,
} from "./support/structure-rules.ts";

const ROOMS = [
  "runtime",
  "kube",
  "lease",
  "placement",
  "config",
  "membership",
  "election",
  "queue",
  "reconcile",
  "shard",
];

/**
 * Who may import whom. Reading order is the data's way; a file directly below `src` is a room of its own.
 * `type x`: only types of that room; `x/y.ts`: only that file.
 */
const IMPORTS: ImportTable = {
  runtime: [],
  kube: ["runtime"],
  lease: ["runtime", "kube"],
  placement: ["runtime"],
  config: [
    "runtime",
    "placement",
    "lease/names.ts",
    "type lease",
    "type kube",
    "type queue",
    "queue/bull/settings.ts",
    "queue/rate-limiter.ts",
    "type reconcile",
    "reconcile/update-filter.ts",
  ],
  membership: ["runtime", "lease", "kube", "type config"],
  election: ["runtime", "lease", "config", "membership", "placement", "kube/resource-version.ts"],
  queue: ["runtime"],
  reconcile: ["runtime", "kube", "queue", "placement"],
  shard: ["runtime", "election", "queue", "reconcile", "lease", "placement", "config", "kube/api.ts"],
  telemetry: ["runtime", "config", "type kube"],
  embedded: ["runtime", "kube"],
  coordinator: ["telemetry", ...ROOMS],
  "leader-election": ["telemetry", ...ROOMS],
  controller: ["coordinator", "telemetry", ...ROOMS],
  index: ["coordinator", "controller", "leader-election", "telemetry", ...ROOMS],
  cli: ["index", "coordinator", "telemetry", "embedded", ...ROOMS],
};

/** Who may use which package. One that is not here may be used nowhere in `src`. */
const PACKAGES: PackageTable = {
  "@kubernetes/client-node": ["kube"],
  undici: ["kube"],
  hashring: ["placement"],
  pino: ["telemetry"],
  "pino-pretty": ["telemetry"],
  "prom-client": ["telemetry"],
  bull: ["queue"],
  ioredis: ["queue"],
  zod: ["config", "cli"],
  yaml: ["config", "cli", "kube", "embedded"],
  commander: ["cli"],
  "@commander-js/extra-typings": ["cli"],
  "cli-table3": ["cli"],
  "log-update": ["cli"],
  // Doors to time and randomness; the global ones are in BANNED.
  "node:timers": ["runtime"],
  "node:timers/promises": ["runtime"],
  "node:perf_hooks": ["runtime"],
};

const root = resolve(import.meta.dirname, "..");

/** What git would not keep, and git itself. */
const NOT_OURS = new Set([".git", "node_modules", "dist", "coverage", ".vitest", "package-lock.json"]);

const paths = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) =>
    join(entry.parentPath, entry.name)
      .slice(root.length + 1)
      .split(sep)
      .join("/"),
  )
  .filter((path) => !path.split("/").some((part) => NOT_OURS.has(part)) && !/\.(?:log|tgz)$/.test(path));
const known = new Set(paths);
const textOf = (path: string): string => readFileSync(join(root, path), "utf8");
const files = paths
  .filter((path) => /^(?:src|test|bench|examples)\/.*\.ts$/.test(path) || path === "vitest.config.ts")
  .map((path) => sourceFile(path, textOf(path)));
const ours = (path: string): SourceFile => files.find((file) => file.path === path) ?? sourceFile(path, "");

describe("the repository", () => {
  it("has files to judge, or every rule below would pass on nothing", () => {
    expect(files.filter(inSource).length).toBeGreaterThan(10);
    expect(known).toContain("src/index.ts");
    expect(known).toContain("src/coordinator.ts");
    expect(known).toContain("README.md");
  });

  it("a room reaches into another and the reading order is lost", () => {
    expect(importsAgainstTheTable(files, IMPORTS)).toEqual([]);
  });

  it("a package spreads over rooms and can never be replaced", () => {
    expect(packagesInForeignRooms(files, PACKAGES)).toEqual([]);
  });

  it("two files import each other and neither can be understood alone", () => {
    expect(importCycles(files)).toEqual([]);
  });

  it("an import names a file that is not there, or one that Node cannot run", () => {
    expect(importsOfNothing(files, (path) => known.has(path))).toEqual([]);
  });

  it("a file is named by a .ts string and is missing in the published package", () => {
    expect(sourceFilesNamedInStrings(files)).toEqual([]);
  });

  it("something reads a clock, sets a timer, draws a random number or prints behind the simulator's back", () => {
    expect(bannedGlobals(files)).toEqual([]);
  });

  it("a type lies, or a leftover reaches a release", () => {
    expect(unsafeConstructs(files)).toEqual([]);
  });

  it("a file grows until nobody reads it whole", () => {
    expect(longFiles(files, (path) => (path === "src/coordinator.ts" ? 150 : 400))).toEqual([]);
  });

  it("a drawer collects what nobody found a name for", () => {
    expect(drawers(paths)).toEqual([]);
  });

  it("a path of the machine that it was written on breaks every other machine", () => {
    expect(paths.flatMap((path) => machinePaths(path, textOf(path)))).toEqual([]);
  });

  it("a public name says nothing about its meaning, units, defaults and errors", () => {
    expect(undocumentedNames(ours("src/index.ts"), files)).toEqual([]);
    expect(undocumentedNames(ours("src/embedded/index.ts"), files)).toEqual([]);
    expect(undocumentedNames(ours("src/queue/bull/index.ts"), files)).toEqual([]);
  });
});

describe("package-lock.json", () => {
  interface Locked {
    readonly optionalDependencies?: Readonly<Record<string, string>>;
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly devDependencies?: Readonly<Record<string, string>>;
  }
  const { packages } = JSON.parse(textOf("package-lock.json")) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const stated = JSON.parse(textOf("package.json")) as Locked;

  it("differs from package.json, and npm ci refuses it", () => {
    const { dependencies, devDependencies } = packages[""]!;
    expect({ dependencies, devDependencies }).toEqual({
      dependencies: stated.dependencies,
      devDependencies: stated.devDependencies,
    });
  });

  it("lacks the packages of another platform, and npm ci refuses it or installs nothing there", () => {
    const places = Object.keys(packages);
    const missing = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies).filter(
        (name) => !places.some((place) => place.endsWith(`node_modules/${name}`)),
      ),
    );
    expect(missing).toEqual([]);
  });
});
