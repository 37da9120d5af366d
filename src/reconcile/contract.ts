import type { KubernetesObject } from "../kube/api.ts";
import type { Log } from "../runtime/telemetry.ts";
import type { GuardedClient } from "./client-contract.ts";

/** What a controller author writes, and what it is given. */

/** Which object to bring to its wanted state. Level-triggered: it says that something may have changed, never what. */
export interface ReconcileRequest {
  /** Plural resource name with its group, `deployments.apps`, or the plural alone for core. */
  readonly resource: string;
  /** Empty for a cluster-scoped object. */
  readonly namespace: string;
  readonly name: string;
  /** `namespace/name`, or the name alone for a cluster-scoped object. */
  readonly key: string;
}

/** What a handler may use: everything in it belongs to one term of one shard. */
export interface ReconcileContext {
  /** The object as the read cache has it, or `undefined` when it was deleted. */
  readonly object: KubernetesObject | undefined;
  /**
   * Aborts when the term ends or the drain time-out has passed: stop at once, further writes are refused. Aborts, too, at the time-out of a
   * reconcile, and when something that the handler has started throws where nobody waits for it.
   */
  readonly signal: AbortSignal;
  /** Shard id, such as `configmaps-03`. */
  readonly shard: string;
  /** Fencing number of the term: the `resourceVersion` of the write that began it. */
  readonly epoch: string;
  readonly log: Log;
  readonly client: GuardedClient;
}

/**
 * `undefined` or `{}`: done, the key's back-off is forgotten. `requeueAfterMs`: done for now, look again later.
 * A throw: failed, tried again after the key's back-off, unless it is a {@link TerminalError}.
 */
export interface ReconcileOutcome {
  readonly requeueAfterMs?: number;
}

/**
 * A handler: brings the object of `request` to its wanted state and says when to look again, in milliseconds. It may be called
 * again for the same key at any time, never twice at once; it must stop when `context.signal` aborts.
 */
export type Reconcile = (
  request: ReconcileRequest,
  context: ReconcileContext,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is the common case and must type-check
) => Promise<ReconcileOutcome | void>;

/** Thrown by a handler whose failure no retry can mend: logged and counted, not requeued. */
export class TerminalError extends Error {
  override readonly name = "TerminalError";
}
