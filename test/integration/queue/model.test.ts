import fc from "fast-check";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Priority, WorkQueue } from "../../../src/queue/work-queue.ts";
import { RedisReplica } from "../../support/redis-queues.ts";
import { missingRedis, RedisServer, requireRedis } from "../../support/redis-server.ts";
import { NaiveQueue } from "../../unit/queue/naive-queue.ts";

type Step =
  | { readonly do: "add" | "addAfterNothing" | "addAfterAnHour"; readonly key: string; readonly priority: Priority }
  | { readonly do: "retry" | "forget" | "done"; readonly key: string }
  /** Ends the work on the key that has been in work for longest. */
  | { readonly do: "doneOldest" | "failOldest" };

const KEYS = ["a", "b", "c", "d", "e"];
const BOUND_MS = 20_000;
const HOUR_MS = 3_600_000;
/** Longer than any back-off of the reference, and so much shorter than an hour that no run gets there. */
const BACK_OFF_MS = 10_000;

const key = fc.constantFrom(...KEYS);
const priority = fc.constantFrom<Priority>("fresh", "resync");
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant("add" as const), key, priority }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("addAfterNothing" as const, "addAfterAnHour" as const), key, priority }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("retry" as const, "forget" as const, "done" as const), key }),
  },
  { weight: 8, arbitrary: fc.constant<Step>({ do: "doneOldest" }) },
  { weight: 4, arbitrary: fc.constant<Step>({ do: "failOldest" }) },
);

/**
 * The queue in Redis and the reference side by side, with workers who take the next key as soon as they have ended one. Time is real in
 * Redis and a number in the reference, so a step that begins a back-off lasts until that has ended in both.
 */
class Pair {
  readonly naive = new NaiveQueue(0);
  readonly wanted: string[] = [];
  readonly handedOut: string[] = [];
  readonly working = new Set<string>();
  readonly real: WorkQueue;
  readonly #client: Redis;
  /** What all keys of the queue in Redis begin with. */
  readonly #base: string;
  #marks = 0;

  constructor(client: Redis, replica: RedisReplica, shard: string, workers: number) {
    this.real = replica.open("100", { shard, workers });
    this.#client = client;
    this.#base = `electorate:cluster-1:{default/shop-${shard}}:`;
    for (let worker = 0; worker < workers; worker++) this.#take();
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case "add":
        this.real.add(step.key, step.priority);
        this.wanted.push(...this.naive.add(step.key, step.priority));
        break;
      case "addAfterNothing":
      case "addAfterAnHour":
        this.#delay(step.key, step.do === "addAfterAnHour" ? HOUR_MS : 0, step.priority);
        break;
      case "retry":
        // The work on a key that is in work asks for its retry just before it ends.
        if (!this.working.has(step.key)) await this.#backOff(step.key);
        break;
      case "forget":
        this.real.forget(step.key);
        this.naive.forget(step.key);
        break;
      case "done":
        this.#done(step.key);
        break;
      case "doneOldest":
      case "failOldest":
        await this.#endOldest(step.do === "failOldest");
        break;
    }
    await this.#settle();
  }

  compare(): void {
    expect(this.handedOut).toEqual(this.wanted);
    expect(this.real.statistics.inWork).toBe(this.naive.statistics.inWork);
    for (const key of KEYS) expect(this.real.failures(key)).toBe(this.naive.failures(key));
  }

  /** Ends all work, until nothing waits but for an hour. */
  async drain(): Promise<void> {
    while (this.naive.statistics.inWork > 0) {
      await this.run({ do: "doneOldest" });
      this.compare();
    }
    const { depth, delayed } = this.naive.statistics;
    await asked(`a depth of ${depth} and ${delayed} delayed`, async () => {
      await this.#client.ping();
      return this.real.statistics.depth === depth && this.real.statistics.delayed === delayed;
    });
  }

  async #endOldest(failed: boolean): Promise<void> {
    const [key] = this.naive.inWork;
    if (key === undefined) return;
    if (failed) await this.#backOff(key);
    this.#done(key);
  }

  async #backOff(key: string): Promise<void> {
    this.real.addRateLimited(key);
    this.naive.addRateLimited(key);
    await this.#arrived();
    // Bull keeps moments in units of 1/4096 ms.
    const soon = (Date.now() + HOUR_MS / 2) * 4096;
    await asked(
      "the end of a back-off",
      async () => (await this.#client.zcount(`${this.#base}delayed`, 0, soon)) === 0,
    );
    this.wanted.push(...this.naive.advance(BACK_OFF_MS));
    await this.#settle();
  }

  #delay(key: string, delayMs: number, priority: Priority): void {
    this.real.addAfter(key, delayMs, priority);
    this.wanted.push(...this.naive.addAfter(key, delayMs, priority));
  }

  #done(key: string): void {
    const isInWork = this.working.delete(key);
    this.real.done(key);
    this.wanted.push(...this.naive.done(key));
    if (isInWork) this.#take();
  }

  #take(): void {
    void this.real.take().then((key) => {
      if (key === undefined) return;
      if (this.working.has(key)) throw new Error(`${key} was handed out twice at once`);
      this.working.add(key);
      this.handedOut.push(key);
    });
    this.wanted.push(...this.naive.take());
  }

  async #settle(): Promise<void> {
    await this.#arrived();
    await asked(`one of ${this.wanted.join(" ")} to be handed out`, async () => {
      await this.#client.ping();
      return this.handedOut.length >= this.wanted.length;
    });
  }

  /** Everything that was said so far is in the state, and Bull has the jobs of it: a second message is not sent before. */
  async #arrived(): Promise<void> {
    for (let marks = 0; marks < 2; marks++) {
      const mark = `mark-${this.#marks++}`;
      this.#delay(mark, HOUR_MS, "resync");
      const sinceMs = () => this.#client.zscore(`${this.#base}electorate-delayed`, mark);
      await asked("a mark to arrive", async () => (await sinceMs()) !== null);
    }
  }
}

/** As often as Redis answers. */
async function asked(what: string, probe: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + BOUND_MS;
  while (!(await probe())) if (performance.now() > deadlineMs) throw new Error(`waited ${BOUND_MS} ms for ${what}`);
}

describe("the queue in Redis does what its promises say in any order of calls", () => {
  beforeEach(requireRedis);

  let server: RedisServer | undefined;
  let replica: RedisReplica | undefined;
  let client: Redis | undefined;
  let shards = 0;

  beforeAll(async () => {
    if (missingRedis !== undefined) return;
    server = await RedisServer.start();
    client = server.client();
    replica = await RedisReplica.connect({ addresses: [server.address] });
  });

  afterAll(async () => {
    await replica?.queues.close();
    await server?.close();
  });

  it("hands out the same keys in the same order as the naive reference of the queue in memory", {
    timeout: 240_000,
  }, async () => {
    const plays = fc.array(step, { minLength: 10, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(plays, fc.integer({ min: 1, max: 3 }), async (steps, workers) => {
        if (client === undefined || replica === undefined) throw new Error("no Redis");
        const pair = new Pair(client, replica, `model-${shards++}`, workers);
        for (const step of steps) {
          await pair.run(step);
          pair.compare();
        }
        await pair.drain();
        pair.real.close();
      }),
      { numRuns: 20, endOnFailure: true },
    );
  });
});
