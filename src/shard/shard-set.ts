import type { ResourceOptions } from "../config/options.ts";
import type { LeaseTimings } from "../config/timings.ts";
import type { LifeOwner, ShardLife } from "../election/contender.ts";
import { type ApiResource, type KubeApi, resourceName } from "../kube/api.ts";
import { type Shard, shardsOf } from "../lease/names.ts";
import { createKeyMap } from "../placement/key-map.ts";
import type { ShardQueues } from "../queue/driver.ts";
import { type FeedsOptions, feedsOf } from "../reconcile/feeds.ts";
import type { ReconcileMetrics } from "../reconcile/metrics.ts";
import type { ReadCaches } from "../reconcile/read-caches.ts";
import type { ResourceFinder } from "../reconcile/resource-finder.ts";
import { createSource, type Source } from "../reconcile/source.ts";
import { sleep } from "../runtime/clock.ts";
import { Scope } from "../runtime/scope.ts";
import type { Watchdog } from "../runtime/watchdog.ts";
import { type RunnerContext, ShardRunner } from "./runner.ts";

export interface ShardSetOptions
  extends Pick<FeedsOptions, "transport" | "clock" | "randomness" | "telemetry" | "trouble"> {
  readonly coordinator: string;
  readonly identity: () => string;
  readonly resource: ApiResource;
  readonly options: ResourceOptions;
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

/** Everything of one resource on this replica: its shards, its one source, and a runner for each shard. */
export class ShardSet {
  readonly resource: string;
  readonly keyMap: string;
  readonly shards: readonly Shard[];
  readonly source: Source;
  readonly #context: RunnerContext;
  readonly #resyncIntervalMs: number | undefined;
  readonly #runners: (ShardRunner | undefined)[] = [];

  constructor(options: ShardSetOptions) {
    const { coordinator, resource, options: settings, clock, telemetry } = options;
    const keyMap = createKeyMap(settings.buckets ?? 1);
    this.resource = resourceName(resource);
    this.keyMap = keyMap.id;
    this.#resyncIntervalMs = settings.resyncIntervalMs;
    this.shards = shardsOf(coordinator, resource, keyMap.count, keyMap.id);
    this.source = createSource({
      resource,
      feeds: feedsOf({ ...options, ...settings, resource }),
      buckets: keyMap,
      ...(settings.transform === undefined ? {} : { transform: settings.transform }),
      log: telemetry.log,
      onKey: (bucket, key) => this.#runners[bucket]?.add(key),
    });
    options.caches.add({
      ...settings,
      resource,
      source: this.source,
      buckets: keyMap.count,
      // What a transform leaves of an object is good for its author's handler alone.
      isWhole: settings.metadataOnly !== true && settings.transform === undefined,
    });
    this.#context = {
      identity: options.identity,
      resource,
      reconcile: settings.reconcile,
      workers: settings.workers ?? 1,
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

  /** Follows the resource until `signal` aborts; rejects as {@link Source.run} does. */
  async run(signal: AbortSignal): Promise<void> {
    const scope = new Scope(signal);
    const { clock } = this.#context;
    const everyMs = this.#resyncIntervalMs;
    scope.run((ended) => this.source.run(ended));
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
    meter.set("electorate_source_objects", labels, this.source.size);
    meter.set("electorate_source_synced", labels, this.source.synced ? 1 : 0);
    meter.set("electorate_shards", labels, this.shards.length);
    meter.set("electorate_shards_owned", labels, this.runners.filter(({ phase }) => phase === "working").length);
  }
}

/** @throws Error that names the resources whose first list is not complete. */
export function requireWarm(sets: readonly ShardSet[]): void {
  const cold = sets.filter(({ source }) => !source.synced).map(({ resource }) => resource);
  if (cold.length > 0) throw new Error(`first list not complete: ${cold.join(", ")}`);
}
