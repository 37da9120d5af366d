import { Command } from "@commander-js/extra-typings";
import { EXIT_CODES_HELP } from "./exit.ts";
import { readConfiguration, requiredConfig } from "./source.ts";

const EXAMPLES = `
Examples:
  electorate queue reset-epoch configmaps-03 --config electorate.yaml

After the API server was restored from a backup its numbers begin lower again, and Redis refuses every new owner of a shard, because the
last one registered a higher number. Stop nothing: forget that number, and the owner of now goes on within seconds. Keys and delays
are kept. Do it for no other reason: that number holds off a replica that lost its shard and does not know.
${EXIT_CODES_HELP}`;

/** `electorate queue`: what may have to be done to the queues in Redis by hand. */
export function queueCommand() {
  const command = new Command("queue").description("Repair the work queues that are in Redis.");
  command
    .command("reset-epoch")
    .description("Forget the epoch that Redis has for a shard, after the API server was restored from a backup.")
    .argument("<shard>", "shard as `electorate status` names it, such as configmaps-03")
    .option("-c, --config <file>", "configuration file that says where Redis is")
    .option("--kubeconfig <file>", "kubeconfig to use; default: KUBECONFIG, the pod's service account, ~/.kube/config")
    .option("--context <name>", "context of the kubeconfig; default: its current one")
    .addHelpText("after", EXAMPLES)
    .action(async (shard, options) => {
      const fileName = requiredConfig(options.config);
      const configuration = await readConfiguration(fileName);
      const { resetShardEpoch } = await import("./queue-reset.ts");
      process.stdout.write(`${await resetShardEpoch(shard, configuration, fileName, options)}\n`);
    });
  return command;
}
