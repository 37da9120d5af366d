import type { ResourceOptions } from "../config/options.ts";
import { type ApiResource, resourceName } from "../kube/api.ts";
import { ReconcileMetrics } from "../reconcile/metrics.ts";
import { ReadCaches } from "../reconcile/read-caches.ts";
import { createResourceFinder } from "../reconcile/resource-finder.ts";
import { ElectorateError } from "../runtime/errors.ts";
import type { Scope } from "../runtime/scope.ts";
import type { Meter } from "../runtime/telemetry.ts";
import { type ConnectQueuesOptions, connectQueues } from "./connect-queues.ts";
import { type Related, relatedOf, requireOwnable } from "./related.ts";
import { ShardSet, type ShardSetOptions } from "./shard-set.ts";
import { untilAnswered } from "./until-answered.ts";

export interface EstablishOptions
  extends Omit<ShardSetOptions, "resource" | "options" | "related" | "finder" | "caches" | "queues" | "metrics">,
    ConnectQueuesOptions {
  readonly resources: readonly ResourceOptions[];
}

/**
 * Finds every resource and sets its shards up; `undefined` when `signal` aborted first. `scope` ends what they share. An API server that cannot
 * be asked is asked again.
 * @throws ElectorateError `invalid-configuration` for a resource that does not exist or cannot be owned, `lease-name-refused`.
 */
export async function establish(
  options: EstablishOptions,
  scope: Scope,
  signal: AbortSignal,
): Promise<ShardSet[] | undefined> {
  try {
    return await setUp(options, scope, signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

async function setUp(options: EstablishOptions, scope: Scope, signal: AbortSignal): Promise<ShardSet[]> {
  const finder = createResourceFinder(options.api);
  const found = await Promise.all(
    options.resources.map(async (settings) => {
      const resource = await find(settings, options, signal);
      return { settings, resource, related: await relatedTo(resource, settings, options, signal) };
    }),
  );
  refuseTwice(found.map(({ resource }) => resourceName(resource)));
  const shared = { finder, caches: new ReadCaches(), queues: await connectQueues(options, scope, signal) };
  const metricsOf = metricsByController(options.telemetry.meter);
  return found.map(({ settings, resource, related }) => {
    const metrics = metricsOf(settings.controller ?? resourceName(resource));
    return new ShardSet({ ...options, ...shared, metrics, resource, related, options: settings });
  });
}

/** Resources of one controller share its gauges, which show sums over them. */
function metricsByController(meter: Meter): (controller: string) => ReconcileMetrics {
  const known = new Map<string, ReconcileMetrics>();
  return (controller) => {
    const metrics = known.get(controller) ?? new ReconcileMetrics(meter, controller);
    known.set(controller, metrics);
    return metrics;
  };
}

/** Two entries of one resource would share its Leases, and neither would know what the other does under them. */
function refuseTwice(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new ElectorateError(
    "invalid-configuration",
    `resources names ${twice} twice, in two ways of writing it; give each resource one entry, with all its namespaces`,
  );
}

function relatedTo(
  resource: ApiResource,
  settings: ResourceOptions,
  options: EstablishOptions,
  signal: AbortSignal,
): Promise<readonly Related[]> {
  return Promise.all(
    relatedOf(settings).map(async (one) => {
      const found = { ...one, resource: await find(one.settings, options, signal) };
      requireOwnable(found, resource);
      return found;
    }),
  );
}

function find(
  { resource }: Pick<ResourceOptions, "resource">,
  options: EstablishOptions,
  signal: AbortSignal,
): Promise<ApiResource> {
  if (typeof resource !== "string") return Promise.resolve(resource);
  const ask = () => options.api.discover(resource, { signal });
  return untilAnswered(`looking for the resource "${resource}"`, ask, ["invalid-configuration"], options, signal);
}
