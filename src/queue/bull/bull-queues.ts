import { sleep } from "../../runtime/clock.ts";
import { ElectorateError, hasCode, messageOf } from "../../runtime/errors.ts";
import type { QueueDriver, QueueReplica, QueueTerm, ShardQueues } from "../driver.ts";
import { QueueMetrics } from "../metrics.ts";
import type { WorkQueue } from "../work-queue.ts";
import { BullQueue } from "./bull-queue.ts";
import { Connections } from "./connections.ts";
import { Engine } from "./engine.ts";
import { type BullOptions, settingsProblems } from "./settings.ts";
import { ShardState } from "./state.ts";

/**
 * Work queues in Redis. All replicas of a coordinator must use the same Redis. A coordinator that has no name for its cluster, or cannot
 * read a file that is named, fails with `invalid-configuration` when it starts.
 * @throws ElectorateError `invalid-configuration` that lists every problem of the options.
 */
export function bullQueues(options: BullOptions): QueueDriver {
  const problems = settingsProblems(options);
  if (problems.length > 0) {
    const lines = problems.map(({ path, message }) => `queue.${path.join(".")} ${message}`);
    throw new ElectorateError("invalid-configuration", `the options of the queue are wrong:\n  ${lines.join("\n  ")}`);
  }
  return {
    async connect(replica) {
      const cluster = await clusterName(options, replica);
      return new BullQueues(options, replica, cluster);
    },
  };
}

/** The uid where it can be read; epochs of another cluster must never be compared with ours. */
async function clusterName({ clusterId }: BullOptions, replica: Pick<QueueReplica, "clusterUid">): Promise<string> {
  try {
    return await replica.clusterUid();
  } catch (error) {
    if (!hasCode(error, "forbidden", "not-found")) throw error;
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
function prefixOf(cluster: string): string {
  return `electorate:${cluster}`;
}

/** Bull's name of a shard's queue; the braces keep all its keys on one node of a Redis Cluster. */
function queueNameOf(namespace: string, leaseName: string): string {
  return `{${namespace}/${leaseName}}`;
}

/** What all keys of a queue begin with. */
function baseOf(prefix: string, name: string): string {
  return `${prefix}:${name}:`;
}

/** Which shard's epoch is to be forgotten. */
export interface ResetEpochOptions extends Pick<QueueReplica, "namespace" | "clusterUid" | "clock"> {
  readonly leaseName: string;
}

/**
 * Forgets the epoch that is registered for a shard, so that its owner may register a lesser one; keys and delays are kept. Answers the
 * epoch that was forgotten. For a cluster whose API server was restored from a backup, and for nothing else: an owner that is gone without
 * knowing it is held off by that epoch.
 * @throws ElectorateError `unreachable` for a Redis that does not answer.
 */
export async function resetEpoch(options: BullOptions, shard: ResetEpochOptions): Promise<string | undefined> {
  const { namespace, leaseName, clock } = shard;
  const prefix = prefixOf(await clusterName(options, shard));
  let lastError: Error | undefined;
  const connections = new Connections(options.redis, (error) => {
    lastError = error;
  });
  try {
    const state = new ShardState(connections.client, clock, baseOf(prefix, queueNameOf(namespace, leaseName)), "0");
    const { registered } = await state.reset();
    return registered === "" ? undefined : registered;
  } catch (error) {
    const cause = lastError ?? error;
    throw new ElectorateError("unreachable", `Redis at ${options.redis.addresses.join(", ")}: ${messageOf(cause)}`, {
      cause,
    });
  } finally {
    connections.close();
  }
}

/** Bull takes half a second, and much longer without a Redis; whatever it would still do is done by the next owner. */
const CLOSE_MS = 1_000;

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
    const base = baseOf(this.#prefix, queueNameOf(namespace, term.leaseName));
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
    const closed = Promise.all([...this.#engines.values()].map((engine) => engine.close()));
    await Promise.race([closed, sleep(this.#replica.clock, CLOSE_MS)]);
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
