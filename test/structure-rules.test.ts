/** Plants one violation after the other: each rule of `structure.test.ts` must find it, and must leave the harmless alone. */
import { describe, expect, it } from "vitest";
import { type SourceFile, sourceFile } from "./support/source-text.ts";
import {
  bannedGlobals,
  drawers,
  importCycles,
  importsAgainstTheTable,
  importsOfNothing,
  longFiles,
  machinePaths,
  packagesInForeignRooms,
  sourceFilesNamedInStrings,
  undocumentedNames,
  unsafeConstructs,
} from "./support/structure-rules.ts";

describe("the scanner", () => {
  const scan = (text: string): SourceFile => sourceFile("src/lease/planted.ts", text);

  it("takes a comment or a string for code", () => {
    const { code } = scan(
      'const a = "Date.now()"; // Date.now()\n/* Date.now() */ const b = `Date.now() ${c("Date.now")}`;',
    );
    expect(code).not.toContain("Date.now");
    expect(code).toContain("const a = ");
    expect(code.split("\n")[1]).toContain("${c(");
  });

  it("loses code after a regular expression with a quote, a division or a nested template", () => {
    const { code } = scan("const r = /[\"'/`]/g; const q = a / b / c; const t = `x${`y${z}`}` + { a: 1 }.a; here();");
    expect(code).toContain("a / b / c");
    expect(code).toContain("here();");
  });

  it("misses a form of import, or finds one in a string or a comment", () => {
    const text = [
      'import { a } from "./a.ts";',
      "import type { B }",
      '  from "./b.ts";',
      'export { c, type D } from "./c.ts";',
      'import "./d.ts";',
      'const e = await import("./e.ts");',
      "export * from './f.ts';",
      "const text = \"import x from './g.ts'\"; // import './h.ts'",
      'const from = "./i.ts"; const important = ["./j.ts"];',
    ].join("\n");
    expect(scan(text).imports).toEqual([
      { specifier: "./a.ts", line: 1, typeOnly: false },
      { specifier: "./b.ts", line: 2, typeOnly: true },
      { specifier: "./c.ts", line: 4, typeOnly: false },
      { specifier: "./d.ts", line: 5, typeOnly: false },
      { specifier: "./e.ts", line: 6, typeOnly: false },
      { specifier: "./f.ts", line: 7, typeOnly: false },
    ]);
  });

  it("goes on after it lost its way", () => {
    expect(() => scan("const a = { b: 1;")).toThrow("src/lease/planted.ts");
  });
});

