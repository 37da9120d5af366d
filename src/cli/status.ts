import { EXIT_CODES_HELP } from "./exit.ts";
import { commandAbout, outputOption } from "./subject-options.ts";

const EXAMPLES = `
Examples:
  electorate status                              the coordinators of the context's namespace
  electorate status --coordinator shop -n web    shards and members of one
  electorate status --config electorate.yaml --watch
  kubectl exec shop-0 -- /nodejs/bin/node /app/dist/cli/main.js status --coordinator shop --queues
  electorate status --coordinator shop -o json | jq '.shards[] | select(.state != "owned")'

It lists Leases: it needs the verb "list" on leases.coordination.k8s.io in the namespace. With --queues it also reads /metrics of
the members that hold shards, where their Leases say that they are: run it where those addresses can be reached, such as in a pod.
${EXIT_CODES_HELP}`;

/** `electorate status`: who holds which shard, as the Leases say. */
export function statusCommand() {
  return commandAbout("status", "all of the namespace")
    .description("Show the shards of a coordinator, who holds them, and its members.")
    .addOption(outputOption())
    .option("--queues", "show how many keys wait, are delayed and are in work, as each holder's /metrics says", false)
    .option("-w, --watch", "print it anew every two seconds, until Ctrl-C", false)
    .addHelpText("after", EXAMPLES)
    .action(async (options) => {
      const { showStatus } = await import("./status/show.ts");
      process.exitCode = await showStatus(options);
    });
}
