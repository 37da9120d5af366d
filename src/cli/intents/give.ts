import { hostname, userInfo } from "node:os";
import { formatDuration } from "../../config/duration.ts";
import { LEASES } from "../../kube/api.ts";
import { LABEL_COORDINATOR, LABEL_ROLE, leaseSelector } from "../../lease/names.ts";
import { systemClock } from "../../runtime/clock.ts";
import { ElectorateError, hasCode } from "../../runtime/errors.ts";
import {
  type Cluster,
  type ClusterSettings,
  coordinatorsOf,
  explained,
  leasesOf,
  unknownCoordinator,
  withCluster,
} from "../cluster.ts";
import { EXIT_FAILED, EXIT_OK } from "../exit.ts";
import type { Order, Progress } from "./orders.ts";
import type { Fleet } from "./outlook.ts";
import { awaitOrder } from "./wait.ts";

export interface OrderSettings extends ClusterSettings {
  readonly output: "text" | "json";
  /** Whether to wait until what is asked for has happened, and for how many milliseconds at most. */
  readonly wait?: boolean | undefined;
  readonly timeout?: number | undefined;
}

/** Writes what `decide` makes of the Leases, answers what will happen, and waits for it if asked to; the exit code. */
export async function giveOrder(settings: OrderSettings, decide: (fleet: Fleet) => Order): Promise<number> {
  return withCluster(settings, "operator", async (cluster) => {
    const coordinator = cluster.coordinator ?? (await onlyCoordinator(cluster));
    const versions = await leasesOf(cluster, leaseSelector(coordinator));
    if (versions.length === 0) throw await unknownCoordinator(cluster, coordinator);
    const order = decide({ coordinator, versions, wallMs: systemClock.wallMs() });
    if (order.changes) await write(cluster, coordinator, order);
    const text = settings.output === "text";
    if (text) print(order.says.join("\n"));
    const { wait = false, timeout: timeoutMs = 0 } = settings;
    const waited = wait ? await awaitOrder(cluster, coordinator, order, { timeoutMs, quiet: !text }) : undefined;
    if (!text) print(jsonOf(cluster, coordinator, order, waited));
    if (waited === undefined || waited.done) return EXIT_OK;
    process.stderr.write(`error: ${formatDuration(timeoutMs)} have passed: ${waited.text}\n`);
    return EXIT_FAILED;
  });
}

/** Since when and by whom, as a freeze says it. */
export function signature(by: string | undefined): string {
  return `since ${new Date(systemClock.wallMs()).toISOString()} by ${by ?? whoAsks()}`;
}

function whoAsks(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A container's user may have no name.
    return hostname();
  }
}

async function onlyCoordinator(cluster: Cluster): Promise<string> {
  const names = await coordinatorsOf(cluster);
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  const there = only === undefined ? "there is none" : `there are ${names.join(", ")}`;
  throw new ElectorateError(
    "invalid-configuration",
    `name the coordinator with --coordinator, or its namespace with --namespace; in namespace ${cluster.namespace} ${there}`,
  );
}

/** Metadata alone: what a Lease says of its holder is left to electors. */
async function write(
  cluster: Cluster,
  coordinator: string,
  { lease, annotation, value, control }: Order,
): Promise<void> {
  const { client, namespace } = cluster;
  const labels = { [LABEL_COORDINATOR]: coordinator, [LABEL_ROLE]: "control" };
  const metadata = { annotations: { [annotation]: value }, ...(control ? { labels } : {}) };
  try {
    await client.patch(LEASES, namespace, lease, { metadata });
  } catch (error) {
    if (!hasCode(error, "not-found")) throw explained(error, namespace, ["list", "watch", "create", "patch"]);
    if (!control || value === null) throw new ElectorateError("not-found", `Lease ${lease} has gone meanwhile`);
    await createControl(cluster, { name: lease, namespace, labels, annotations: { [annotation]: value } });
  }
}

async function createControl(
  { client, namespace }: Cluster,
  metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: object;
    readonly annotations: object;
  },
): Promise<void> {
  try {
    await client.create(LEASES, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { ...metadata, labels: { ...metadata.labels }, annotations: { ...metadata.annotations } },
    });
  } catch (error) {
    throw explained(error, namespace, ["list", "watch", "create", "patch"]);
  }
}

function jsonOf({ namespace }: Cluster, coordinator: string, order: Order, waited: Progress | undefined): string {
  const { lease, annotation, value, changes, says, moves } = order;
  return JSON.stringify(
    { coordinator, namespace, lease, annotation, value, changed: changes, says, moves, waited },
    undefined,
    2,
  );
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
