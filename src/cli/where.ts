import { EXIT_CODES_HELP } from "./exit.ts";
import { commandAbout, outputOption } from "./subject-options.ts";

const EXAMPLES = `
Examples:
  electorate where configmaps default/cart       an object in a namespace
  electorate where nodes worker-3                one that lives in no namespace
  electorate where deployments.apps web/shop --coordinator shop -o json | jq -r '.shards[].holder'

It asks the API server which resource is meant, and lists Leases: it needs the verb "list" on leases.coordination.k8s.io
in the namespace of the Leases, and nothing on the object itself, which need not exist.
${EXIT_CODES_HELP}`;

/** `electorate where`: whose an object is. */
export function whereCommand() {
  return commandAbout("where", "the only one of the namespace that has shards of the resource")
    .description("Show which shard an object belongs to, who holds that shard, by which epoch and since when.")
    .argument("<resource>", "plural[.group], or another name that kubectl knows it by")
    .argument("<key>", "NAMESPACE/NAME, or NAME alone for a resource without namespaces")
    .addOption(outputOption())
    .addHelpText("after", EXAMPLES)
    .action(async (resource, key, options) => {
      const { showPlace } = await import("./status/ask.ts");
      await showPlace(resource, key, options);
    });
}
