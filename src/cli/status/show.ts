import { createLogUpdate } from "log-update";
import { LEASES } from "../../kube/api.ts";
import { KubeClient } from "../../kube/client.ts";
import { type ConnectOptions, connect } from "../../kube/connection.ts";
import { LABEL_COORDINATOR, leaseSelector } from "../../lease/names.ts";
import { type LeaseVersion, parseLease } from "../../lease/record.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { ElectorateError, hasCode } from "../../runtime/errors.ts";
import { EXIT_FAILED, EXIT_OK, failureText } from "../exit.ts";
import { readConfiguration } from "../source.ts";
import { reportOf, reportsOf } from "./report.ts";
import { type Output, overviewText, statusText } from "./text.ts";

export interface StatusSettings {
  readonly output: Output;
  readonly coordinator?: string | undefined;
  readonly config?: string | undefined;
  readonly namespace?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly watch: boolean;
}

const DEADLINE_MS = 15_000;
const WATCH_EVERY_MS = 2_000;

/** Which Leases to show, once every option has been weighed. */
interface Subject {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly coordinator: string | undefined;
}

/** Prints the status once, or again and again; answers the exit code. Throws what keeps it from being known. */
export async function showStatus(settings: StatusSettings): Promise<number> {
  const configuration = settings.config === undefined ? undefined : await readConfiguration(settings.config);
  const { kubeconfig, context } = settings;
  const source: ConnectOptions = {
    component: "status",
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  };
  const connection = await connect(source);
  const subject: Subject = {
    client: new KubeClient(connection.objects, { deadlineMs: DEADLINE_MS }),
    namespace: settings.namespace ?? configuration?.namespace ?? connection.namespace,
    coordinator: settings.coordinator ?? configuration?.coordinator,
  };
  try {
    if (settings.watch) return await repeat(() => textOf(subject, settings.output));
    const text = await textOf(subject, settings.output);
    process.stdout.write(text);
    return EXIT_OK;
  } catch (error) {
    throw explained(error, subject.namespace);
  } finally {
    await connection.close();
  }
}

async function textOf({ client, namespace, coordinator }: Subject, output: Output): Promise<string> {
  const versions = await leasesOf(
    client,
    namespace,
    coordinator === undefined ? LABEL_COORDINATOR : leaseSelector(coordinator),
  );
  const wallMs = systemClock.wallMs();
  if (coordinator !== undefined) {
    if (versions.length === 0) throw await unknownCoordinator(client, namespace, coordinator);
    return statusText(reportOf(coordinator, versions, namespace, wallMs), output);
  }
  const reports = reportsOf(versions, namespace, wallMs);
  if (reports.length > 0 || output === "json" || output === "yaml") return overviewText(reports, output);
  return `There is no coordinator in namespace ${namespace}; name another one with --namespace.\n`;
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

/** Until Ctrl-C. A failure is shown in place of the status and does not end it: whoever watches wants to see it come back. */
async function repeat(text: () => Promise<string>): Promise<number> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  process.once("SIGTERM", () => stop.abort());
  const show =
    process.stdout.isTTY === true
      ? createLogUpdate(process.stdout)
      : (content: string) => void process.stdout.write(`${content}\n`);
  let known = false;
  while (!stop.signal.aborted) {
    try {
      show(await text());
      known = true;
    } catch (error) {
      if (!known) throw error;
      show(`error: ${failureText(error)}\n`);
    }
    await sleep(systemClock, WATCH_EVERY_MS, stop.signal).catch(() => {});
  }
  return known ? EXIT_OK : EXIT_FAILED;
}

/** A missing permission by its verb and resource, with the command that grants it. */
function explained(error: unknown, namespace: string): unknown {
  if (!hasCode(error, "forbidden")) return error;
  const message =
    `these credentials may not list leases.coordination.k8s.io in namespace "${namespace}"; allow it with a Role such as that of\n` +
    `  kubectl create role electorate-status -n ${namespace} --verb=list --resource=leases.coordination.k8s.io`;
  return new ElectorateError("forbidden", message, { cause: error });
}
