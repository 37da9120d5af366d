import { type ApiResource, resourceName } from "../kube/api.ts";
import { ListWatch } from "../kube/list-watch.ts";
import type { Transport } from "../kube/transport.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Randomness } from "../runtime/randomness.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import type { Feed } from "./source.ts";
import { dropManagedFields } from "./transform.ts";

export interface FeedsOptions {
  readonly resource: ApiResource;
  /** All when left out or empty. */
  readonly namespaces?: readonly string[] | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly metadataOnly?: boolean | undefined;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly telemetry: Telemetry;
  readonly trouble: TroubleLog;
}

/** The list+watches of a resource's source: one for all namespaces, or one for each that is named. */
export function feedsOf(options: FeedsOptions): { readonly namespace?: string; readonly feed: Feed }[] {
  const { namespaces = [] } = options;
  if (namespaces.length === 0) return [{ feed: feedOf(options, undefined) }];
  return namespaces.map((namespace) => ({ namespace, feed: feedOf(options, namespace) }));
}

function feedOf(options: FeedsOptions, namespace: string | undefined): Feed {
  const { resource, labelSelector, fieldSelector, metadataOnly = false, telemetry, trouble } = options;
  const name = resourceName(resource);
  const where = namespace === undefined ? name : `${name} in namespace ${namespace}`;
  return new ListWatch({
    transport: options.transport,
    resource,
    selection: {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    },
    metadataOnly,
    transform: dropManagedFields,
    clock: options.clock,
    randomness: options.randomness,
    // Shards have owners again soon after an outage; a source must not stay blind for much longer.
    backOff: { baseMs: 500, maxMs: 5_000 },
    onTrouble: ({ error, during }) => {
      telemetry.meter.increment("electorate_watch_restarts_total", { resource: name, reason: error.code });
      trouble.report(`source of ${where}`, `${during} of ${where}`, error);
    },
    onHealthy: () => trouble.clear(`source of ${where}`),
  });
}
