import type { ApiResource, KubernetesObject, ObjectMetadata, PatchBody } from "../kube/api.ts";
import { misuse, requireAddress, typed, type Verb } from "./address.ts";
import type { ObjectReference, PatchOptions } from "./client-contract.ts";

/** What makes the API server refuse a write that was meant for another object, or another version of it. All of it is pure. */

/** The version and the uid that a write carries, as far as they are known. */
export type Fence = Pick<ObjectMetadata, "uid" | "resourceVersion">;

/** The object with its type, its version and, where it can be known, its uid: a PUT without uid to a missing object creates some kinds again. */
export function versioned(
  verb: Verb,
  resource: ApiResource,
  object: KubernetesObject,
  known: ObjectMetadata | undefined,
): KubernetesObject {
  const whole = typed(verb, resource, object);
  const { name, resourceVersion, uid } = whole.metadata;
  if (!isGiven(resourceVersion)) {
    const problem = "needs metadata.resourceVersion of the object that it was computed from; read the object first";
    throw misuse(verb, resource, name, problem);
  }
  if (isGiven(uid) || known?.resourceVersion !== resourceVersion || known.uid === undefined) return whole;
  return { ...whole, metadata: { ...whole.metadata, uid: known.uid } };
}

/** What a deletion requires of the object that it meets: its uid, and its version unless any will do. */
export function preconditionsOf(
  resource: ApiResource,
  { metadata: { name, uid, resourceVersion } }: KubernetesObject,
  ifUnchanged: boolean,
): { readonly uid: string; readonly resourceVersion?: string } {
  if (!isGiven(uid)) throw misuse("delete", resource, name, "needs metadata.uid of the object as it was read");
  return ifUnchanged && resourceVersion !== undefined ? { uid, resourceVersion } : { uid };
}

/** The fence of a patch: that of the object it was computed from, else the uid that the cache knows. */
export function fenceOf(
  verb: Verb,
  resource: ApiResource,
  reference: ObjectReference,
  of: KubernetesObject | undefined,
  known: ObjectMetadata | undefined,
): Fence {
  requireAddress(verb, resource, reference);
  if (of === undefined) return known?.uid === undefined ? {} : { uid: known.uid };
  const { name, namespace, uid, resourceVersion } = of.metadata;
  if (name !== reference.name || (namespace ?? "") !== (reference.namespace ?? "")) {
    throw misuse(verb, resource, reference.name, `was given another object as \`of\`: ${namespace ?? ""}/${name}`);
  }
  if (!isGiven(resourceVersion)) throw misuse(verb, resource, name, "needs metadata.resourceVersion in `of`");
  return uid === undefined ? { resourceVersion } : { resourceVersion, uid };
}

/**
 * The patch with its fence: metadata that the API server compares with that of the object. Operations put it there, too: one that tests it would
 * fail with 422, as if the patch were wrong, where the version of another kind of patch is a 409.
 */
export function fencedPatch(
  verb: Verb,
  resource: ApiResource,
  name: string,
  patch: PatchBody,
  kind: PatchOptions["kind"],
  fence: Fence,
): { readonly kind: "merge" | "json" | "strategic"; readonly body: PatchBody } {
  const isList = isOperations(patch);
  if (isList !== (kind === undefined ? isList : kind === "json")) {
    const problem = isList
      ? `was given a list of operations with kind: "${kind}"; it is kind: "json"`
      : 'was given an object with kind: "json", which is a list of operations such as [{ op: "remove", path: "/data/a" }]';
    throw misuse(verb, resource, name, problem);
  }
  if (isOperations(patch)) {
    const stated = Object.entries(fence).map(([field, value]) => ({ op: "add", path: `/metadata/${field}`, value }));
    return { kind: "json", body: [...stated, ...patch] };
  }
  // A field that is there and undefined is not sent: it must not take the fence with it.
  const said = Object.entries(metadataOf(verb, resource, name, patch)).filter(([, value]) => value !== undefined);
  const metadata = { ...fence, ...Object.fromEntries(said) };
  return { kind: kind === "strategic" ? kind : "merge", body: { ...patch, metadata } };
}

/**
 * What is applied, with the uid that the cache knows: it is not made anew when somebody has deleted it, and another object of its name is
 * left alone. A resourceVersion that it carries is sent as it is.
 */
export function fencedConfiguration(
  verb: Verb,
  resource: ApiResource,
  configuration: KubernetesObject,
  known: ObjectMetadata | undefined,
): KubernetesObject {
  const whole = typed(verb, resource, configuration);
  const { name, uid, managedFields } = whole.metadata;
  if (managedFields !== undefined) {
    const problem =
      "was given metadata.managedFields, so it is an object as it was read, all of which would be owned; apply only the fields that you decide about";
    throw misuse(verb, resource, name, problem);
  }
  if (isGiven(uid) || known?.uid === undefined) return whole;
  return { ...whole, metadata: { ...whole.metadata, uid: known.uid } };
}

function metadataOf(
  verb: Verb,
  resource: ApiResource,
  name: string,
  { metadata }: Readonly<Record<string, unknown>>,
): object {
  if (metadata === undefined) return {};
  if (typeof metadata === "object" && metadata !== null && !Array.isArray(metadata)) return metadata;
  throw misuse(verb, resource, name, "has metadata that is no object");
}

function isOperations(patch: PatchBody): patch is readonly unknown[] {
  return Array.isArray(patch);
}

function isGiven(text: unknown): text is string {
  return typeof text === "string" && text !== "";
}
