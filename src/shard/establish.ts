import type { ResourceOptions } from "../config/options.ts";
import type { ApiResource, KubeApi } from "../kube/api.ts";
import { createResourceFinder } from "../reconcile/resource-finder.ts";
import { type Clock, sleep } from "../runtime/clock.ts";
import { hasCode } from "../runtime/errors.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import { ShardSet, type ShardSetOptions } from "./shard-set.ts";

/** How long discovery waits before it asks again. */
const ASK_AGAIN_MS = 2_000;

export interface EstablishOptions extends Omit<ShardSetOptions, "resource" | "options" | "finder"> {
  readonly resources: readonly ResourceOptions[];
}

/**
 * Finds every resource and sets its shards up. An API server that cannot be asked is asked again until `signal` aborts.
 * @throws ElectorateError `invalid-configuration` for a resource that does not exist, `lease-name-refused`.
 */
export async function establish(options: EstablishOptions, signal: AbortSignal): Promise<ShardSet[]> {
  const finder = createResourceFinder(options.api);
  return Promise.all(
    options.resources.map(async (settings) => {
      const resource = await find(settings.resource, options, signal);
      return new ShardSet({ ...options, finder, resource, options: settings });
    }),
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
