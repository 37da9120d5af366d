import { EXIT_CODES_HELP } from "./exit.ts";
import { commandAbout, outputOption } from "./subject-options.ts";

const EXAMPLES = `
Examples:
  electorate members                             of the only coordinator of the context's namespace
  electorate members --coordinator shop -n web -o wide
  electorate members --coordinator shop -o json | jq '.members[] | select(.state == "ready") | .address'

It lists Leases and nothing else: it needs the verb "list" on leases.coordination.k8s.io in the namespace.
${EXIT_CODES_HELP}`;

/** `electorate members`: who is there, and what each says of itself. */
export function membersCommand() {
  return commandAbout("members", "the only one of the namespace")
    .description("Show the members of a coordinator: their state, what is wanted of them, and what they hold.")
    .addOption(outputOption())
    .addHelpText("after", EXAMPLES)
    .action(async (options) => {
      const { showMembers } = await import("./status/ask.ts");
      await showMembers(options);
    });
}
