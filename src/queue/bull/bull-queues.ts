import { ElectorateError, hasCode, messageOf } from "../../runtime/errors.ts";
import type { QueueDriver, QueueReplica, QueueTerm, ShardQueues } from "../driver.ts";
import { QueueMetrics } from "../metrics.ts";
import type { WorkQueue } from "../work-queue.ts";
import { BullQueue } from "./bull-queue.ts";
import { Connections, type RedisSettings } from "./connections.ts";
import { Engine } from "./engine.ts";
import { ShardState } from "./state.ts";

/** Settings of the queues in Redis. */
export interface BullOptions {
  readonly redis: RedisSettings;
  /** Names the cluster where the uid of the namespace `kube-system` may not be read; every replica must be given the same. */
  readonly clusterId?: string;
}

/**
 * Work queues in Redis. All replicas of a coordinator must use the same Redis.
 * `connect` rejects with `invalid-configuration` for settings that cannot work, among them a cluster that has no name.
 */
export function bullQueues(options: BullOptions): QueueDriver {
  return {
    async connect(replica) {
      const cluster = await clusterName(options, replica);
      return new BullQueues(options, replica, cluster);
    },
  };
}

/** The uid where it can be read; epochs of another cluster must never be compared with ours. */
async function clusterName({ clusterId }: BullOptions, replica: QueueReplica): Promise<string> {
  try {
    return await replica.clusterUid();
  } catch (error) {
    if (!hasCode(error, "forbidden", "unauthorized", "not-found")) throw error;
    if (clusterId !== undefined) return clusterId;
    throw new ElectorateError(
      "invalid-configuration",
      `queue.clusterId is needed, because the namespace kube-system cannot be read (${messageOf(error)}): allow "get" on it, or give every ` +
        "replica of this cluster the same queue.clusterId, and no other cluster that uses this Redis",
      { cause: error },
    );
  }
}

/** What the keys of a cluster's queues begin with: Bull's `prefix`. */
export function prefixOf(cluster: string): string {
  return `electorate:${cluster}`;
}

/** Bull's name of a shard's queue; the braces keep all its keys on one node of a Redis Cluster. */
export function queueNameOf(namespace: string, leaseName: string): string {
  return `{${namespace}/${leaseName}}`;
}

class BullQueues implements ShardQueues {
  readonly #replica: QueueReplica;
  readonly #prefix: string;
  readonly #connections: Connections;
  readonly #open = new Set<BullQueue>();
  readonly #engines = new Map<string, Engine>();
  #lastError: Error | undefined;
  /** What is wrong with the queue of a shard. */
  readonly #problems = new Map<string, string>();

  constructor({ redis }: BullOptions, replica: QueueReplica, cluster: string) {
    this.#replica = replica;
    this.#prefix = prefixOf(cluster);
    this.#connections = new Connections(redis, (error) => this.#complain(error));
    this.#connections.client.on("close", () => this.#doubt());
    this.#connections.client.on("ready", () => {
      this.#lastError = undefined;
    });
  }

  get problem(): string | undefined {
    const [first] = this.#problems;
    if (first === undefined) return undefined;
    const others = this.#problems.size > 1 ? ` (and ${this.#problems.size - 1} other shards)` : "";
    return `queue of shard ${first[0]}${others}: ${first[1]}`;
  }

  open(term: QueueTerm): WorkQueue {
    const { clock, telemetry, namespace } = this.#replica;
    const base = `${this.#prefix}:${queueNameOf(namespace, term.leaseName)}:`;
    const queue = new BullQueue({
      term,
      state: new ShardState(this.#connections.client, clock, base, term.epoch),
      engine: this.#engineOf(term),
      clock,
      metrics: new QueueMetrics(telemetry.meter, term.shard),
      onTrouble: (error) => this.#note(term.shard, error),
      onEnd: () => {
        this.#open.delete(queue);
        this.#forget(term.shard);
      },
    });
    this.#open.add(queue);
    return queue;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#engines.values()].map((engine) => engine.close()));
    this.#connections.close();
  }

  #engineOf({ shard, leaseName, workers }: QueueTerm): Engine {
    const known = this.#engines.get(shard);
    if (known !== undefined) return known;
    const engine = new Engine({
      connections: this.#connections,
      prefix: this.#prefix,
      name: queueNameOf(this.#replica.namespace, leaseName),
      concurrency: workers,
      onTrouble: (error) => this.#complain(error),
    });
    this.#engines.set(shard, engine);
    return engine;
  }

  /** Bull and the connections try again by themselves; whether a queue works is judged by the queue. */
  #complain(error: Error): void {
    this.#lastError = error;
    this.#replica.telemetry.log.debug({ error: error.message }, "Redis or Bull reported an error");
  }

  /** Whatever answers at the end of the next connection may know less: a restarted server, a replica that was promoted. */
  #doubt(): void {
    for (const queue of this.#open) queue.doubt(this.#lastError ?? new Error("the connection to Redis was lost"));
  }

  #note(shard: string, error: unknown): void {
    const { trouble, telemetry } = this.#replica;
    telemetry.meter.set("electorate_queue_available", { shard }, error === undefined ? 1 : 0);
    if (error === undefined) {
      this.#problems.delete(shard);
      trouble.clear("queue", shard);
      return;
    }
    // That a command was tried often enough says nothing; what the connection said does.
    const gaveUp = error instanceof Error && error.name === "MaxRetriesPerRequestError";
    const cause = gaveUp ? (this.#lastError ?? error) : error;
    this.#problems.set(shard, messageOf(cause));
    trouble.report("queue", `the queue of shard ${shard}`, cause, shard);
  }

  #forget(shard: string): void {
    this.#problems.delete(shard);
    this.#replica.trouble.clear("queue", shard);
    this.#replica.telemetry.meter.forget("electorate_queue_available", { shard });
  }
}
