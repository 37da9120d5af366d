import type { KubernetesObject } from "../kube/api.ts";
import type { LeaseVersion } from "./record.ts";

/**
 * Where Leases live. A conflict and a missing Lease are answers; only not knowing (unreachable, denied, malformed) is thrown,
 * as an `ElectorateError`, and after such a throw a write may or may not have been applied.
 */
export interface LeaseStore {
  get(name: string): Promise<ReadAnswer>;
  /** `conflict`: a Lease of that name exists, whoever made it. */
  create(body: KubernetesObject): Promise<WriteAnswer>;
  /** Compare-and-swap: `body` carries uid and resourceVersion. `conflict`: the Lease is another version by now, or gone. */
  update(body: KubernetesObject): Promise<WriteAnswer>;
  /** Deletes exactly this version. */
  remove(name: string, version: { readonly uid: string; readonly resourceVersion: string }): Promise<RemoveAnswer>;
  /** Adds labels and annotations without touching the record, whatever the version. */
  label(
    name: string,
    metadata: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string | null> },
  ): Promise<WriteAnswer>;
  /** Who else's coordinator label stands on Leases of this namespace: Lease name to coordinator. */
  foreignCoordinators(coordinator: string): Promise<ReadonlyMap<string, string>>;
  /** One ordered list+watch of all Leases of a coordinator. */
  watch(): LeaseWatch;
}

export type ReadAnswer = { readonly type: "ok"; readonly version: LeaseVersion } | { readonly type: "missing" };

export type WriteAnswer =
  | { readonly type: "ok"; readonly version: LeaseVersion }
  | { readonly type: "conflict" }
  | { readonly type: "missing" };

export type RemoveAnswer = { readonly type: "ok" } | { readonly type: "conflict" } | { readonly type: "missing" };

export interface LeaseWatch {
  /** Runs until `signal` aborts, reconnecting by itself; a snapshot comes first and after each relist. */
  events(signal: AbortSignal): AsyncIterable<LeaseFeedEvent>;
  /** Demands a fresh snapshot, because something that must have come did not. */
  relist(): void;
}

export type LeaseFeedEvent =
  | { readonly type: "snapshot"; readonly resourceVersion: string; readonly versions: readonly LeaseVersion[] }
  | { readonly type: "changed"; readonly version: LeaseVersion }
  /** `version` is the last state; its resourceVersion is that of the deletion. */
  | { readonly type: "deleted"; readonly version: LeaseVersion }
  | { readonly type: "bookmark"; readonly resourceVersion: string };
