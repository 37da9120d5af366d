import {
  annotationsChanged,
  anyOf,
  generationChanged,
  labelsChanged,
  type UpdateFilter,
} from "../reconcile/update-filter.ts";
import { ElectorateError } from "../runtime/errors.ts";
import type { ResourceHandlers } from "./handlers.ts";
import type { Configuration } from "./load.ts";
import type { CoordinatorOptions, OwnedResource, ResourceOptions, WatchedResource } from "./options.ts";
import type { ResourceConfiguration, UpdateKind, WatchedConfiguration } from "./resource-configuration.ts";

/** What `createCoordinator` takes, from a configuration and the handlers that it names, in the same order. */
export function coordinatorOptions(
  configuration: Configuration,
  handlers: readonly ResourceHandlers[],
): CoordinatorOptions {
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
      const own = handlers[index];
      if (own === undefined)
        throw new ElectorateError("misuse", `there is no handler for resource "${resource.resource}"`);
      return resourceOptions(resource, own);
    }),
  };
}

function resourceOptions(resource: ResourceConfiguration, { reconcile, maps }: ResourceHandlers): ResourceOptions {
  const { namespaces, buckets, workers, owns, watches, reconcileTimeoutMs } = resource;
  return {
    ...watchedOptions(resource),
    buckets,
    workers,
    reconcile,
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(owns.length === 0 ? {} : { owns: owns.map(watchedOptions) }),
    ...(watches.length === 0 ? {} : { watches: watches.map((watched, at) => watchOptions(watched, maps[at])) }),
    ...(reconcileTimeoutMs === undefined ? {} : { reconcileTimeoutMs }),
  };
}

function watchOptions(
  watched: ResourceConfiguration["watches"][number],
  map: WatchedResource["map"] | undefined,
): WatchedResource {
  const { resource, namespaces } = watched;
  if (map === undefined) throw new ElectorateError("misuse", `there is no map function for the watched "${resource}"`);
  return { ...watchedOptions(watched), ...(namespaces === undefined ? {} : { namespaces }), map };
}

function watchedOptions(watched: WatchedConfiguration): OwnedResource {
  const { resource, labelSelector, fieldSelector, metadataOnly, updates } = watched;
  return {
    resource,
    metadataOnly,
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    ...(updates === undefined ? {} : { updates: anyOf(...updates.map((kind) => UPDATE_FILTERS[kind])) }),
  };
}

const UPDATE_FILTERS: Readonly<Record<UpdateKind, UpdateFilter>> = {
  generation: generationChanged,
  labels: labelsChanged,
  annotations: annotationsChanged,
};
