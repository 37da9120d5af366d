import type { FeedEvent, KubernetesObject } from "../../../src/kube/api.ts";
import { createKeyMap } from "../../../src/placement/key-map.ts";
import { createSource, type Feed, type Source, type SourceOptions } from "../../../src/reconcile/source.ts";
import { CONFIG_MAPS, type LogLine, recordingLog } from "./key-world.ts";

/** A list+watch that says what the test tells it to. `say` resolves when the event has been taken in. */
export class ScriptedFeed implements Feed {
  readonly #events: { readonly event: FeedEvent; readonly taken: () => void }[] = [];
  #wake: () => void = () => {};
  #failure: Error | undefined;
  #over = false;

  say(event: FeedEvent): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#events.push({ event, taken: resolve });
    this.#wake();
    return promise;
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  end(): void {
    this.#over = true;
    this.#wake();
  }

  async *events(signal: AbortSignal): AsyncGenerator<FeedEvent> {
    signal.addEventListener("abort", () => this.#wake());
    while (!signal.aborted && !this.#over) {
      if (this.#failure !== undefined) throw this.#failure;
      const next = this.#events.shift();
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      yield next.event;
      next.taken();
    }
  }
}

export interface World {
  readonly feeds: Record<string, ScriptedFeed>;
  readonly feed: ScriptedFeed;
  readonly source: Source;
  readonly announced: string[];
  readonly lines: LogLine[];
  readonly running: Promise<void>;
  stop(): Promise<void>;
}

export function run(options: Partial<SourceOptions> & { readonly namespaces?: readonly string[] } = {}): World {
  const { namespaces = [""], ...more } = options;
  const feeds = Object.fromEntries(namespaces.map((namespace) => [namespace, new ScriptedFeed()]));
  const announced: string[] = [];
  const lines: LogLine[] = [];
  const source = createSource({
    resource: CONFIG_MAPS,
    feeds: Object.entries(feeds).map(([namespace, feed]) => (namespace === "" ? { feed } : { namespace, feed })),
    buckets: createKeyMap(8),
    log: recordingLog(lines),
    onKey: (_bucket, key) => void announced.push(key),
    ...more,
  });
  const abort = new AbortController();
  const running = source.run(abort.signal);
  running.catch(() => {});
  const [feed] = Object.values(feeds);
  if (feed === undefined) throw new Error("a world needs a feed");
  return {
    feeds,
    feed,
    source,
    announced,
    lines,
    running,
    stop() {
      abort.abort();
      return running;
    },
  };
}

export const snapshot = (resourceVersion: string, ...objects: KubernetesObject[]): FeedEvent => ({
  type: "snapshot",
  resourceVersion,
  objects,
});
export const changed = (changedObject: KubernetesObject): FeedEvent => ({ type: "changed", object: changedObject });
export const deleted = (deletedObject: KubernetesObject): FeedEvent => ({ type: "deleted", object: deletedObject });

/** What was announced since the last time it was asked. */
export function news(world: World): string[] {
  return world.announced.splice(0);
}
