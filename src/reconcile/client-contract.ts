import type { KubernetesObject, PatchBody, PropagationPolicy } from "../kube/api.ts";

/** The API access that handlers are given. */

/** Names one object for the guarded client. `resource` is left out for objects of the reconciled resource. */
export interface ObjectReference {
  /** `plural`, `plural.group` or `plural.version.group`, as kubectl takes it. */
  readonly resource?: string;
  readonly namespace?: string;
  readonly name: string;
}

/** Where a read is answered from. */
export interface ReadOptions {
  /** True asks the API server, also for what this replica watches anyway. Default false. */
  readonly fresh?: boolean;
}

/** Which objects a list is of; all of the reconciled resource when empty. */
export interface ListQuery extends ReadOptions {
  readonly resource?: string;
  /** Default: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Only objects whose controller, as {@link setControllerReference} says it, is this one. */
  readonly controlledBy?: KubernetesObject;
}

/** Options of a write of a whole object. */
export interface WriteOptions {
  /** The resource of the object, where it is not the reconciled one. */
  readonly resource?: string;
}

/** Options of what may come to be. */
export interface CreateOptions extends WriteOptions {
  /** Becomes the controller of the object, as by {@link setControllerReference}. */
  readonly controller?: KubernetesObject;
}

/** Options of a patch. */
export interface PatchOptions {
  /** The object that the patch was computed from: its version and uid fence the patch. */
  readonly of?: KubernetesObject;
  /**
   * `merge` (RFC 7396, default for an object), `json` (RFC 6902, default for a list of operations) or `strategic`, which merges lists by their
   * keys and which the API server knows for built-in kinds only.
   */
  readonly kind?: "merge" | "json" | "strategic";
}

/** Options of a server-side apply. */
export interface ApplyOptions extends CreateOptions {
  /** Owns the fields that are applied. Default: the coordinator's name. */
  readonly fieldManager?: string;
  /** Takes fields that others own, instead of `conflict`; for a controller that is the only one to decide about them. Default false. */
  readonly force?: boolean;
}

/** Options of a deletion. */
export interface DeleteOptions extends WriteOptions {
  /** What becomes of its dependents. Default: what the API server does for the resource, mostly `Background`. */
  readonly propagationPolicy?: PropagationPolicy;
  /** False deletes this object whatever has changed in it, by its uid alone. Default true: only in the version that was read. */
  readonly ifUnchanged?: boolean;
}

/**
 * API access that belongs to a term. Every write compares the gate at that moment and throws `gate-closed` when the term has ended; it carries
 * the object's `resourceVersion` and `uid` where they can be known, has a deadline of at most what is left of the gate plus the quiesce time, and is
 * never sent a second time by us.
 *
 * Reads always work. What this replica watches whole is read from its cache: `get` when the object is there, `list` when it asks for what is
 * watched, with the same selectors, in all or one of its namespaces. Everything else, and what is `fresh`, is asked of the API server. A cache may be a
 * moment behind, also behind your own writes; a write that was computed from an old version is a `conflict`, and the key is looked at again.
 * Treat objects as frozen: every reader of the cache gets the same ones.
 */
export interface GuardedClient {
  /** @throws ElectorateError `not-found`, which the API server itself has said. */
  get(reference: ObjectReference, options?: ReadOptions): Promise<KubernetesObject>;
  /** All pages of a list. */
  list(query: ListQuery): Promise<KubernetesObject[]>;
  /** @throws ElectorateError `conflict` with the reason `AlreadyExists`; `already-owned` where `controller` is not the first one. */
  create(object: KubernetesObject, options?: CreateOptions): Promise<KubernetesObject>;
  /** Replaces the object; `metadata.resourceVersion` is required. @throws ElectorateError `conflict` when it has changed meanwhile. */
  update(object: KubernetesObject, options?: WriteOptions): Promise<KubernetesObject>;
  /** Changes parts of an object; give `metadata.resourceVersion` in the patch, or `of`, to be fenced. */
  patch(reference: ObjectReference, patch: PatchBody, options?: PatchOptions): Promise<KubernetesObject>;
  /**
   * Server-side apply: makes the object, or gives its fields the values of `configuration` and takes away those that this field manager applied before
   * and does no more. It holds what you want to own, and nothing else. @throws ElectorateError `conflict` for fields that others own.
   */
  apply(configuration: KubernetesObject, options?: ApplyOptions): Promise<KubernetesObject>;
  /** Deletes exactly this object: its `uid`, and its `resourceVersion` unless `ifUnchanged` is false, are sent as preconditions. */
  delete(object: KubernetesObject, options?: DeleteOptions): Promise<void>;
  /** Replaces the status subresource; `metadata.resourceVersion` is required. */
  updateStatus(object: KubernetesObject, options?: WriteOptions): Promise<KubernetesObject>;
  /** {@link patch} of the status subresource; the patch holds `status` as it would stand in the object. */
  patchStatus(reference: ObjectReference, patch: PatchBody, options?: PatchOptions): Promise<KubernetesObject>;
  /** {@link apply} of the status subresource. The object must exist. */
  applyStatus(configuration: KubernetesObject, options?: ApplyOptions): Promise<KubernetesObject>;
}
