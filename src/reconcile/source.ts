import { type ApiResource, type FeedEvent, type KubernetesObject, resourceName } from "../kube/api.ts";
import { ElectorateError, messageOf } from "../runtime/errors.ts";
import { Scope } from "../runtime/scope.ts";
import type { Log } from "../runtime/telemetry.ts";
import { type Buckets, type Change, FeedCache } from "./cache.ts";
import { keyOf } from "./key.ts";
import { dropManagedFields, type Transform } from "./transform.ts";

/**
 * What a replica knows of one resource: one list+watch per resource and namespace, whatever the number of shards.
 *
 * Promises:
 * - The cache is changed before a key is announced, and a snapshot as a whole before the first of its keys is.
 * - Announced is each key that was added, changed (a new resourceVersion) or deleted, also when a relist shows it
 *   rather than an event; never one of which nothing changed.
 * - A snapshot speaks for its own namespace only.
 * - `synced` is true from the first snapshot of the last namespace on, and stays true.
 * - The keys of a bucket are found in time proportional to them.
 * A key that was deleted while nobody owned its bucket is not announced again: as in every level-triggered controller, what must
 * happen at a deletion is held by a finalizer.
 */
export interface Source {
  readonly resource: ApiResource;
  readonly synced: boolean;
  /** Objects known now. */
  readonly size: number;
  /** Resolves when synced; rejects when the source ended before it was. */
  whenSynced(): Promise<void>;
  /** The object of a key as last seen, or `undefined`. Treat it as frozen: every reader gets the same one. */
  objectOf(key: string): KubernetesObject | undefined;
  /** The keys of one bucket, for the resync of a promoted shard. Consume it before the next await. */
  keysOf(bucket: number): Iterable<string>;
  /**
   * Follows the feeds until `signal` aborts, then resolves. Call it once. Rejects when a feed fails for good: `api-server-restored`,
   * `malformed-answer`, or what the feed threw. Ordinary faults of the network are the feed's business.
   */
  run(signal: AbortSignal): Promise<void>;
}

/** A list+watch; see `ListWatch` in the kube room. */
export interface Feed {
  events(signal: AbortSignal): AsyncIterable<FeedEvent>;
}

export interface SourceOptions {
  readonly resource: ApiResource;
  /** One feed for all namespaces, or one for each of several. */
  readonly feeds: readonly { readonly namespace?: string; readonly feed: Feed }[];
  readonly buckets: Buckets;
  /** Default {@link dropManagedFields}. An object for which it throws is kept whole, and the fault is logged. */
  readonly transform?: Transform;
  readonly log: Log;
  /** Told of every fresh key, after the cache was changed. */
  onKey(bucket: number, key: string, change: Change): void;
}

/** Makes a source that knows nothing until it runs. Throws `misuse` without feeds or for two feeds of one namespace. */
export function createSource(options: SourceOptions): Source {
  return new FedSource(options);
}

interface Followed {
  readonly feed: Feed;
  readonly cache: FeedCache;
  synced: boolean;
}

class FedSource implements Source {
  readonly resource: ApiResource;
  readonly #onKey: SourceOptions["onKey"];
  /** By namespace; the one feed of all namespaces stands under "". */
  readonly #followed = new Map<string, Followed>();
  readonly #sync = Promise.withResolvers<void>();
  #synced = false;

  constructor(options: SourceOptions) {
    this.resource = options.resource;
    this.#onKey = (bucket, key, change) => options.onKey(bucket, key, change);
    const transform = forgiving(options.transform ?? dropManagedFields, resourceName(options.resource), options.log);
    for (const { namespace = "", feed } of options.feeds) {
      if (this.#followed.has(namespace)) throw twice(this.resource, namespace);
      this.#followed.set(namespace, { feed, cache: new FeedCache(options.buckets, transform), synced: false });
    }
    if (this.#followed.size === 0)
      throw new ElectorateError("misuse", `the source of ${resourceName(this.resource)} needs at least one feed`);
    if (this.#followed.size > 1 && this.#followed.has("")) throw twice(this.resource, "");
    // Whoever does not ask must not be ended by an unhandled rejection; `run` rejects with the same failure.
    this.#sync.promise.catch(() => {});
  }

  get synced(): boolean {
    return this.#synced;
  }

  get size(): number {
    let size = 0;
    for (const { cache } of this.#followed.values()) size += cache.size;
    return size;
  }

  whenSynced(): Promise<void> {
    return this.#sync.promise;
  }

  objectOf(key: string): KubernetesObject | undefined {
    const everywhere = this.#followed.get("");
    if (everywhere !== undefined) return everywhere.cache.get(key);
    return this.#followed.get(key.slice(0, Math.max(key.indexOf("/"), 0)))?.cache.get(key);
  }

  *keysOf(bucket: number): Iterable<string> {
    for (const { cache } of this.#followed.values()) yield* cache.keysOf(bucket);
  }

  async run(signal: AbortSignal): Promise<void> {
    const scope = new Scope(signal);
    for (const followed of this.#followed.values()) scope.run((ended) => this.#follow(followed, ended));
    try {
      await scope.ended();
      await scope.close();
    } catch (error) {
      this.#sync.reject(error);
      throw error;
    }
    this.#sync.reject(
      new ElectorateError("aborted", `the source of ${resourceName(this.resource)} was stopped before it was synced`),
    );
  }

  async #follow(followed: Followed, signal: AbortSignal): Promise<void> {
    for await (const event of followed.feed.events(signal)) {
      if (signal.aborted) return;
      const fresh = followed.cache.apply(event);
      for (const { bucket, key, before, after } of fresh) this.#onKey(bucket, key, { before, after });
      if (event.type === "snapshot") this.#markSynced(followed);
    }
    if (signal.aborted) return;
    throw new ElectorateError(
      "unreachable",
      `the list+watch of ${resourceName(this.resource)} ended although nobody stopped it`,
    );
  }

  #markSynced(followed: Followed): void {
    followed.synced = true;
    if ([...this.#followed.values()].some(({ synced }) => !synced)) return;
    this.#synced = true;
    this.#sync.resolve();
  }
}

/**
 * A reconciler that sees too much of an object is better off than one that does not see it, or takes it for deleted. Only
 * the first fault is logged: a wrong transform is wrong for every object.
 */
function forgiving(transform: Transform, resource: string, log: Log): Transform {
  let reported = false;
  const report = (key: string, error: string): void => {
    if (!reported)
      log.error({ resource, key, error }, "the transform of the read cache failed; such objects are kept whole");
    reported = true;
  };
  return (object) => {
    try {
      const kept: unknown = transform(object);
      if (isObject(kept)) return kept;
      report(keyOf(object), "it must return an object with its metadata");
    } catch (error) {
      report(keyOf(object), messageOf(error));
    }
    return object;
  };
}

function isObject(value: unknown): value is KubernetesObject {
  return (
    typeof value === "object" &&
    value !== null &&
    "metadata" in value &&
    typeof value.metadata === "object" &&
    value.metadata !== null
  );
}

function twice(resource: ApiResource, namespace: string): ElectorateError {
  const what = namespace === "" ? "all namespaces and single ones" : `namespace ${namespace} twice`;
  return new ElectorateError(
    "misuse",
    `the source of ${resourceName(resource)} is given ${what}; name each namespace once, or none`,
  );
}
