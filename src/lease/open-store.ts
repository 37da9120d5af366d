import { type ApiResource, type KubeApi, LEASES, type Selection } from "../kube/api.ts";
import { ListWatch } from "../kube/list-watch.ts";
import type { Transport } from "../kube/transport.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Randomness } from "../runtime/randomness.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import { KubernetesLeaseStore } from "./kubernetes.ts";
import { leaseSelector } from "./names.ts";

export interface OpenLeaseStoreOptions {
  readonly coordinator: string;
  readonly namespace: string;
  readonly api: KubeApi;
  /** The coordination traffic's own. */
  readonly transport: Transport;
  readonly retryPeriodMs: number;
  readonly renewDeadlineMs: number;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly telemetry: Telemetry;
  readonly trouble: TroubleLog;
}

/** The Leases of one coordinator in an API server, with the one list+watch of them all. */
export function openLeaseStore(options: OpenLeaseStoreOptions): KubernetesLeaseStore {
  const { api, namespace, retryPeriodMs, coordinator } = options;
  const feed = openLeaseFeed(options, LEASES, { namespace, labelSelector: leaseSelector(coordinator) });
  return new KubernetesLeaseStore({ api, namespace, deadlineMs: retryPeriodMs, feed });
}

/** A list+watch with the patience of the coordination traffic. */
export function openLeaseFeed(
  options: Omit<OpenLeaseStoreOptions, "coordinator" | "api">,
  resource: ApiResource,
  selection: Selection,
): ListWatch {
  const { namespace, retryPeriodMs, renewDeadlineMs, telemetry, trouble } = options;
  const what = resource === LEASES ? "Leases" : resource.plural;
  return new ListWatch({
    transport: options.transport,
    resource,
    selection,
    clock: options.clock,
    randomness: options.randomness,
    deadlineMs: renewDeadlineMs,
    // What is held changes every retry period: silence for this long means that the line is dead.
    idleLimitMs: renewDeadlineMs,
    backOff: { baseMs: retryPeriodMs / 8, maxMs: retryPeriodMs },
    onTrouble: ({ error, during }) => {
      telemetry.meter.increment("electorate_watch_restarts_total", { resource: resource.plural, reason: error.code });
      trouble.report("lease-feed", `${during} of ${what} in namespace ${namespace}`, error, resource.plural);
    },
    onHealthy: () => trouble.clear("lease-feed", resource.plural),
  });
}
