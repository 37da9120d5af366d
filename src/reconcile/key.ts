import type { KubernetesObject } from "../kube/api.ts";
import type { ReconcileRequest } from "./contract.ts";

/** `namespace/name`, or the name alone for a cluster-scoped object. Neither part can contain a slash. */
export function keyOf(object: KubernetesObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

/** The request for a key, as {@link keyOf} made it. */
export function requestOf(resource: string, key: string): ReconcileRequest {
  const slash = key.indexOf("/");
  return { resource, namespace: key.slice(0, Math.max(slash, 0)), name: key.slice(slash + 1), key };
}
