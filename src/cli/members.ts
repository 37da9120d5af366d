import { Command } from "@commander-js/extra-typings";
import { EXIT_CODES_HELP } from "./exit.ts";
import {
  configOption,
  contextOption,
  coordinatorOption,
  kubeconfigOption,
  namespaceOption,
  outputOption,
} from "./subject-options.ts";

const EXAMPLES = `
Examples:
  electorate members                             of the only coordinator of the context's namespace
  electorate members --coordinator shop -n web -o wide
  electorate members --coordinator shop -o json | jq '.members[] | select(.state == "ready") | .address'

It lists Leases and nothing else: it needs the verb "list" on leases.coordination.k8s.io in the namespace.
${EXIT_CODES_HELP}`;

/** `electorate members`: who is there, and what each says of itself. */
export function membersCommand() {
  return new Command("members")
    .description("Show the members of a coordinator: their state, what is wanted of them, and what they hold.")
    .addOption(outputOption())
    .addOption(coordinatorOption("the only one of the namespace"))
    .addOption(configOption())
    .addOption(namespaceOption())
    .addOption(kubeconfigOption())
    .addOption(contextOption())
    .addHelpText("after", EXAMPLES)
    .action(async (options) => {
      const { showMembers } = await import("./status/ask.ts");
      await showMembers(options);
    });
}
