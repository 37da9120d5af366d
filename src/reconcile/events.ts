import { type ApiResource, resourceName } from "../kube/api.ts";
import { messageOf } from "../runtime/errors.ts";
import type { Log } from "../runtime/telemetry.ts";
import { keyOfTarget, type Target } from "./target.ts";

/** Events from elsewhere than the API server: a message queue, a webhook, a timer. */
export type EventSource = AsyncIterable<Target>;

/**
 * A source of events that are handed in: controller-runtime's `source.Channel`. Give it as one of a resource's `sources` and call
 * `emit` from wherever events come in. What is emitted before the coordinator runs is dropped.
 */
export class EventChannel implements EventSource {
  readonly #listeners = new Set<(target: Target) => void>();

  /**
   * Says that an object may have changed. It is looked at if this replica leads its shard, and by nobody if another does: let every replica
   * have every event.
   */
  emit(target: Target): void {
    for (const listen of this.#listeners) listen(target);
  }

  [Symbol.asyncIterator](): AsyncIterator<Target, undefined> {
    const waiting: Target[] = [];
    let wake = (): void => {};
    const listen = (target: Target): void => {
      waiting.push(target);
      wake();
    };
    this.#listeners.add(listen);
    return {
      next: async () => {
        for (;;) {
          const value = waiting.shift();
          if (value !== undefined) return { done: false, value };
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          await promise;
        }
      },
      return: async () => {
        this.#listeners.delete(listen);
        return { done: true, value: undefined };
      },
    };
  }
}

export interface FollowOptions {
  readonly events: EventSource;
  /** The reconciled resource. */
  readonly resource: ApiResource;
  readonly log: Log;
  onKey(key: string): void;
}

/**
 * Hands every key on until the events end or `signal` aborts; rejects as the source does. A source that waits for ever is told that it is not
 * needed any more, and left behind. What names no object is logged and passed over.
 */
export async function followEvents(options: FollowOptions, signal: AbortSignal): Promise<void> {
  const { events, resource, log } = options;
  const iterator: AsyncIterator<Target, unknown> = events[Symbol.asyncIterator]();
  const take = async (): Promise<void> => {
    for (;;) {
      const next = await iterator.next();
      if (next.done === true || signal.aborted) return;
      try {
        options.onKey(keyOfTarget(next.value, resource));
      } catch (error) {
        log.error({ resource: resourceName(resource), error: messageOf(error) }, "an event names no object");
      }
    }
  };
  await new Promise<void>((resolve, reject) => {
    const leave = (): void => {
      resolve();
      void Promise.resolve(iterator.return?.()).catch(() => {});
    };
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    take().then(() => {
      signal.removeEventListener("abort", leave);
      resolve();
    }, reject);
  });
}
