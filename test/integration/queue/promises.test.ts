import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe } from "vitest";
import { describeQueuePromises } from "../../support/queue-promises.ts";
import { RedisReplica } from "../../support/redis-queues.ts";
import { missingRedis, RedisServer, requireRedis } from "../../support/redis-server.ts";

describe("the queue in Redis keeps the promises of a work queue", () => {
  beforeEach(requireRedis);

  let server: RedisServer | undefined;
  let replica: RedisReplica | undefined;
  let shards = 0;

  beforeAll(async () => {
    if (missingRedis !== undefined) return;
    server = await RedisServer.start();
    replica = await RedisReplica.connect({ addresses: [server.address] });
  });

  afterAll(async () => {
    await replica?.queues.close();
    await server?.close();
  });

  describeQueuePromises({
    open: (workers) => {
      if (replica === undefined) throw new Error("no Redis");
      return replica.open("100", { shard: `configmaps-${shards++}`, workers });
    },
    pass: (ms) => delay(ms + 20),
    quiet: () => delay(200),
  });
});
