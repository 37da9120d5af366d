/** Runs vitest on planted tests: the totals decide whether a change passes, so they must not be kinder than the run. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../../..");

interface Run {
  readonly status: number | null;
  readonly lastLines: readonly string[];
  readonly totalsFile: string;
}

function run(tests: Readonly<Record<string, string>>, environment: Readonly<Record<string, string>> = {}): Run {
  const cache = join(root, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "totals-"));
  try {
    for (const [name, body] of Object.entries(tests)) {
      const imports = 'import { beforeAll, describe, expect, it } from "vitest";';
      writeFileSync(join(folder, `${name}.test.ts`), `${imports}\n${body}\n`);
    }
    const reporter = join(root, "test/support/totals-reporter.ts");
    const settings = { root: folder, exclude: [], reporters: [reporter] };
    writeFileSync(join(folder, "vitest.config.ts"), `export default { test: ${JSON.stringify(settings)} };\n`);
    const totals = join(folder, "totals");
    const inherited = { ...process.env, ELECTORATE_REQUIRE_API_SERVER: "", ELECTORATE_TOTALS_FILE: totals };
    const { status, stdout } = spawnSync(join(root, "node_modules/.bin/vitest"), ["run"], {
      cwd: folder,
      encoding: "utf8",
      env: { ...inherited, ...environment },
    });
    return { status, lastLines: stdout.trim().split("\n").slice(-2), totalsFile: readFileSync(totals, "utf8") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const passing = 'it("passes", () => { expect(1).toBe(1); });';
const skipping = 'it("is skipped", (context) => { context.skip("there is no API server"); });';
const required = { ELECTORATE_REQUIRE_API_SERVER: "1" };

describe("the totals", () => {
  it("hide what was skipped, and why", () => {
    expect(run({ a: `${passing}${skipping}` })).toEqual({
      status: 0,
      lastLines: ["skipped: 1 (there is no API server)", "1 passed, 0 failed"],
      totalsFile: "1 passed, 0 failed\n",
    });
  });

  it("pass a run that had to use an API server and did not", () => {
    expect(run({ a: `${passing}${skipping}` }, required)).toEqual({
      status: 1,
      lastLines: [expect.stringContaining("FAILED because skipped"), "1 passed, 1 failed"],
      totalsFile: "1 passed, 1 failed\n",
    });
  });

  it("pass a run without any test", () => {
    expect(run({}, required)).toMatchObject({ status: 1, totalsFile: "0 passed, 1 failed\n" });
  });

  it("count tests only, and lose a hook, a file that does not load or a rejection that nobody awaited", () => {
    const { status, totalsFile } = run({
      a: `${passing} it("fails", () => { expect(1).toBe(2); });`,
      b: 'describe("a suite", () => { beforeAll(() => { throw new Error("hook"); }); it("never runs", () => {}); });',
      c: 'throw new Error("does not load");',
      d: 'it("leaves one behind", async () => { void Promise.reject(new Error("nobody")); await new Promise(setImmediate); });',
    });
    expect({ status, totalsFile }).toEqual({ status: 1, totalsFile: "2 passed, 4 failed\n" });
  });
});
