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

/** A store for each object of a lock of one name; each watches that one object alone. */
export function openLocks(options: OpenLocksOptions): { readonly title: string; readonly store: LeaseStore }[] {
  const { kind, name, namespace, api, retryPeriodMs } = options;
  const resources: readonly ApiResource[] = OBJECTS[kind];
  return resources.map((resource) => {
    const feed = openLeaseFeed(options, resource, { namespace, fieldSelector: `metadata.name=${name}` });
    const place = { api, namespace, deadlineMs: retryPeriodMs, feed };
    const format = resource === LEASES ? {} : { format: annotatedFormat(resource) };
    const title = resources.length === 1 ? name : `${resource.plural}/${name}`;
    return { title, store: new KubernetesLeaseStore({ ...place, ...format }) };
  });
}
