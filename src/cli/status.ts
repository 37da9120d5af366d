import { Command, Option } from "@commander-js/extra-typings";
import { EXIT_CODES_HELP } from "./exit.ts";
import { OUTPUTS } from "./status/text.ts";

const EXAMPLES = `
Examples:
  electorate status                              the coordinators of the context's namespace
  electorate status --coordinator shop -n web    shards and members of one
  electorate status --config electorate.yaml --watch
  electorate status --coordinator shop -o json | jq '.shards[] | select(.state != "owned")'

It lists Leases and nothing else: it needs the verb "list" on leases.coordination.k8s.io in the namespace.
${EXIT_CODES_HELP}`;

/** `electorate status`: who holds which shard, as the Leases say. */
export function statusCommand() {
  return new Command("status")
    .description("Show the shards of a coordinator, who holds them, and its members.")
    .addOption(new Option("-o, --output <format>", "how to print it").choices(OUTPUTS).default("table" as const))
    .addOption(
      new Option("--coordinator <name>", "coordinator to show; default: all of the namespace").conflicts("config"),
    )
    .option("-c, --config <file>", "configuration file that names the coordinator and its namespace")
    .option("-n, --namespace <name>", "namespace of the Leases; default: the configuration's, else the context's")
    .option("--kubeconfig <file>", "kubeconfig to use; default: KUBECONFIG, the pod's service account, ~/.kube/config")
    .option("--context <name>", "context of the kubeconfig; default: its current one")
    .option("-w, --watch", "print it anew every two seconds, until Ctrl-C", false)
    .addHelpText("after", EXAMPLES)
    .action(async (options) => {
      const { showStatus } = await import("./status/show.ts");
      process.exitCode = await showStatus(options);
    });
}
