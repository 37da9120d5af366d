import { Command, CommanderError } from "@commander-js/extra-typings";
import { packageVersion } from "../kube/user-agent.ts";
import { configCommand } from "./config.ts";
import { demoCommand } from "./demo.ts";
import { EXIT_CODES_HELP, EXIT_FAILED, EXIT_OK, EXIT_USAGE, exitCodeOf, failureText, flushed } from "./exit.ts";
import { intentCommands } from "./intents.ts";
import { membersCommand } from "./members.ts";
import { planCommand } from "./plan.ts";
import { queueCommand } from "./queue.ts";
import { runCommand } from "./run.ts";
import { statusCommand } from "./status.ts";
import { whereCommand } from "./where.ts";

const EXAMPLES = `
Examples:
  electorate demo                                see it work, with nothing else needed
  electorate config example > electorate.yaml    a configuration with every key
  electorate run --config electorate.yaml        run one replica
  electorate status --coordinator shop           which replica holds which shard
  electorate drain shop-2 --wait                 move its shards to the other replicas
  electorate where configmaps default/cart       whose an object is
${EXIT_CODES_HELP}`;

/** The whole command line. Actions set `process.exitCode`; what they throw is told by {@link main}. */
function createProgram(): Command {
  const program: Command = new Command("electorate")
    .description(
      "Scale a Kubernetes controller out: every resource kind, or every hash bucket of one, is a shard with a Lease of its own.",
    )
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .showSuggestionAfterError()
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", EXAMPLES)
    .exitOverride();
  const asking = [statusCommand(), whereCommand(), membersCommand(), planCommand()];
  const running = [runCommand(), queueCommand(), configCommand(), demoCommand()];
  for (const command of [...running, ...asking, ...intentCommands()]) {
    command.copyInheritedSettings(program);
    for (const below of command.commands) below.copyInheritedSettings(program);
    program.addCommand(command);
  }
  return program;
}

/** Runs the command line and ends the process: what a handler's module left open must not keep a stopped replica alive. */
export async function main(args: readonly string[]): Promise<void> {
  process.stdout.on("error", leaveQuietly);
  const failure = await parse(args);
  if (failure !== undefined) process.exitCode = failure;
  await flushed();
  process.exit();
}

/** The exit code of a failure; `undefined` when the action ended by itself. */
async function parse(args: readonly string[]): Promise<number | undefined> {
  try {
    await createProgram().parseAsync([...args], { from: "user" });
    return undefined;
  } catch (error) {
    // commander has said it already; help and version are no failures.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    process.stderr.write(`error: ${failureText(error)}\n`);
    return exitCodeOf(error);
  }
}

/** `electorate status | head`: a reader that has seen enough is no failure. */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  process.exit(error.code === "EPIPE" ? EXIT_OK : EXIT_FAILED);
}
