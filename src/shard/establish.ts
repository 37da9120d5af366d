import type { ResourceOptions } from "../config/options.ts";
import { type ApiResource, type KubeApi, resourceName } from "../kube/api.ts";
import { createResourceFinder } from "../reconcile/resource-finder.ts";
import { type Clock, sleep } from "../runtime/clock.ts";
import { ElectorateError, hasCode } from "../runtime/errors.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import { ShardSet, type ShardSetOptions } from "./shard-set.ts";

/** How long discovery waits before it asks again. */
const ASK_AGAIN_MS = 2_000;

export interface EstablishOptions extends Omit<ShardSetOptions, "resource" | "options" | "finder"> {
  readonly resources: readonly ResourceOptions[];
}

/**
 * Finds every resource and sets its shards up; `undefined` when `signal` aborted first. An API server that cannot be asked is asked again.
 * @throws ElectorateError `invalid-configuration` for a resource that does not exist, `lease-name-refused`.
 */
export async function establish(options: EstablishOptions, signal: AbortSignal): Promise<ShardSet[] | undefined> {
  try {
    return await setUp(options, signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

async function setUp(options: EstablishOptions, signal: AbortSignal): Promise<ShardSet[]> {
  const finder = createResourceFinder(options.api);
  const found = await Promise.all(
    options.resources.map(async (settings) => ({ settings, resource: await find(settings.resource, options, signal) })),
  );
  refuseTwice(found.map(({ resource }) => resourceName(resource)));
  return found.map(({ settings, resource }) => new ShardSet({ ...options, finder, resource, options: settings }));
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

async function find(
  resource: string | ApiResource,
  { api, clock, trouble }: { readonly api: KubeApi; readonly clock: Clock; readonly trouble: TroubleLog },
  signal: AbortSignal,
): Promise<ApiResource> {
  if (typeof resource !== "string") return resource;
  for (;;) {
    try {
      const found = await api.discover(resource, { signal });
      trouble.clear("discovery");
      return found;
    } catch (error) {
      if (hasCode(error, "invalid-configuration", "aborted")) throw error;
      trouble.report("discovery", `looking for the resource "${resource}"`, error);
    }
    await sleep(clock, ASK_AGAIN_MS, signal);
  }
}
