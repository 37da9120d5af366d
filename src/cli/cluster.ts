import { type KubeApi, LEASES } from "../kube/api.ts";
import { KubeClient } from "../kube/client.ts";
import { connect } from "../kube/connection.ts";
import type { Transport } from "../kube/transport.ts";
import { LABEL_COORDINATOR } from "../lease/names.ts";
import { type LeaseVersion, parseLease } from "../lease/record.ts";
import { ElectorateError, hasCode } from "../runtime/errors.ts";
import { readConfiguration } from "./source.ts";

/** Where a command that is no replica finds its coordinator, and what it reads there. */

export interface ClusterSettings {
  readonly coordinator?: string | undefined;
  readonly config?: string | undefined;
  readonly namespace?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

export interface Cluster {
  readonly client: KubeApi;
  readonly transport: Transport;
  readonly namespace: string;
  /** `undefined` when nobody said which. */
  readonly coordinator: string | undefined;
  close(): Promise<void>;
}

const DEADLINE_MS = 15_000;

/** The command line goes before the configuration, and that before the kubeconfig's context. `component` stands in the user agent. */
async function openCluster(settings: ClusterSettings, component: string): Promise<Cluster> {
  const configuration = settings.config === undefined ? undefined : await readConfiguration(settings.config);
  const { kubeconfig, context } = settings;
  const connection = await connect({
    component,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  });
  return {
    client: new KubeClient(connection.objects, { deadlineMs: DEADLINE_MS }),
    transport: connection.objects,
    namespace: settings.namespace ?? configuration?.namespace ?? connection.namespace,
    coordinator: settings.coordinator ?? configuration?.coordinator,
    close: () => connection.close(),
  };
}

/** Opens a cluster, and closes it after `use`. */
export async function withCluster<Result>(
  settings: ClusterSettings,
  component: string,
  use: (cluster: Cluster) => Promise<Result>,
): Promise<Result> {
  const cluster = await openCluster(settings, component);
  try {
    return await use(cluster);
  } finally {
    await cluster.close();
  }
}

/** @throws ElectorateError `forbidden` that says how to allow it. */
export async function leasesOf({ client, namespace }: Cluster, labelSelector: string): Promise<LeaseVersion[]> {
  try {
    const { objects } = await client.list(LEASES, { namespace, labelSelector });
    return objects.map(parseLease);
  } catch (error) {
    throw explained(error, namespace, ["list"]);
  }
}

/** Names of the coordinators that have a Lease in the namespace, in order. */
export async function coordinatorsOf(cluster: Cluster): Promise<readonly string[]> {
  const versions = await leasesOf(cluster, LABEL_COORDINATOR);
  const names = new Set(versions.map(({ labels }) => labels[LABEL_COORDINATOR] ?? ""));
  return [...names].filter((name) => name !== "").sort();
}

/** What to say of a coordinator that has no Lease. */
export async function unknownCoordinator(cluster: Cluster, coordinator: string): Promise<ElectorateError> {
  const names = await coordinatorsOf(cluster);
  const there =
    names.length === 0
      ? "there is none in that namespace; name another one with --namespace"
      : `there are ${names.join(", ")}`;
  return new ElectorateError(
    "not-found",
    `no Lease of coordinator "${coordinator}" is in namespace ${cluster.namespace}: ${there}`,
  );
}

/** A missing permission by its verb and resource, with the command that grants it. */
export function explained(error: unknown, namespace: string, verbs: readonly string[]): unknown {
  if (!hasCode(error, "forbidden")) return error;
  const role = verbs.includes("patch") ? "electorate-operator" : "electorate-status";
  const message =
    `these credentials may not ${verbs.join(", ")} leases.coordination.k8s.io in namespace "${namespace}"; allow it with a Role such as that of\n` +
    `  kubectl create role ${role} -n ${namespace} --verb=${verbs.join(",")} --resource=leases.coordination.k8s.io`;
  return new ElectorateError("forbidden", message, { cause: error });
}
