/**
 * The last words of a test run.
 *
 * - Every skipped test is counted under the reason that it gave (`ctx.skip(reason)`), so that a run that proved less than
 *   it could says so.
 * - With ELECTORATE_REQUIRE_API_SERVER=1 a skipped test, or a run without any test, is a failure: a run that was given a
 *   real API server must use it.
 * - The totals are one line, `N passed, N failed`, also written to the file named by ELECTORATE_TOTALS_FILE. What fails
 *   outside a test (a file that does not load, a hook, an unhandled rejection) counts as one failure each.
 */
import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

export interface Totals {
  passed: number;
  failed: number;
  /** Skipped tests, by the reason they gave. */
  readonly skipped: Map<string, number>;
}

const NO_REASON = "no reason was given";

export function totalsOf(modules: readonly TestModule[], unhandledErrors: number): Totals {
  const totals: Totals = { passed: 0, failed: unhandledErrors, skipped: new Map() };
  for (const module of modules) {
    totals.failed += module.errors().length;
    for (const suite of module.children.allSuites()) totals.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === "passed") totals.passed += 1;
      else if (result.state === "skipped") {
        const reason = result.note ?? NO_REASON;
        totals.skipped.set(reason, (totals.skipped.get(reason) ?? 0) + 1);
      } else totals.failed += 1; // "pending": the run ended before the test did.
    }
  }
  return totals;
}

/** Moves what must not be skipped to the failures; returns what to say about it. */
export function requireEverything(totals: Totals): readonly string[] {
  const complaints: string[] = [];
  for (const [reason, count] of totals.skipped) {
    complaints.push(`FAILED because skipped although ELECTORATE_REQUIRE_API_SERVER=1: ${count} (${reason})`);
    totals.failed += count;
  }
  totals.skipped.clear();
  if (totals.passed + totals.failed === 0) {
    complaints.push("FAILED because no test ran");
    totals.failed = 1;
  }
  return complaints;
}

export function totalsLine(totals: Totals): string {
  return `${totals.passed} passed, ${totals.failed} failed`;
}

export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const totals = totalsOf(modules, unhandledErrors.length);
    const lines = process.env.ELECTORATE_REQUIRE_API_SERVER === "1" ? [...requireEverything(totals)] : [];
    for (const [reason, count] of totals.skipped) lines.push(`skipped: ${count} (${reason})`);
    lines.push(totalsLine(totals));
    // The default reporter writes its summary to the same stream just before.
    process.stdout.write(`\n${lines.join("\n")}\n`);
    if (totals.failed > 0) process.exitCode = 1;
    const file = process.env.ELECTORATE_TOTALS_FILE;
    if (file !== undefined && file !== "") writeFileSync(file, `${totalsLine(totals)}\n`);
  }
}
