import type { KubernetesObject } from "../kube/api.ts";

/**
 * Finalizers: names in an object's metadata that keep a deleted object until its controller has taken each of them away. Nothing here
 * changes what it is given.
 */

/** An object, and whether it differs from the one that was given. */
export interface Changed {
  readonly object: KubernetesObject;
  /** False: there is nothing to write, and `object` is the one that was given. */
  readonly changed: boolean;
}

/**
 * The object with `finalizer`, such as `shop.example.com/bucket`. An object that is being deleted takes no new one, by the rules of the API
 * server: it is answered unchanged.
 */
export function addFinalizer(object: KubernetesObject, finalizer: string): Changed {
  const { finalizers = [], deletionTimestamp } = object.metadata;
  if (finalizers.includes(finalizer) || deletionTimestamp !== undefined) return { object, changed: false };
  return { object: withFinalizers(object, [...finalizers, finalizer]), changed: true };
}

/** The object without `finalizer`. */
export function removeFinalizer(object: KubernetesObject, finalizer: string): Changed {
  if (!hasFinalizer(object, finalizer)) return { object, changed: false };
  const rest = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
  return { object: withFinalizers(object, rest), changed: true };
}

/** True when the object carries `finalizer`. */
export function hasFinalizer(object: KubernetesObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false;
}

function withFinalizers(object: KubernetesObject, finalizers: readonly string[]): KubernetesObject {
  return { ...object, metadata: { ...object.metadata, finalizers } };
}
