import { Command, Option } from "@commander-js/extra-typings";
import { OUTPUTS } from "./status/table.ts";

/** The options by which a command finds a coordinator's Leases and prints what they say: the same for all of them. */

/** A command about one coordinator, or several; `otherwise` says which, when none is named. */
export function commandAbout(name: string, otherwise: string) {
  return new Command(name)
    .addOption(coordinatorOption(otherwise))
    .addOption(configOption())
    .addOption(namespaceOption())
    .addOption(kubeconfigOption())
    .addOption(contextOption());
}

export function outputOption() {
  return new Option("-o, --output <format>", "how to print it").choices(OUTPUTS).default("table" as const);
}

function coordinatorOption(otherwise: string) {
  return new Option("--coordinator <name>", `coordinator that is meant; default: ${otherwise}`).conflicts("config");
}

function configOption() {
  return new Option("-c, --config <file>", "configuration file that names the coordinator and its namespace");
}

function namespaceOption() {
  return new Option(
    "-n, --namespace <name>",
    "namespace of the Leases; default: the configuration's, else the context's",
  );
}

function kubeconfigOption() {
  return new Option(
    "--kubeconfig <file>",
    "kubeconfig to use; default: KUBECONFIG, the pod's service account, ~/.kube/config",
  );
}

function contextOption() {
  return new Option("--context <name>", "context of the kubeconfig; default: its current one");
}
