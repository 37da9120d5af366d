import { Command } from "@commander-js/extra-typings";
import { wholeNumber } from "./demo/settings.ts";

const EXAMPLES = `
Examples:
  electorate demo
  electorate demo --buckets 32 --objects 5000
  electorate demo --keep          then look around with kubectl, as the last lines say
  electorate demo --json | jq .steps

Exit codes:
  0    no key was lost or worked on twice at once, and every shard is owned
  1    that did not hold, or a replica failed; the summary says what
  130  stopped by Ctrl-C before the end`;

/** `electorate demo`: several replicas share shards, one joins, one leaves and one is killed, and the gaps are measured. */
export function demoCommand() {
  return new Command("demo")
    .description(
      "Show sharded election with a crash in under a minute: replicas as separate processes on an embedded API server, " +
        "with nothing else needed.",
    )
    .option("--replicas <n>", "replicas at the start; one more joins", wholeNumber(2, 16), 3)
    .option("--objects <n>", "objects to be reconciled", wholeNumber(10, 20_000), 1_000)
    .option("--buckets <n>", "buckets of the bucketed kind", wholeNumber(1, 256), 8)
    .option("--keep", "leave everything running until Ctrl-C and say how to reach it with kubectl")
    .option("--json", "print nothing but the summary, as JSON")
    .addHelpText("after", EXAMPLES)
    .action(async ({ keep = false, json = false, ...numbers }) => {
      // Not before it is needed: it brings the API server and the Kubernetes client.
      const { runDemo } = await import("./demo/run.ts");
      process.exitCode = await runDemo({ ...numbers, keep, json });
    });
}
