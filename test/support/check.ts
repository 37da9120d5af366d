/**
 * `npm run check`: everything that can be said about the code without running the product.
 *
 * Every step runs even when an earlier one failed, so that one run shows everything there is to repair;
 * a step that passes says one line, a step that fails says all it has.
 */
import { spawnSync } from "node:child_process";

interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

const steps: readonly Step[] = [
  { name: "format and plain lint", command: ["biome", "check", "--error-on-warnings", "."] },
  { name: "type-aware lint", command: ["oxlint", "--type-aware", "--deny-warnings"] },
  { name: "types", command: ["tsc", "--noEmit"] },
  { name: "structure and samples", command: ["vitest", "run", "--project", "structure"] },
  { name: "dead code and dependencies", command: ["knip", "--no-progress"] },
  { name: "the benchmark's report", command: ["node", "bench/main.ts", "report", "--check"] },
  { name: "the packed package", command: ["node", "test/support/check-package.ts"] },
];

let failed = 0;
for (const { name, command } of steps) {
  process.stdout.write(`check: ${name} ... `);
  const startedMs = performance.now();
  const { status, stdout, stderr, error } = spawnSync(command[0], command.slice(1), { encoding: "utf8" });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  if (status === 0) {
    console.log(`ok, ${seconds} s`);
    continue;
  }
  failed += 1;
  console.log(`FAILED, ${seconds} s: ${command.join(" ")}`);
  console.log(
    error === undefined ? `${stdout}${stderr}` : `${error.message}; run it as \`npm run check\` after \`npm ci\``,
  );
}
if (failed > 0) console.log(`check: ${failed} of ${steps.length} steps failed`);
process.exitCode = failed > 0 ? 1 : 0;
