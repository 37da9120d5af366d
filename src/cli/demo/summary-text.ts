import Table from "cli-table3";
import { DEFAULT_RENEWAL_FACTOR, DEFAULT_TIMINGS_TEXT, DEMO_TIMINGS_TEXT } from "./settings.ts";
import type { StepSummary, Summary } from "./summary.ts";
import { count, duration, type Paint, seconds } from "./view.ts";

/** The summary as a person reads it. Pure. */

export function summaryText(summary: Summary, paint: Paint): string {
  return [
    paint("bold", `What was measured in ${seconds(summary.elapsedMs)}`),
    stepTable(summary.steps, paint),
    ...factLines(summary, paint),
    ...verdict(summary, paint),
  ].join("\n");
}

function stepTable(steps: readonly StepSummary[], paint: Paint): string {
  const table = new Table({
    head: ["step", "took", "gaps", "p50", "max"].map((head) => paint("bold", head)),
    colAligns: ["left", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const step of steps) {
    table.push([step.title, seconds(step.tookMs), String(step.gaps), gap(step.p50GapMs), gap(step.maxGapMs)]);
  }
  return table.toString();
}

function gap(ms: number | undefined): string {
  return ms === undefined ? "-" : duration(ms);
}

function factLines(summary: Summary, paint: Paint): string[] {
  const { reconciles, leaseRequestsPerShardPerSecond: rate } = summary;
  const must = (number: number): string => paint(number === 0 ? "green" : "red", String(number));
  const holders = Object.entries(summary.shardsPerReplica).map(([name, held]) => `${name} ${held}`);
  const total = reconciles.total.toLocaleString("en-US");
  return [
    "A gap: nobody may act for a shard, from the old owner's gate closing (or its",
    "SIGKILL) to the new one's opening; a planned one waits for the keys in work.",
    `Reconciles  ${total} for ${count(summary.changes, "change")} (${reconciles.failed} failed and were tried again)`,
    `Duplicates  ${must(summary.duplicates)}, stale ${must(summary.stale)}, lost keys ${must(summary.lost)}, two owners at once ${must(summary.twoOwners)}`,
    `Shards      ${holders.join(", ") || "nobody is left"}`,
    ...(rate === undefined ? [] : [rateLine(rate)]),
    `Leases      ${DEMO_TIMINGS_TEXT} here (duration, renew deadline, retry period); by default`,
    `            ${DEFAULT_TIMINGS_TEXT}: up to 15 s after a crash, the same for a planned stop`,
  ];
}

function rateLine(rate: number): string {
  const byDefault = (rate / DEFAULT_RENEWAL_FACTOR).toFixed(2);
  return `Requests    ${rate.toFixed(2)} to Leases per shard per second (with the defaults about ${byDefault})`;
}

function verdict({ ok, violations, owned, shards }: Summary, paint: Paint): string[] {
  if (ok) return [paint("green", `✔ every key reconciled, none twice at once, ${owned} of ${shards} shards owned`)];
  return [paint("red", "✖ this must not happen:"), ...violations.map((violation) => `  - ${violation}`)];
}
