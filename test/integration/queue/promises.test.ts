import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe } from "vitest";
import { describeQueuePromises } from "../../support/queue-promises.ts";
import { RedisReplica } from "../../support/redis-queues.ts";
import { missingRedis, RedisServer } from "../../support/redis-server.ts";

describe.skipIf(missingRedis())(`the queue in Redis keeps the promises of a work queue ${missingRedis() ?? ""}`, () => {
  let server: RedisServer;
  let replica: RedisReplica;
  let shards = 0;

  beforeAll(async () => {
    server = await RedisServer.start();
    replica = await RedisReplica.connect({ addresses: [server.address] });
  });

  afterAll(async () => {
    await replica.queues.close();
    await server.close();
  });

  describeQueuePromises({
    open: (workers) => replica.open("100", { shard: `configmaps-${shards++}`, workers }),
    pass: (ms) => delay(ms + 20),
    quiet: () => delay(200),
  });
});
