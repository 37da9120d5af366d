import { Command } from "@commander-js/extra-typings";
import { EXAMPLE_CONFIGURATION } from "../config/example.ts";
import { loadHandlers } from "../config/handlers.ts";
import { configurationJsonSchema } from "../config/schema.ts";
import { readConfiguration, requiredConfig } from "./source.ts";

/** `electorate config`: what a configuration may hold, and whether one is right. */
export function configCommand() {
  const command = new Command("config").description(
    "Print an example of the configuration, print its JSON Schema, or check one.",
  );
  command
    .command("example")
    .description("Print a configuration with every key, its default and its meaning.")
    .action(() => {
      process.stdout.write(EXAMPLE_CONFIGURATION);
    });
  command
    .command("schema")
    .description("Print the JSON Schema of the configuration, for editors.")
    .action(() => {
      process.stdout.write(`${JSON.stringify(configurationJsonSchema(), undefined, 2)}\n`);
    });
  command
    .command("check")
    .description("Check a configuration and load its handlers, without reaching for an API server.")
    .option("-c, --config <file>", "configuration file")
    .action(async ({ config }) => {
      const fileName = requiredConfig(config);
      const configuration = await readConfiguration(fileName);
      await loadHandlers(configuration.resources);
      const shards = configuration.resources.reduce((sum, { buckets }) => sum + buckets, 0);
      const resources = configuration.resources.map(({ resource }) => resource).join(", ");
      process.stdout.write(
        `${fileName} is right: coordinator ${configuration.coordinator}, ${shards} shards of ${resources}\n`,
      );
    });
  return command;
}
