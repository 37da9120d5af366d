import type { KubernetesObject } from "../kube/api.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { groupOf } from "./address.ts";

/**
 * References from objects to those they belong to: the garbage collector deletes them with their owners, and a controller finds its own by
 * them. Nothing here changes what it is given.
 */

/** One entry of `metadata.ownerReferences`. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  /** At most one reference of an object is its controller's. */
  readonly controller?: boolean;
  /** The owner stays until this object is gone, when it is deleted in the foreground. */
  readonly blockOwnerDeletion?: boolean;
}

/** How an owner holds what it owns. */
export interface OwnerOptions {
  /** Whether a deletion of the owner in the foreground waits for this object. */
  readonly blockOwnerDeletion?: boolean;
}

/**
 * `child` with `owner` as its controller, of which it can have one; `blockOwnerDeletion` is true by default. The same child when it is that already.
 * A reference to an owner of the same kind and name that was made anew gets the new uid.
 * @throws ElectorateError `already-owned` when another object controls it; `misuse` for an owner that was not read whole, one in another
 * namespace, or one in a namespace of a child that is in none.
 */
export function setControllerReference(
  owner: KubernetesObject,
  child: KubernetesObject,
  { blockOwnerDeletion = true }: OwnerOptions = {},
): KubernetesObject {
  const reference = { ...referenceTo(owner, child), controller: true, blockOwnerDeletion };
  const controller = controllerOf(child);
  if (controller !== undefined && !meansSame(controller, reference)) {
    throw new ElectorateError(
      "already-owned",
      `${nameOf(child)} is controlled by ${controller.kind} "${controller.name}" already, and cannot be by ${nameOf(owner)} too; ` +
        "use setOwnerReference for a further owner, or give the child another name",
    );
  }
  return withReference(child, reference);
}

/**
 * `child` with `owner` among its owners: it goes when the last of them has gone. `blockOwnerDeletion` is left out by default. The same child when
 * nothing changes; a controller stays its controller.
 * @throws ElectorateError `misuse` as {@link setControllerReference} does.
 */
export function setOwnerReference(
  owner: KubernetesObject,
  child: KubernetesObject,
  { blockOwnerDeletion }: OwnerOptions = {},
): KubernetesObject {
  const reference = referenceTo(owner, child);
  return withReference(child, blockOwnerDeletion === undefined ? reference : { ...reference, blockOwnerDeletion });
}

/** True when `owner` is the controller of `child`: this very object, by its uid. */
export function isControlledBy(child: KubernetesObject, owner: KubernetesObject): boolean {
  const uid = controllerOf(child)?.uid;
  return uid !== undefined && uid === owner.metadata.uid;
}

/** The reference of `child` to its controller, if it has one. */
export function controllerOf(child: KubernetesObject): OwnerReference | undefined {
  return referencesOf(child).find(({ controller }) => controller === true);
}

function referencesOf({ metadata: { ownerReferences } }: KubernetesObject): readonly OwnerReference[] {
  return Array.isArray(ownerReferences) ? ownerReferences.filter(isReference) : [];
}

function isReference(value: unknown): value is OwnerReference {
  return typeof value === "object" && value !== null && "uid" in value && "kind" in value && "apiVersion" in value;
}

function referenceTo(owner: KubernetesObject, child: KubernetesObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  const { name, uid, namespace = "" } = metadata;
  if (!apiVersion || !kind || !uid) {
    const missing = Object.entries({ apiVersion, kind, "metadata.uid": uid }).flatMap(([field, value]) =>
      value ? [] : field,
    );
    throw misuse(owner, child, `lacks ${missing.join(", ")}; give the object as it was read`);
  }
  if (kind === "PartialObjectMetadata") {
    throw misuse(owner, child, "is known by its metadata only (metadataOnly is set); read the object first");
  }
  const childNamespace = child.metadata.namespace ?? "";
  if (namespace !== "" && childNamespace === "") {
    const remedy = "only an object without a namespace can own it, or a finalizer must delete it";
    throw misuse(
      owner,
      child,
      `is in a namespace, and the child is cluster-scoped or lacks metadata.namespace; ${remedy}`,
    );
  }
  if (namespace !== "" && namespace !== childNamespace) {
    throw misuse(owner, child, "is in another namespace, where the garbage collector does not look; put both into one");
  }
  return { apiVersion, kind, name, uid };
}

function withReference(child: KubernetesObject, reference: OwnerReference): KubernetesObject {
  const references = referencesOf(child);
  const at = references.findIndex((existing) => meansSame(existing, reference));
  const existing = references[at];
  const next = { ...existing, ...reference };
  if (existing !== undefined && isSame(existing, next)) return child;
  const ownerReferences = at < 0 ? [...references, next] : references.with(at, next);
  return { ...child, metadata: { ...child.metadata, ownerReferences } };
}

/** The version may change, and an owner that was made anew has another uid. */
function meansSame(one: OwnerReference, other: OwnerReference): boolean {
  return one.kind === other.kind && one.name === other.name && groupOf(one.apiVersion) === groupOf(other.apiVersion);
}

function isSame(one: OwnerReference, other: OwnerReference): boolean {
  const fields = ["apiVersion", "uid", "controller", "blockOwnerDeletion"] as const;
  return fields.every((field) => one[field] === other[field]);
}

function nameOf({ kind = "the object", metadata: { namespace = "", name } }: KubernetesObject): string {
  return `${kind} "${namespace === "" ? name : `${namespace}/${name}`}"`;
}

function misuse(owner: KubernetesObject, child: KubernetesObject, problem: string): ElectorateError {
  return new ElectorateError("misuse", `${nameOf(owner)} cannot own ${nameOf(child)}: it ${problem}`);
}
