import type { Clock } from "../runtime/clock.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import { createMemoryQueue } from "./memory.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import type { WorkQueue } from "./work-queue.ts";

/** Where the work queues of a replica's shards come from. */
export interface QueueDriver {
  /**
   * Called once, before any shard is led.
   * @throws ElectorateError `invalid-configuration` for settings with which it can never work.
   */
  connect(replica: QueueReplica): Promise<ShardQueues>;
}

/** What a driver is told of the replica. */
export interface QueueReplica {
  /** Namespace of the Leases. */
  readonly namespace: string;
  /** Names the cluster for as long as it exists: epochs of two clusters have no order. Rejects when nobody may know. */
  clusterUid(): Promise<string>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly trouble: TroubleLog;
}

/** The work queues of one replica. */
export interface ShardQueues {
  /** The queue of one term. It may begin later than the term, but ends at its `close`. */
  open(term: QueueTerm): WorkQueue;
  /** Why some queue cannot work now; `undefined` when all can. */
  readonly problem: string | undefined;
  close(): Promise<void>;
}

/** What a queue is told of the term that it belongs to. */
export interface QueueTerm {
  /** Shard id, the label `name` of the queue's metrics. */
  readonly shard: string;
  readonly leaseName: string;
  readonly epoch: string;
  /** How many keys are taken at once at most. */
  readonly workers: number;
  /** How long failed keys wait. A driver that cannot honour it must refuse it. Default {@link DEFAULT_RATE_LIMITER}. */
  readonly rateLimiter?: RateLimiter | undefined;
  /** Compares the gate. */
  admits(): boolean;
  /** Adds every key of the shard: the queue has lost what was added before. */
  refill(): void;
}

/** The default: queues in this process's memory. */
export const memoryQueues: QueueDriver = {
  connect: ({ clock, telemetry: { meter } }) =>
    Promise.resolve({
      open: ({ shard, rateLimiter }) => createMemoryQueue({ clock, meter, name: shard, rateLimiter }),
      problem: undefined,
      close: () => Promise.resolve(),
    }),
};
