/** The vocabulary of the Kubernetes API as this project uses it: objects, resources, and a feed of a resource's changes. */

/** A Kubernetes object as JSON. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMetadata;
  readonly [field: string]: unknown;
}

/** The part of an object that every kind has; further fields are kept as they are. */
export interface ObjectMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly [field: string]: unknown;
}

/** One resource as discovery describes it. */
export interface ApiResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** `plural.group`, or the plural alone for the core group: how shards, metrics and requests name a resource. */
export function resourceName(resource: Pick<ApiResource, "group" | "plural">): string {
  return resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
}

/** The Lease resource, known without discovery. */
export const LEASES: ApiResource = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  namespaced: true,
};

/** Events in their newer form, which says who reports what about which object. */
export const EVENTS: ApiResource = {
  group: "events.k8s.io",
  version: "v1",
  plural: "events",
  kind: "Event",
  namespaced: true,
};

export const PODS: ApiResource = { group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true };

/** Which objects of a resource are meant; all when empty. */
export interface Selection {
  /** All namespaces when left out. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Options of one call; the deadline covers the whole exchange. */
export interface CallOptions {
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** How a patch is meant: RFC 7396, RFC 6902, Kubernetes' own merge of lists by their keys, or a server-side apply. */
export type PatchKind = "merge" | "json" | "strategic" | "apply";

/** A part of an object that is written by itself. */
export type Subresource = "status";

/** Options of a patch. */
export interface PatchCallOptions extends CallOptions {
  /** Default `merge`. */
  readonly kind?: PatchKind;
  readonly subresource?: Subresource;
  /** Who owns what is written; required for `apply`. */
  readonly fieldManager?: string;
  /** For `apply`: takes fields from other managers instead of a conflict. */
  readonly force?: boolean;
}

/** What becomes of the dependents of a deleted object. */
export type PropagationPolicy = "Background" | "Foreground" | "Orphan";

/** Options of a deletion. */
export interface DeleteCallOptions extends CallOptions {
  /** Default: that of the resource, mostly `Background`. */
  readonly propagationPolicy?: PropagationPolicy;
}

/** The body of a patch: an object, or for kind `json` a list of operations. */
export type PatchBody = Readonly<Record<string, unknown>> | readonly unknown[];

/**
 * Typed calls on any resource. Every answer that is not a success is thrown as an `ElectorateError` with the code of
 * its status; nothing is retried by default (see `KubeClient`).
 */
export interface KubeApi {
  get(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    options?: CallOptions,
  ): Promise<KubernetesObject>;
  /** Every object of all pages, and the resourceVersion of the list. */
  list(
    resource: ApiResource,
    selection: Selection,
    options?: CallOptions,
  ): Promise<{ readonly objects: KubernetesObject[]; readonly resourceVersion: string }>;
  create(resource: ApiResource, object: KubernetesObject, options?: CallOptions): Promise<KubernetesObject>;
  update(resource: ApiResource, object: KubernetesObject, options?: CallOptions): Promise<KubernetesObject>;
  updateStatus(resource: ApiResource, object: KubernetesObject, options?: CallOptions): Promise<KubernetesObject>;
  patch(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    patch: PatchBody,
    options?: PatchCallOptions,
  ): Promise<KubernetesObject>;
  delete(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    preconditions: { readonly uid?: string; readonly resourceVersion?: string },
    options?: DeleteCallOptions,
  ): Promise<void>;
  /** Finds a resource by `plural`, `plural.group`, `plural.version.group` or `plural.group/version`; throws `invalid-configuration` naming near misses. */
  discover(name: string, options?: CallOptions): Promise<ApiResource>;
}

/**
 * What a list+watch says, in order. `snapshot` is complete and replaces everything known; it comes first and again after
 * each relist. Changes carry the object as the server sent it; a `deleted` object is its last state, with the resourceVersion
 * of the deletion. `bookmark` only moves the position.
 */
export type FeedEvent =
  | { readonly type: "snapshot"; readonly resourceVersion: string; readonly objects: readonly KubernetesObject[] }
  | { readonly type: "changed"; readonly object: KubernetesObject }
  | { readonly type: "deleted"; readonly object: KubernetesObject }
  | { readonly type: "bookmark"; readonly resourceVersion: string };
