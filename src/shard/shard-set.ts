import type { ResourceOptions } from "../config/options.ts";
import type { LeaseTimings } from "../config/timings.ts";
import type { LifeOwner, ShardLife } from "../election/contender.ts";
import { type ApiResource, type KubeApi, resourceName } from "../kube/api.ts";
import { type Shard, shardsOf } from "../lease/names.ts";
import { createKeyMap, type KeyMap } from "../placement/key-map.ts";
import type { ShardQueues } from "../queue/driver.ts";
import { followEvents } from "../reconcile/events.ts";
import { type FeedsOptions, feedsOf } from "../reconcile/feeds.ts";
import type { ReconcileMetrics } from "../reconcile/metrics.ts";
import type { ReadCaches } from "../reconcile/read-caches.ts";
import { createRelatedSource } from "../reconcile/related.ts";
import type { ResourceFinder } from "../reconcile/resource-finder.ts";
import { createSource, type Source } from "../reconcile/source.ts";
import { changeFilter } from "../reconcile/update-filter.ts";
import { sleep } from "../runtime/clock.ts";
import { Scope } from "../runtime/scope.ts";
import type { Watchdog } from "../runtime/watchdog.ts";
import { keysOfRelated, type Related } from "./related.ts";
import { type RunnerContext, ShardRunner } from "./runner.ts";

export interface ShardSetOptions
  extends Pick<FeedsOptions, "transport" | "clock" | "randomness" | "telemetry" | "trouble"> {
  readonly coordinator: string;
  readonly identity: () => string;
  readonly resource: ApiResource;
  readonly options: ResourceOptions;
  readonly related: readonly Related[];
  readonly drainTimeoutMs: number;
  readonly timings: Pick<LeaseTimings, "quiesceMs">;
  readonly api: KubeApi;
  readonly finder: ResourceFinder;
  /** Of all resources of this replica; this one's is added. */
  readonly caches: ReadCaches;
  readonly queues: ShardQueues;
  readonly metrics: ReconcileMetrics;
  readonly overrun: RunnerContext["overrun"];
}

/** Everything of one resource on this replica: its shards, its sources, and a runner for each shard. */
export class ShardSet {
  readonly resource: string;
  readonly keyMap: string;
  readonly shards: readonly Shard[];
  readonly source: Source;
  /** Of children and other watched kinds. */
  readonly relatedSources: readonly Source[];
  readonly #options: ShardSetOptions;
  readonly #keyMap: KeyMap;
  readonly #context: RunnerContext;
  readonly #runners: (ShardRunner | undefined)[] = [];

  constructor(options: ShardSetOptions) {
    const { coordinator, resource, options: settings, clock, telemetry } = options;
    const keyMap = createKeyMap(settings.buckets ?? 1);
    this.#options = options;
    this.#keyMap = keyMap;
    this.resource = resourceName(resource);
    this.keyMap = keyMap.id;
    this.shards = shardsOf(coordinator, resource, keyMap.count, keyMap.id);
    const passes = changeFilter(settings.updates, this.resource, telemetry.log);
    this.source = createSource({
      resource,
      feeds: feedsOf({ ...options, ...settings, resource }),
      buckets: keyMap,
      ...(settings.transform === undefined ? {} : { transform: settings.transform }),
      log: telemetry.log,
      onKey: (bucket, key, change) => {
        if (passes(change)) this.#runners[bucket]?.add(key);
      },
    });
    options.caches.add({
      ...settings,
      resource,
      source: this.source,
      buckets: keyMap.count,
      // What a transform leaves of an object is good for its author's handler alone.
      isWhole: settings.metadataOnly !== true && settings.transform === undefined,
    });
    this.relatedSources = options.related.map((related) => this.#follow(related));
    this.#context = {
      identity: options.identity,
      resource,
      reconcile: settings.reconcile,
      workers: settings.workers ?? 1,
      reconcileTimeoutMs: settings.reconcileTimeoutMs,
      rateLimiter: settings.rateLimiter,
      drainTimeoutMs: options.drainTimeoutMs,
      quiesceMs: options.timings.quiesceMs,
      api: options.api,
      finder: options.finder,
      source: this.source,
      caches: options.caches,
      fieldManager: coordinator,
      queues: options.queues,
      metrics: options.metrics,
      clock,
      telemetry,
      overrun: options.overrun,
    };
  }

