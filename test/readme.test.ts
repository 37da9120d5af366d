/**
 * README.md is the first code that a user copies: its samples must compile against this package, strictly, and what it
 * names must exist. The same checks run on a small fixture with planted faults, so that they can fail.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import {
  filesOf,
  npmScriptsOf,
  proofsOf,
  rowsWithoutProof,
  type Sample,
  samplesOf,
} from "./support/document-claims.ts";

const root = resolve(import.meta.dirname, "..");
const textOf = (path: string): string => readFileSync(join(root, path), "utf8");
const { scripts } = JSON.parse(textOf("package.json")) as { readonly scripts: Readonly<Record<string, string>> };

/** Below node_modules, so that the packages of this repository are found by walking up. */
function cacheFolder(): string {
  const cache = join(root, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  return cache;
}

/** What a user's strict project says about the samples, with the line of the document in front. */
function compile(samples: readonly Sample[], paths: Readonly<Record<string, readonly string[]>>): readonly string[] {
  if (samples.length === 0) return [];
  const folder = mkdtempSync(join(cacheFolder(), "samples-"));
  try {
    const files = samples.map(({ language }, index) => `sample-${index}.${language}`);
    // `export {}` makes a module of a sample without imports, so that two of them may use the same names.
    for (const [index, file] of files.entries()) {
      writeFileSync(join(folder, file), `${samples[index]!.code}\nexport {};\n`);
    }
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: settings(paths), files }));
    const tsc = join(root, "node_modules/.bin/tsc");
    const { status, stdout, error } = spawnSync(tsc, ["--pretty", "false"], { cwd: folder, encoding: "utf8" });
    if (error !== undefined) throw error;
    const faults = stdout.split("\n").filter((line) => line.includes("error TS"));
    if (status !== 0 && faults.length === 0) throw new Error(`tsc ended with ${status}: ${stdout}`);
    return faults.map((fault) =>
      fault.replace(/^sample-(\d+)\.\w+\((\d+),/, (_, index: string, line: string) => {
        return `line ${samples[Number(index)]!.line + Number(line) - 1} (`;
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function settings(paths: Readonly<Record<string, readonly string[]>>): unknown {
  return {
    target: "es2024",
    lib: ["es2024", "esnext.disposable"],
    module: "nodenext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    allowImportingTsExtensions: true,
    allowJs: true,
    checkJs: true,
    skipLibCheck: true,
    noEmit: true,
    paths,
  };
}

describe("README.md", () => {
  // Missing, it fails every test below: each wants at least one claim to check.
  const readme = existsSync(join(root, "README.md")) ? textOf("README.md") : "";

  it("a sample does not compile for the user who copies it", () => {
    const samples = samplesOf(readme);
    expect(samples.length).toBeGreaterThan(0);
    const doors = {
      electorate: [join(root, "src/index.ts")],
      "electorate/testing": [join(root, "src/embedded/index.ts")],
      "electorate/queue/bull": [join(root, "src/queue/bull/index.ts")],
    };
    expect(compile(samples, doors)).toEqual([]);
  });

  it("a working sharded controller has grown past 15 lines", () => {
    const controller = samplesOf(readme).find(({ code }) => code.includes("createCoordinator("));
    const lines = controller?.code.split("\n").filter((line) => line.trim() !== "") ?? [];
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(15);
  });

  it("a command is named that does not exist", () => {
    expect(npmScriptsOf(readme).length).toBeGreaterThan(0);
    expect(npmScriptsOf(readme).filter(({ name }) => scripts[name] === undefined)).toEqual([]);
  });

  it("a guarantee names a test, or a link a page, that is not there", () => {
    expect(filesOf(readme).length).toBeGreaterThan(0);
    expect(filesOf(readme).filter(({ name }) => !existsSync(join(root, name)))).toEqual([]);
  });
});

describe("PARITY.md", () => {
  const parity = textOf("PARITY.md");
  const proofs = proofsOf(parity);

  it("a feature is claimed that no test shows", () => {
    expect(proofs.length).toBeGreaterThan(0);
    expect(rowsWithoutProof(parity)).toEqual([]);
  });

  it("a test is named that is not there, or says something else", () => {
    const wrong = proofs.filter(({ file, title }) => !existsSync(join(root, file)) || !textOf(file).includes(title));
    expect(wrong).toEqual([]);
  });

  it("a test of the suite is named nowhere, and its feature is not found", () => {
    const folder = "test/integration/parity";
    const cases = readdirSync(join(root, folder)).flatMap((name) => {
      const file = `${folder}/${name}`;
      return [...textOf(file).matchAll(/(?:\btitle:|\b(?:test|it)\()\s*"([^"]+)"/g)].map(([, title = ""]) => ({
        file,
        title,
      }));
    });
    expect(cases.length).toBeGreaterThan(0);
    const isNamed = (known: { file: string; title: string }): boolean =>
      proofs.some(({ file, title }) => file === known.file && known.title.includes(title));
    expect(cases.filter((known) => !isNamed(known))).toEqual([]);
  });

  it("names a link that leads nowhere", () => {
    expect(filesOf(parity).filter(({ name }) => !existsSync(join(root, name)))).toEqual([]);
  });
});

describe("the checks of a document", () => {
  const fixture = [
    "# Fixture",
    "```ts",
    'import { answer } from "electorate";',
    "const doubled: string = answer * 2;",
    "```",
    "Run `npm run demo`, `npm run -s lint:all`, then `npm test`. See [the map](docs/map.md#north), [elsewhere](https://example.org/a.md)",
    "and `test/unit/gate.test.ts`.",
    "- in a list:",
    "  ```js",
    '  import { nothing } from "electorate";',
    "  nothing();",
    "  ```",
    "```sh",
    "npm run missing",
    "```",
    "~~~typescript",
    "const answer: number = 42;",
    "~~~",
  ].join("\n");

  it("overlook a fence, or take a shell for TypeScript", () => {
    expect(samplesOf(fixture)).toEqual([
      { language: "ts", line: 3, code: 'import { answer } from "electorate";\nconst doubled: string = answer * 2;\n' },
      { language: "js", line: 10, code: 'import { nothing } from "electorate";\nnothing();\n' },
      { language: "ts", line: 17, code: "const answer: number = 42;\n" },
    ]);
  });

  it("accept a sample with a wrong type or an unknown name", () => {
    const folder = mkdtempSync(join(cacheFolder(), "fixture-"));
    try {
      const door = join(folder, "door.ts");
      writeFileSync(door, "export const answer = 42;\n");
      expect(compile(samplesOf(fixture), { electorate: [door] })).toEqual([
        expect.stringMatching(/^line 4 \(.*TS2322/),
        expect.stringMatching(/^line 10 \(.*TS2305/),
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("overlook a row that names no test", () => {
    const table = [
      "| feature | test |",
      "| :-- | --- |",
      '| a | `test/a.test.ts` "b fails" |',
      "| b | `test/b.test.ts` |",
    ];
    expect(rowsWithoutProof(table.join("\n"))).toEqual([4]);
    expect(proofsOf(table.join("\n"))).toEqual([{ file: "test/a.test.ts", title: "b fails", line: 3 }]);
  });

  it("overlook a script or a file", () => {
    expect(npmScriptsOf(fixture)).toEqual([
      { name: "demo", line: 6 },
      { name: "lint:all", line: 6 },
      { name: "missing", line: 14 },
      { name: "test", line: 6 },
    ]);
    expect(filesOf(fixture)).toEqual([
      { name: "docs/map.md", line: 6 },
      { name: "test/unit/gate.test.ts", line: 7 },
    ]);
  });
});
