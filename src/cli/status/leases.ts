import { LEASES } from "../../kube/api.ts";
import { KubeClient } from "../../kube/client.ts";
import { type ConnectOptions, connect } from "../../kube/connection.ts";
import { LABEL_COORDINATOR, leaseSelector } from "../../lease/names.ts";
import { type LeaseVersion, parseLease } from "../../lease/record.ts";
import { systemClock } from "../../runtime/clock.ts";
import { ElectorateError, hasCode } from "../../runtime/errors.ts";
import { readConfiguration } from "../source.ts";
import type { CoordinatorStatus } from "./model.ts";
import { reportOf, reportsOf } from "./report.ts";

/** The Leases that a command is about: which ones its options mean, and how they are read. */

export interface SubjectOptions {
  readonly coordinator?: string | undefined;
  readonly config?: string | undefined;
  readonly namespace?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** Which Leases are meant, once every option has been weighed. */
export interface Subject {
  readonly client: KubeClient;
  readonly namespace: string;
  /** `undefined`: all of the namespace. */
  readonly coordinator: string | undefined;
}

const DEADLINE_MS = 15_000;

/** Connects, and closes the connection after `use`. A missing permission is explained. */
export async function withSubject<Result>(
  options: SubjectOptions,
  use: (subject: Subject) => Promise<Result>,
): Promise<Result> {
  const configuration = options.config === undefined ? undefined : await readConfiguration(options.config);
  const { kubeconfig, context } = options;
  const source: ConnectOptions = {
    component: "status",
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  };
  const connection = await connect(source);
  const namespace = options.namespace ?? configuration?.namespace ?? connection.namespace;
  const client = new KubeClient(connection.objects, { deadlineMs: DEADLINE_MS });
  try {
    return await use({ client, namespace, coordinator: options.coordinator ?? configuration?.coordinator });
  } catch (error) {
    throw explained(error, namespace);
  } finally {
    await connection.close();
  }
}

/** Every coordinator that is meant. Throws `not-found` when one is named and has no Lease. */
export async function reportsFor({ client, namespace, coordinator }: Subject): Promise<CoordinatorStatus[]> {
  if (coordinator === undefined) {
    const versions = await leasesOf(client, namespace, LABEL_COORDINATOR);
    return reportsOf(versions, namespace, systemClock.wallMs());
  }
  const versions = await leasesOf(client, namespace, leaseSelector(coordinator));
  if (versions.length === 0) throw await unknownCoordinator(client, namespace, coordinator);
  return [reportOf(coordinator, versions, namespace, systemClock.wallMs())];
}

/** The one coordinator that is meant: the named one, else the only one of which `fits` is true. Throws `not-found`. */
export async function reportFor(
  subject: Subject,
  fits: (report: CoordinatorStatus) => boolean,
): Promise<CoordinatorStatus> {
  const reports = await reportsFor(subject);
  const [only, ...others] = reports.length > 1 ? reports.filter(fits) : reports;
  if (only !== undefined && others.length === 0) return only;
  const names = (only === undefined ? reports : [only, ...others]).map(({ coordinator }) => coordinator).join(", ");
  const message =
    names === ""
      ? `there is no coordinator in namespace ${subject.namespace}; name another one with --namespace`
      : `there are several coordinators in namespace ${subject.namespace} (${names}); name one with --coordinator`;
  throw new ElectorateError("not-found", message);
}

async function leasesOf(client: KubeClient, namespace: string, labelSelector: string): Promise<LeaseVersion[]> {
  const { objects } = await client.list(LEASES, { namespace, labelSelector });
  return objects.map(parseLease);
}

async function unknownCoordinator(
  client: KubeClient,
  namespace: string,
  coordinator: string,
): Promise<ElectorateError> {
  const versions = await leasesOf(client, namespace, LABEL_COORDINATOR);
  const names = reportsOf(versions, namespace, 0).map((report) => report.coordinator);
  const there =
    names.length === 0
      ? "there is none in that namespace; name another one with --namespace"
      : `there are ${names.join(", ")}`;
  return new ElectorateError(
    "not-found",
    `no Lease of coordinator "${coordinator}" is in namespace ${namespace}: ${there}`,
  );
}

/** A missing permission by its verb and resource, with the command that grants it. */
function explained(error: unknown, namespace: string): unknown {
  if (!hasCode(error, "forbidden")) return error;
  const message =
    `these credentials may not list leases.coordination.k8s.io in namespace "${namespace}"; allow it with a Role such as that of\n` +
    `  kubectl create role electorate-status -n ${namespace} --verb=list --resource=leases.coordination.k8s.io`;
  return new ElectorateError("forbidden", message, { cause: error });
}
