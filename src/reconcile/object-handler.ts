import type { KubernetesObject } from "../kube/api.ts";
import { AtMost } from "../runtime/at-most.ts";
import { messageOf } from "../runtime/errors.ts";
import { isTerminal } from "./completion.ts";
import { type Reconcile, type ReconcileContext, type ReconcileOutcome, TerminalError } from "./contract.ts";

/**
 * Handles one object as it is now: brings it to its wanted state. It is not called for objects that are gone; what must happen at a
 * deletion is held by a finalizer. It must stop when `context.signal` aborts.
 */
export type ObjectHandler = (
  object: KubernetesObject,
  context: ReconcileContext,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is the common case and must type-check
) => Promise<ReconcileOutcome | void>;

export interface HandledObjectsOptions {
  readonly handler: ObjectHandler;
  /** Over all resources that share the handler. */
  readonly concurrentWorkers: number;
  /** How often a key is tried again after it has failed; then it waits for its next event or resync. */
  readonly retries: number;
}

/** One handler of objects for several resources. Each success begins the count of a key's failures anew. */
export function handledObjects({ handler, concurrentWorkers, retries }: HandledObjectsOptions): Reconcile {
  const places = new AtMost(concurrentWorkers);
  const failures = new Map<string, number>();
  return async ({ resource, key }, context) => {
    const { object, signal } = context;
    const name = `${resource} ${key}`;
    if (object === undefined) {
      failures.delete(name);
      return undefined;
    }
    try {
      const outcome = await places.run(async () => handler(object, context), signal);
      failures.delete(name);
      return outcome;
    } catch (error) {
      // The end of the term is not the key's fault.
      if (signal.aborted) throw error;
      const failed = (failures.get(name) ?? 0) + 1;
      if (failed <= retries && !isTerminal(error)) {
        failures.set(name, failed);
        throw error;
      }
      failures.delete(name);
      if (isTerminal(error)) throw error;
      throw new TerminalError(
        `failed ${failed} times, and is tried again at its next change or resync: ${messageOf(error)}`,
        {
          cause: error,
        },
      );
    }
  };
}
