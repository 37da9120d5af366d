import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { parseDuration } from "../config/duration.ts";
import { EXIT_CODES_HELP } from "./exit.ts";
import type { OrderSettings } from "./intents/give.ts";
import type { Order } from "./intents/orders.ts";
import type { Fleet } from "./intents/outlook.ts";
import { commandAbout } from "./subject-options.ts";

const NOTES = `
It writes an annotation into one Lease, which every replica watches; any machine with a kubeconfig will do. Asking twice changes nothing.
It needs the verbs list and patch on leases.coordination.k8s.io in the namespace, watch with --wait, and create for freeze.
${EXIT_CODES_HELP}`;

/** What people ask of a running coordinator. */
export function intentCommands() {
  return [drain(), cordon(), uncordon(), pin(), unpin(), freeze(), unfreeze()] as const;
}

function drain() {
  return waiting("drain", "Move every shard of a member to others, and give it none; it runs on.")
    .argument("<member>", "its name (the pod's), or its full identity")
    .action((member, options) => give(options, (orders, fleet) => orders.drain(fleet, member)));
}

function cordon() {
  return asking("cordon", "Give a member no more shards; it keeps what it has.")
    .argument("<member>", "its name (the pod's), or its full identity")
    .action((member, options) => give(options, (orders, fleet) => orders.cordon(fleet, member)));
}

function uncordon() {
  return waiting("uncordon", "Take back a drain or a cordon: the member is one like any other again.")
    .argument("<member>", "its name (the pod's), or its full identity")
    .action((member, options) => give(options, (orders, fleet) => orders.uncordon(fleet, member)));
}

function pin() {
  return waiting("pin", "Keep a shard on one member, and on its successors of the same name.")
    .argument("<shard>", "such as configmaps-03")
    .argument("<member>", "its name (the pod's), or its full identity")
    .action((shard, member, options) => give(options, (orders, fleet) => orders.pin(fleet, shard, member)));
}

function unpin() {
  return waiting("unpin", "Let a shard go where the plan wants it.")
    .argument("<shard>", "such as configmaps-03")
    .action((shard, options) => give(options, (orders, fleet) => orders.unpin(fleet, shard)));
}

function freeze() {
  return asking("freeze", "Move no shard that has a live holder; what dies or leaves is taken over all the same.")
    .option("--by <name>", "who asks, for others to see; default: this user at this host")
    .action(async (options) => {
      const { signature } = await import("./intents/give.ts");
      await give(options, (orders, fleet) => orders.freeze(fleet, signature(options.by)));
    });
}

function unfreeze() {
  return waiting("unfreeze", "End a freeze.").action((options) =>
    give(options, (orders, fleet) => orders.unfreeze(fleet)),
  );
}

function asking(name: string, description: string) {
  return commandAbout(name, "the only one of the namespace")
    .description(description)
    .addOption(
      new Option("-o, --output <format>", "how to print the answer")
        .choices(["text", "json"] as const)
        .default("text" as const),
    )
    .addHelpText("after", NOTES);
}

function waiting(name: string, description: string) {
  return asking(name, description)
    .option("--wait", "wait until it has happened, and say how far it is", false)
    .addOption(
      new Option("--timeout <duration>", "how long to wait before the exit code is 1")
        .argParser(durationMs)
        .default(120_000, "2m"),
    );
}

function durationMs(text: string): number {
  const parsed = parseDuration(text);
  if (typeof parsed === "number") return parsed;
  throw new InvalidArgumentError(`It ${parsed.problem}.`);
}

type Orders = typeof import("./intents/orders.ts");

async function give(settings: OrderSettings, decide: (orders: Orders, fleet: Fleet) => Order): Promise<void> {
  const [{ giveOrder }, orders] = await Promise.all([import("./intents/give.ts"), import("./intents/orders.ts")]);
  process.exitCode = await giveOrder(settings, (fleet) => decide(orders, fleet));
}
