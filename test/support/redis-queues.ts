import type { RedisSettings } from "../../src/queue/bull/index.ts";
import { bullQueues } from "../../src/queue/bull/index.ts";
import type { QueueTerm, ShardQueues } from "../../src/queue/driver.ts";
import type { WorkQueue } from "../../src/queue/work-queue.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type Log, silentTelemetry } from "../../src/runtime/telemetry.ts";
import { TroubleLog } from "../../src/runtime/trouble.ts";
import { RecordingMeter } from "../unit/queue/recording-meter.ts";

/** What a log was told, as text. */
function recordingLog(lines: string[]): Log {
  const say = (_fields: object, message: string): void => void lines.push(message);
  const log: Log = { debug() {}, info: say, warn: say, error: say, child: () => log };
  return log;
}

/** The queues of one replica on a Redis. */
export class RedisReplica {
  readonly meter = new RecordingMeter();
  readonly lines: string[] = [];
  readonly queues: ShardQueues;

  private constructor(queues: ShardQueues, meter: RecordingMeter, lines: string[]) {
    this.queues = queues;
    this.meter = meter;
    this.lines = lines;
  }

  static async connect(redis: RedisSettings, cluster = "cluster-1"): Promise<RedisReplica> {
    const meter = new RecordingMeter();
    const lines: string[] = [];
    const log = recordingLog(lines);
    const queues = await bullQueues({ redis }).connect({
      namespace: "default",
      clusterUid: () => Promise.resolve(cluster),
      clock: systemClock,
      telemetry: { ...silentTelemetry, log, meter },
      trouble: new TroubleLog(log),
    });
    return new RedisReplica(queues, meter, lines);
  }

  open(epoch: string, term: Partial<QueueTerm> = {}): WorkQueue {
    const shard = term.shard ?? "configmaps-00";
    return this.queues.open({
      shard,
      leaseName: `shop-${shard}`,
      epoch,
      workers: 1,
      admits: () => true,
      refill() {},
      ...term,
    });
  }
}

/** Works on every key that comes, `handle` by `handle`, until the queue is closed. */
export async function workOn(queue: WorkQueue, workers: number, handle: (key: string) => Promise<void> | void) {
  const loop = async (): Promise<void> => {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      await handle(key);
      queue.done(key);
    }
  };
  await Promise.all(Array.from({ length: workers }, loop));
}
