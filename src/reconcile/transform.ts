import type { KubernetesObject } from "../kube/api.ts";

/** What the read cache keeps of an object. It must not change the object it is given, nor its name, namespace, uid or resourceVersion. */
export type Transform = (object: KubernetesObject) => KubernetesObject;

/** The default: `metadata.managedFields` is often half of an object, and nobody reconciles by it. */
export const dropManagedFields: Transform = (object) => {
  if (!("managedFields" in object.metadata)) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
};
