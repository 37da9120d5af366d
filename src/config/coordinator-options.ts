import type { Reconcile } from "../reconcile/contract.ts";
import { ElectorateError } from "../runtime/errors.ts";
import type { Configuration } from "./load.ts";
import type { CoordinatorOptions, ResourceOptions } from "./options.ts";

/** What `createCoordinator` takes, from a configuration and the handlers that it names, in the same order. */
export function coordinatorOptions(configuration: Configuration, handlers: readonly Reconcile[]): CoordinatorOptions {
  const { coordinator, namespace, lease, drainTimeoutMs, shutdownTimeoutMs, onOverrun, leaderElection } = configuration;
  const { rolloutWindowMs, respread, httpAddress, authorizeMetrics } = configuration;
  const { weight, zone, version } = configuration;
  return {
    coordinator,
    lease,
    drainTimeoutMs,
    shutdownTimeoutMs,
    onOverrun,
    leaderElection,
    rolloutWindowMs,
    ...(respread === undefined ? {} : { respread }),
    weight,
    ...(zone === undefined ? {} : { zone }),
    ...(version === undefined ? {} : { version }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(httpAddress === undefined ? {} : { http: { address: httpAddress, authorizeMetrics } }),
    resources: configuration.resources.map((resource, index) => {
      const reconcile = handlers[index];
      if (reconcile === undefined)
        throw new ElectorateError("misuse", `there is no handler for resource "${resource.resource}"`);
      return resourceOptions(resource, reconcile);
    }),
  };
}

function resourceOptions(resource: Configuration["resources"][number], reconcile: Reconcile): ResourceOptions {
  const { namespaces, labelSelector, fieldSelector, metadataOnly, buckets, workers } = resource;
  return {
    resource: resource.resource,
    metadataOnly,
    buckets,
    workers,
    reconcile,
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}
