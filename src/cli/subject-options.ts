import { Option } from "@commander-js/extra-typings";
import { OUTPUTS } from "./status/table.ts";

/** The options by which a command finds a coordinator's Leases and prints what they say: the same for all of them. */

export function outputOption() {
  return new Option("-o, --output <format>", "how to print it").choices(OUTPUTS).default("table" as const);
}

export function coordinatorOption(otherwise: string) {
  return new Option("--coordinator <name>", `coordinator that is meant; default: ${otherwise}`).conflicts("config");
}

export function configOption() {
  return new Option("-c, --config <file>", "configuration file that names the coordinator and its namespace");
}

export function namespaceOption() {
  return new Option(
    "-n, --namespace <name>",
    "namespace of the Leases; default: the configuration's, else the context's",
  );
}

export function kubeconfigOption() {
  return new Option(
    "--kubeconfig <file>",
    "kubeconfig to use; default: KUBECONFIG, the pod's service account, ~/.kube/config",
  );
}

export function contextOption() {
  return new Option("--context <name>", "context of the kubeconfig; default: its current one");
}