describe("planted violations", () => {
  const plant = (path: string, ...lines: readonly string[]): SourceFile => sourceFile(path, `${lines.join("\n")}\n`);

  it("lets a forbidden import direction pass", () => {
    const table = { runtime: [], lease: ["runtime"], config: ["type kube"], election: ["lease", "kube/version.ts"] };
    const planted = [
      plant("src/runtime/clock.ts", 'import { a } from "../kube/api.ts";'),
      plant("src/config/options.ts", 'import type { A } from "../kube/api.ts";', 'import { b } from "../kube/api.ts";'),
      plant("src/election/step.ts", 'import { c } from "../lease/record.ts";', 'import { d } from "../cli/main.ts";'),
      plant(
        "src/election/version.ts",
        'import { d } from "../kube/version.ts";',
        'import { d } from "../kube/api.ts";',
      ),
      plant("src/newroom/file.ts", ""),
      plant("src/lease/record.ts", 'import { e } from "../../test/support/e.ts";'),
    ];
    expect(importsAgainstTheTable(planted, table)).toEqual([
      "src/runtime/clock.ts:1: runtime may not import kube (../kube/api.ts)",
      "src/config/options.ts:2: config may not import kube (../kube/api.ts)",
      "src/election/step.ts:2: election may not import cli (../cli/main.ts)",
      "src/election/version.ts:2: election may not import kube (../kube/api.ts)",
      "src/newroom/file.ts:1: the room newroom is not in the import table",
      "src/lease/record.ts:1: ../../test/support/e.ts is outside src",
    ]);
  });

  it("lets a package, a subpath of it or a door to time into a foreign room", () => {
    const packages = { undici: ["kube"], "node:timers/promises": ["runtime"] };
    const planted = [
      plant("src/kube/http.ts", 'import { Agent } from "undici";', 'import { createHash } from "node:crypto";'),
      plant("src/lease/store.ts", 'import { Agent } from "undici/agent";'),
      plant("src/shard/shard.ts", 'import { setTimeout as wait } from "node:timers/promises";'),
      plant("src/queue/queue.ts", 'import got from "got";'),
    ];
    expect(packagesInForeignRooms(planted, packages)).toEqual([
      "src/lease/store.ts:1: only kube may import undici",
      "src/shard/shard.ts:1: only runtime may import node:timers/promises",
      "src/queue/queue.ts:1: only no room may import got",
    ]);
  });

  it("overlooks a cycle of three files, or of one", () => {
    const planted = [
      plant("src/lease/a.ts", 'import { b } from "./b.ts";'),
      plant("src/lease/b.ts", 'import type { C } from "./c.ts";'),
      plant("src/lease/c.ts", 'import { a } from "./a.ts";'),
      plant("src/lease/d.ts", 'import { d } from "./d.ts";', 'import { a } from "./a.ts";'),
    ];
    expect(importCycles(planted)).toEqual([
      "src/lease/a.ts:1: import cycle src/lease/a.ts -> src/lease/b.ts -> src/lease/c.ts -> src/lease/a.ts",
      "src/lease/d.ts:1: import cycle src/lease/d.ts -> src/lease/d.ts",
    ]);
  });

  it("believes in files that are not there", () => {
    const planted = [plant("src/lease/a.ts", 'import { b } from "./b.ts";', 'import { c } from "./c";')];
    expect(importsOfNothing(planted, (path) => path === "src/lease/c")).toEqual([
      "src/lease/a.ts:1: ./b.ts does not exist",
      "src/lease/a.ts:2: ./c does not end in .ts",
    ]);
  });

  it("lets a worker's file be named in a string", () => {
    const planted = plant(
      "src/shard/a.ts",
      'import { b } from "./b.ts";',
      'new Worker(new URL("./watchdog.ts", import.meta.url));',
      'const file = built ? "./other.js" : "./other.ts";',
    );
    expect(sourceFilesNamedInStrings([planted])).toEqual([
      'src/shard/a.ts:2: "./watchdog.ts" is not there in the built package',
    ]);
  });

  it.each([
    ["Date.now()", "const at = Date.now();"],
    ["new Date()", "const at = new Date();"],
    ["new Date", "const at = new Date;"],
    ["setTimeout", "setTimeout(go, 5);"],
    ["globalThis.setInterval", "globalThis.setInterval(go, 5);"],
    ["setImmediate as a value", "const later = setImmediate;"],
    ["Math.random", "const r = Math.random();"],
    ["performance.now", "performance.now();"],
    ["process.hrtime", "process.hrtime.bigint();"],
    ["crypto.randomUUID", "crypto.randomUUID();"],
    ["an imported randomUUID", 'import { randomUUID } from "node:crypto";'],
    ["AbortSignal.timeout", "AbortSignal.timeout(5);"],
    ["console", 'console.log("here");'],
  ])("lets %s pass", (_name, line) => {
    expect(bannedGlobals([plant("src/lease/a.ts", "", line)])).toEqual([
      expect.stringMatching(/^src\/lease\/a\.ts:2: .* is banned here/),
    ]);
    expect(bannedGlobals([plant("test/unit/a.test.ts", line)])).toEqual([]);
  });

  it.each([
    "const at = new Date(wallMs).toISOString();",
    "/** Never Date.now() here. */",
    'const text = "setTimeout(";',
    "socket.setTimeout(5);",
    "const at = clock.wallMs();",
  ])("forbids what is harmless: %s", (line) => {
    expect(bannedGlobals([plant("src/lease/a.ts", line)])).toEqual([]);
  });

  it.each([
    "const a: any = 1;",
    "const a = b as any;",
    "let a: Array<any>;",
    "it.only(",
    "// @ts-ignore",
    "// TODO later",
  ])("lets %s pass", (line) => {
    const closed = line.endsWith("(") ? `${line}"x");` : line;
    expect(unsafeConstructs([plant("src/lease/a.ts", closed)])).toHaveLength(1);
  });

  it("forbids what only looks unsafe", () => {
    const planted = plant(
      "src/lease/a.ts",
      "// any reader: any writer",
      'const todo = "as any";',
      "AbortSignal.any([a]);",
    );
    expect(unsafeConstructs([planted])).toEqual([]);
  });

  it("counts lines wrongly at the limit", () => {
    const long = (lines: number): SourceFile => plant("src/lease/a.ts", ...Array.from({ length: lines }, () => "//"));
    expect(longFiles([long(400)], () => 400)).toEqual([]);
    expect(longFiles([long(401)], () => 400)).toEqual([
      "src/lease/a.ts:401: 401 lines, and at most 400 are read at once",
    ]);
  });

  it("misses a drawer, or sees one in a word", () => {
    expect(drawers(["src/lease/utils.ts", "src/common/a.ts", "src/kube/types.d.ts"])).toHaveLength(3);
    expect(drawers(["src/lease/commonplace.ts", "src/kube/event-types.ts"])).toEqual([]);
  });

  it("misses a path of a machine, or sees one in an address", () => {
    const dir = "work";
    expect(machinePaths("README.md", `cd\n/${dir}/main`)).toEqual([`README.md:2: /${dir}/ is a path of one machine`]);
    expect(machinePaths("README.md", `https://example.org/${dir}/main ./${dir}/x`)).toEqual([]);
    expect(machinePaths("test/a.ts", `..${"/shared"}/x`)).toHaveLength(1);
    expect(machinePaths(".ci/run", `..${"/shared"}/x`)).toEqual([]);
  });

  it("takes a comment of something else for a docstring", () => {
    const record = plant(
      "src/lease/record.ts",
      "/** What a Lease says. */",
      "export interface LeaseRecord {}",
      "/** Not of the next one. */",
      "const a = 1;",
      "export function heldBy(): void {}",
      "// no docstring",
      "export class Store {}",
    );
    const passing = plant("src/lease/index.ts", 'export { heldBy } from "./record.ts";');
    const door = plant(
      "src/index.ts",
      'export { Store, type LeaseRecord } from "./lease/record.ts";',
      'export { heldBy } from "./lease/index.ts";',
      'export * from "./lease/record.ts";',
    );
    expect(undocumentedNames(door, [record, passing, door])).toEqual([
      "src/index.ts:1: Store has no docstring in ./lease/record.ts",
      "src/index.ts:2: heldBy has no docstring in ./lease/index.ts",
      "src/index.ts:3: export * hides what is public",
    ]);
  });
});
