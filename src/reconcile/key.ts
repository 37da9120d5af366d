import type { ReconcileRequest } from "./contract.ts";

/** What has a key: an object, or what says which one is meant. */
interface Named {
  readonly metadata: { readonly namespace?: string | undefined; readonly name: string };
}

/** `namespace/name`, or the name alone for a cluster-scoped object. Neither part can contain a slash. */
export function keyOf({ metadata: { namespace, name } }: Named): string {
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

/** The request for a key, as {@link keyOf} made it. */
export function requestOf(resource: string, key: string): ReconcileRequest {
  const slash = key.indexOf("/");
  return { resource, namespace: key.slice(0, Math.max(slash, 0)), name: key.slice(slash + 1), key };
}
