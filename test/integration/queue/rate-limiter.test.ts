import { beforeEach, expect, it, onTestFinished } from "vitest";
import type { RateLimiter } from "../../../src/queue/rate-limiter.ts";
import { RedisReplica } from "../../support/redis-queues.ts";
import { RedisServer, requireRedis } from "../../support/redis-server.ts";
import { until } from "../../support/waiting.ts";

const BOUND_MS = 30_000;
const HOUR_MS = 3_600_000;

/** Two quick retries, and no other that a test could see. */
const FAST_SLOW: RateLimiter = { kind: "item-fast-slow", fastDelayMs: 1, slowDelayMs: HOUR_MS, maxFastAttempts: 2 };

beforeEach(requireRedis);

it("the limiter that was chosen is not the one in Redis, or a new owner begins to count failures anew", async () => {
  const server = await RedisServer.start();
  onTestFinished(() => server.close());
  const open = async (epoch: string) => {
    const replica = await RedisReplica.connect({ addresses: [server.address] });
    onTestFinished(() => replica.queues.close());
    return replica.open(epoch, { rateLimiter: FAST_SLOW });
  };
  const first = await open("100");
  first.add("a");
  for (const failures of [1, 2]) {
    expect(await first.take()).toBe("a");
    first.addRateLimited("a");
    expect(first.failures("a")).toBe(failures);
    first.done("a");
  }
  expect(await first.take()).toBe("a");
  first.close();
  first.putBack("a");

  const second = await open("101");
  onTestFinished(() => second.close());
  expect(await second.take()).toBe("a");
  expect(second.failures("a")).toBe(2);
  second.addRateLimited("a");
  second.done("a");
  await until("the slow retry", BOUND_MS, () => second.statistics.delayed === 1);
  expect(second.statistics).toMatchObject({ depth: 0, delayed: 1, inWork: 0 });
});
