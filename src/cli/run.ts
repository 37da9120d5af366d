import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { loadHandlers } from "../config/handlers.ts";
import { LOG_LEVELS } from "../telemetry/log.ts";
import { EXIT_CODES_HELP } from "./exit.ts";
import { flagsOf } from "./overrides.ts";
import { readConfiguration, requiredConfig } from "./source.ts";

const EXAMPLES = `
Examples:
  electorate run --config electorate.yaml
  electorate run --config electorate.yaml --kubeconfig ~/.kube/config --context kind-dev --identity laptop
  electorate run --config electorate.yaml --leader-elect=false --http-address none
  electorate run --config electorate.yaml --leader-elect-lease-duration 30s --leader-elect-renew-deadline 20s

The first SIGTERM or SIGINT stops the replica: it takes no new work, lets what runs end, and gives its shards back. The second
ends the process at once; its Leases are then left to expire.
${EXIT_CODES_HELP}`;

/** `electorate run`: one replica. */
export function runCommand() {
  return new Command("run")
    .description("Run one replica of a sharded controller.")
    .option("-c, --config <file>", "configuration file; `electorate config example` prints one")
    .option("--kubeconfig <file>", "kubeconfig to use; default: KUBECONFIG, the pod's service account, ~/.kube/config")
    .option("--context <name>", "context of the kubeconfig; default: its current one")
    .option("--identity <name>", "name of this replica, without a _; default: POD_NAME, else the host name")
    .addOption(
      new Option(
        "--leader-elect [boolean]",
        "false works on everything without any Lease; default: what the configuration says, for this and the next ones",
      )
        .argParser(trueOrFalse)
        .preset("true"),
    )
    .addOption(
      new Option("--enable-leader-election [boolean]", "older name of --leader-elect")
        .argParser(trueOrFalse)
        .preset("true"),
    )
    .option("--leader-elect-lease-duration <duration>", "lease.duration of the configuration, such as 15s")
    .option("--leader-elect-renew-deadline <duration>", "lease.renewDeadline, such as 10s")
    .option("--leader-elect-retry-period <duration>", "lease.retryPeriod, such as 2s")
    .option("--leader-elect-resource-lock <kind>", "only leases; for an older lock see runLeaderElection")
    .option("--leader-elect-resource-name <name>", "coordinator, the prefix of every Lease")
    .option("--leader-elect-resource-namespace <name>", "namespace of the Leases")
    .option(
      "--http-address <address>",
      'where /livez, /readyz and /metrics are served, "none" for nowhere; default: what the configuration says',
    )
    .addOption(
      new Option("--log-level <level>", "least level that is logged").choices(LOG_LEVELS).default("info" as const),
    )
    .addHelpText("after", EXAMPLES)
    .action(async (options) => {
      const configuration = await readConfiguration(requiredConfig(options.config), flagsOf(options));
      const handlers = await loadHandlers(configuration.resources);
      // Not before it is needed: it brings the Kubernetes client, which takes longer to load than `--help` to print.
      const { runReplica } = await import("./replica.ts");
      process.exitCode = await runReplica(configuration, handlers, options);
    });
}

function trueOrFalse(text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new InvalidArgumentError("It is true or false.");
}