  get runners(): readonly ShardRunner[] {
    return this.#runners.filter((runner) => runner !== undefined);
  }

  /** Resolves when every source is synced; rejects when one ended before it was. */
  async whenSynced(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.whenSynced()));
  }

  /** What has not been listed yet. */
  get cold(): readonly string[] {
    return this.#sources.filter(({ synced }) => !synced).map(({ resource }) => resourceName(resource));
  }

  /**
   * Follows everything that makes keys fresh until `signal` aborts; rejects as {@link Source.run} does. `eventsFailed` is told of an event source
   * that failed: nothing is known to be wrong with the cluster then, and shards can be given back.
   */
  async run(signal: AbortSignal, eventsFailed: (error: unknown) => void): Promise<void> {
    const scope = new Scope(signal);
    const { clock, resource, telemetry } = this.#context;
    const { resyncIntervalMs: everyMs, sources = [] } = this.#options.options;
    for (const source of this.#sources) scope.run((ended) => source.run(ended));
    for (const events of sources) {
      const options = { events, resource, log: telemetry.log, onKey: (key: string) => this.#add(key) };
      scope.run((ended) => followEvents(options, ended).catch(eventsFailed));
    }
    if (everyMs !== undefined) {
      scope.run(async (ended) => {
        for (;;) {
          await sleep(clock, everyMs, ended);
          for (const runner of this.runners) runner.resync();
        }
      });
    }
    await scope.ended();
    await scope.close();
  }

  /** The life of one of these shards; made once for each. */
  lifeOf(shard: Shard, watchdog: Watchdog, owner: LifeOwner): ShardLife {
    const runner = new ShardRunner(shard, this.#context, watchdog.slot(shard.id), owner);
    this.#runners[shard.bucket] = runner;
    return runner;
  }

  /** Brings the gauges that change with time alone up to date. */
  sample(): void {
    for (const runner of this.runners) runner.sample();
    const labels = { resource: this.resource };
    const { meter } = this.#context.telemetry;
    this.#sampleSource(this.source, this.resource);
    for (const source of this.relatedSources)
      this.#sampleSource(source, `${resourceName(source.resource)} for ${this.resource}`);
    meter.set("electorate_shards", labels, this.shards.length);
    meter.set("electorate_shards_owned", labels, this.runners.filter(({ phase }) => phase === "working").length);
  }

  get #sources(): readonly Source[] {
    return [this.source, ...this.relatedSources];
  }

  #sampleSource({ size, synced }: Source, resource: string): void {
    const { meter } = this.#context.telemetry;
    meter.set("electorate_source_objects", { resource }, size);
    meter.set("electorate_source_synced", { resource }, synced ? 1 : 0);
  }

  /** A key that something else than its object's own event makes fresh. */
  #add(key: string): void {
    this.#runners[this.#keyMap.bucketOf(key)]?.add(key);
  }

  #follow(related: Related): Source {
    const { telemetry } = this.#options;
    const { resource, settings } = related;
    return createRelatedSource({
      resource,
      feeds: feedsOf({ ...this.#options, ...settings, resource }),
      ...(settings.transform === undefined ? {} : { transform: settings.transform }),
      log: telemetry.log,
      updates: settings.updates,
      keysOf: keysOfRelated(related, this.source, telemetry),
      onKey: (key) => this.#add(key),
    });
  }
}

/** @throws Error that names the resources whose first list is not complete. */
export function requireWarm(sets: readonly ShardSet[]): void {
  const cold = sets.flatMap((set) => set.cold);
  if (cold.length > 0) throw new Error(`first list not complete: ${cold.join(", ")}`);
}
