/** What a Website needs: a ConfigMap with its page, a Deployment that serves it, and a status that says how that is going. */
import type { GuardedClient, KubernetesObject, ReconcileContext, ReconcileRequest, Target } from "electorate";
import { configMapOf, deploymentOf, parseWebsite, WEBSITE_LABEL } from "./children.ts";

/** Brings the children of one Website, and its status, to what its spec says. */
export async function reconcile(request: ReconcileRequest, { object, client, log }: ReconcileContext): Promise<void> {
  // Children of a deleted owner are deleted by the cluster.
  if (object === undefined || object.metadata.deletionTimestamp !== undefined) return;
  const website = parseWebsite(object);
  const secrets = await client.list({
    resource: "secrets",
    namespace: request.namespace,
    labelSelector: `${WEBSITE_LABEL}=${request.name}`,
  });
  const versions = secrets.map(({ metadata }) => `${metadata.name}/${metadata.resourceVersion}`).sort();
  await bring(client, "configmaps", configMapOf(website));
  const deployment = await bring(client, "deployments.apps", deploymentOf(website, versions.join(" ")));
  const status = { observedGeneration: website.generation, readyReplicas: readyReplicasOf(deployment) };
  if (includes(object.status, status)) return;
  await client.updateStatus({ ...object, status });
  log.info(status, "the website's status has changed");
}

/** The Website that a Secret is for: named by its label, in its namespace. */
export function websitesOfSecret({ metadata }: KubernetesObject): readonly Target[] {
  const name = metadata.labels?.[WEBSITE_LABEL];
  return name === undefined ? [] : [`${metadata.namespace}/${name}`];
}

/** Creates a child, or changes what differs of it: its other fields are the cluster's, or somebody else's. */
async function bring(client: GuardedClient, resource: string, wanted: KubernetesObject): Promise<KubernetesObject> {
  const { name, namespace } = wanted.metadata;
  const address = { resource, name, ...(namespace === undefined ? {} : { namespace }) };
  const known = await client.get(address).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (known === undefined) return client.create(wanted, { resource });
  if (includes(known, wanted)) return known;
  return client.patch(address, wanted, { of: known });
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "not-found";
}

function readyReplicasOf({ status }: KubernetesObject): number {
  const ready: unknown = isFields(status) ? status.readyReplicas : undefined;
  return typeof ready === "number" ? ready : 0;
}

/** Whether everything that `wanted` says is so in `known`; what it does not say may be anything. */
function includes(known: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(known) && known.length === wanted.length && wanted.every((one, at) => includes(known[at], one))
    );
  }
  if (!isFields(wanted)) return known === wanted;
  return isFields(known) && Object.entries(wanted).every(([field, value]) => includes(known[field], value));
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
