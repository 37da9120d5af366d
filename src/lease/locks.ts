import { type ApiResource, LEASES } from "../kube/api.ts";
import { annotatedFormat, CONFIG_MAPS, ENDPOINTS } from "./annotated.ts";
import { KubernetesLeaseStore } from "./kubernetes.ts";
import { type OpenLeaseStoreOptions, openLeaseFeed } from "./open-store.ts";
import type { LeaseStore } from "./store.ts";

/** The objects of each kind of lock, in the order in which they are taken. */
const OBJECTS = {
  leases: [LEASES],
  configmaps: [CONFIG_MAPS],
  endpoints: [ENDPOINTS],
  configmapsleases: [CONFIG_MAPS, LEASES],
  endpointsleases: [ENDPOINTS, LEASES],
} as const satisfies Readonly<Record<string, readonly ApiResource[]>>;

export interface OpenLocksOptions extends Omit<OpenLeaseStoreOptions, "coordinator"> {
  readonly kind: keyof typeof OBJECTS;
  readonly name: string;
}

/** One object that is contended for: a Lease, or an older kind of lock that is read and written as one. */
export interface Lock {
  /** What logs and metrics call it. */
  readonly title: string;
  readonly object: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
  readonly store: LeaseStore;
}

/** A store for each object of a lock of one name; each watches that one object alone. */
export function openLocks(options: OpenLocksOptions): Lock[] {
  const { kind, name, namespace, api, retryPeriodMs } = options;
  const resources: readonly ApiResource[] = OBJECTS[kind];
  return resources.map((resource) => {
    const feed = openLeaseFeed(options, resource, { namespace, fieldSelector: `metadata.name=${name}` });
    const place = { api, namespace, deadlineMs: retryPeriodMs, feed };
    const format = resource === LEASES ? {} : { format: annotatedFormat(resource) };
    const title = resources.length === 1 ? name : `${resource.plural}/${name}`;
    const { group, version, kind: objectKind } = resource;
    const object = { apiVersion: group === "" ? version : `${group}/${version}`, kind: objectKind, namespace, name };
    return { title, object, store: new KubernetesLeaseStore({ ...place, ...format }) };
  });
}
