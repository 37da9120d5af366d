import { describe, expect, it } from "vitest";
import type { Priority, QueueStatistics, WorkQueue } from "../../src/queue/work-queue.ts";
import { byText, until } from "./waiting.ts";

/** A driver under test. */
export interface QueueWorld {
  /** An open, empty queue of a shard of its own, for so many keys in work at once. */
  readonly open: (workers: number) => WorkQueue;
  /** Lets time pass. */
  readonly pass: (ms: number) => Promise<unknown>;
  /** Long enough for whatever is going to be handed out without another call. */
  readonly quiet: () => Promise<unknown>;
}

const BOUND_MS = 20_000;
const NOTHING = Symbol("nothing was handed out");

/** The promises of `WorkQueue`, which every driver keeps. */
export function describeQueuePromises(world: QueueWorld): void {
  describe("no key is worked on twice at once, and none is lost", () => {
    describeExclusion(world);
  });
  describe("a resync of a whole shard does not hold up events", () => {
    describePriorities(world);
  });
  describe("delays and back-off", () => {
    describeDelays(world);
  });
  describe("a closed queue", () => {
    describeClosing(world);
  });
}

async function settled(queue: WorkQueue, expected: Partial<QueueStatistics>): Promise<void> {
  const holds = (): boolean => {
    const now = queue.statistics;
    return Object.entries(expected).every(([name, value]) => Reflect.get(now, name) === value);
  };
  await until(JSON.stringify(expected), BOUND_MS, holds, () => JSON.stringify(queue.statistics));
}

async function takeAll(queue: WorkQueue, keys: number): Promise<(string | undefined)[]> {
  const taken: (string | undefined)[] = [];
  for (let count = 0; count < keys; count++) taken.push(await queue.take());
  return taken;
}

function describeExclusion({ open, quiet }: QueueWorld): void {
  const takeNow = (queue: WorkQueue) => Promise.race([queue.take(), quiet().then(() => NOTHING)]);

  it("a key added a hundred times while it waits is one run", async () => {
    const queue = open(2);
    for (let adds = 0; adds < 100; adds++) queue.add("a");
    await settled(queue, { depth: 1 });
    expect(await queue.take()).toBe("a");
    queue.done("a");
    expect(await takeNow(queue)).toBe(NOTHING);
  });

  it("a key added while in work is not handed to a second worker that already waits, and runs exactly once more", async () => {
    const queue = open(2);
    queue.add("a");
    expect(await queue.take()).toBe("a");
    const second = queue.take();
    queue.add("a");
    queue.add("a");
    expect(await Promise.race([second, quiet().then(() => NOTHING)])).toBe(NOTHING);
    queue.done("a");
    expect(await second).toBe("a");
    queue.done("a");
    await settled(queue, { depth: 0, delayed: 0, inWork: 0, oldestAgeMs: 0 });
    expect(await takeNow(queue)).toBe(NOTHING);
  });

  it("a key that runs again goes behind those that waited longer, so that one busy object starves nobody", async () => {
    const queue = open(1);
    queue.add("busy");
    await queue.take();
    queue.add("busy");
    queue.add("patient");
    queue.done("busy");
    expect(await queue.take()).toBe("patient");
    queue.done("patient");
    expect(await queue.take()).toBe("busy");
  });

  it("done for a key that is waiting, unknown or already done changes nothing", async () => {
    const queue = open(1);
    queue.add("a");
    queue.done("a");
    queue.done("unknown");
    expect(await queue.take()).toBe("a");
    queue.done("a");
    queue.done("a");
    await settled(queue, { depth: 0, inWork: 0 });
  });

  it("a key whose work did not begin is put back for whoever takes next, and one that is not in work is not", async () => {
    const queue = open(1);
    queue.putBack("unknown");
    queue.add("a");
    expect(await queue.take()).toBe("a");
    queue.putBack("a");
    expect(await queue.take()).toBe("a");
    queue.done("a");
    await settled(queue, { depth: 0, inWork: 0 });
  });

  it("workers that wait are served one key each", async () => {
    const queue = open(3);
    const takes = [queue.take(), queue.take(), queue.take()];
    for (const key of ["a", "b", "c"]) queue.add(key);
    expect((await Promise.all(takes)).toSorted(byText)).toEqual(["a", "b", "c"]);
  });

  it("four workers and a storm of adds: no key runs beside itself, and each runs after its last add", async () => {
    const queue = open(4);
    const keys = Array.from({ length: 25 }, (_, index) => `default/k${index}`);
    const owed = new Set<string>();
    const running = new Set<string>();
    const doubles: string[] = [];
    const add = (key = "", priority: Priority = "fresh"): void => {
      owed.add(key);
      queue.add(key, priority);
    };
    const work = async (): Promise<void> => {
      for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
        if (running.has(key)) doubles.push(key);
        running.add(key);
        owed.delete(key);
        await new Promise((resolve) => setImmediate(resolve));
        running.delete(key);
        queue.done(key);
      }
    };
    const workers = Promise.all([work(), work(), work(), work()]);
    for (let round = 0; round < 400; round++) {
      for (let adds = 0; adds < 5; adds++)
        add(keys[(round * 7 + adds * 11) % keys.length], adds % 2 === 0 ? "fresh" : "resync");
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(
      "every key to have run",
      BOUND_MS,
      () => owed.size === 0,
      () => JSON.stringify([...owed]),
    );
    queue.close();
    await workers;
    expect(doubles).toEqual([]);
  });
}

function describePriorities({ open }: QueueWorld): void {
  it("fresh keys overtake resync keys that were added before, and keep their own order", async () => {
    const queue = open(4);
    for (const key of ["r1", "r2"]) queue.add(key, "resync");
    for (const key of ["f1", "f2"]) queue.add(key);
    await settled(queue, { depth: 4 });
    expect(await takeAll(queue, 4)).toEqual(["f1", "f2", "r1", "r2"]);
  });

  it("an event for a key that waits as resync promotes it, without a second run", async () => {
    const queue = open(3);
    for (const key of ["r1", "r2", "r3"]) queue.add(key, "resync");
    await settled(queue, { depth: 3 });
    queue.add("r2", "fresh");
    await settled(queue, { depth: 3 });
    expect(await takeAll(queue, 3)).toEqual(["r2", "r1", "r3"]);
    await settled(queue, { depth: 0 });
  });

  it("a resync add never demotes a fresh key, waiting or in work", async () => {
    const queue = open(1);
    queue.add("a");
    queue.add("a", "resync");
    queue.add("r", "resync");
    expect(await queue.take()).toBe("a");
    queue.add("a", "fresh");
    queue.add("a", "resync");
    queue.done("a");
    expect(await queue.take()).toBe("a");
  });

  it("a key added in work as resync and then as fresh runs again as fresh", async () => {
    const queue = open(1);
    queue.add("a");
    await queue.take();
    queue.add("a", "resync");
    queue.add("a", "fresh");
    queue.add("r", "resync");
    queue.done("a");
    expect(await queue.take()).toBe("a");
  });
}

function describeDelays({ open, pass, quiet }: QueueWorld): void {
  it("a delayed key is not handed out early, and is when its time has come", async () => {
    const queue = open(1);
    const taken = queue.take();
    queue.addAfter("a", 400);
    await settled(queue, { delayed: 1 });
    expect(await Promise.race([taken, quiet().then(() => NOTHING)])).toBe(NOTHING);
    await pass(400);
    expect(await taken).toBe("a");
    await settled(queue, { delayed: 0, inWork: 1 });
  });

  it("of several delays of one key the earliest wins, whichever came first, and it runs once", async () => {
    const queue = open(1);
    for (const delayMs of [700, 100, 900]) queue.addAfter("a", delayMs);
    await settled(queue, { delayed: 1 });
    await pass(100);
    expect(await queue.take()).toBe("a");
    queue.done("a");
    await pass(900);
    await settled(queue, { depth: 0, delayed: 0, inWork: 0 });
  });

  it("a delay that has passed already is no delay, and one that is no number is refused by name", async () => {
    const queue = open(2);
    queue.addAfter("a", 0);
    queue.addAfter("b", -5_000);
    expect(await takeAll(queue, 2)).toEqual(["a", "b"]);
    for (const delayMs of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => queue.addAfter("shop/cart", delayMs)).toThrow(/finite delay.*shop\/cart/);
  });

  it("an event pulls a key out of its back-off at once, and the retry that waited does not run a second time", async () => {
    const queue = open(1);
    queue.add("a");
    await queue.take();
    for (let failures = 0; failures < 8; failures++) queue.addRateLimited("a");
    expect(queue.failures("a")).toBe(8);
    queue.done("a");
    await settled(queue, { delayed: 1, inWork: 0 });
    queue.add("a");
    expect(await queue.take()).toBe("a");
    await settled(queue, { delayed: 0, inWork: 1 });
    queue.forget("a");
    queue.done("a");
    await pass(700);
    await settled(queue, { depth: 0, delayed: 0, inWork: 0 });
  });

  it("a moment named by addAfter stands although the key ran before it, as in client-go", async () => {
    const queue = open(1);
    queue.addAfter("a", 300);
    queue.add("a");
    expect(await queue.take()).toBe("a");
    queue.done("a");
    await pass(300);
    expect(await queue.take()).toBe("a");
    queue.done("a");
    await settled(queue, { depth: 0, delayed: 0, inWork: 0 });
  });

  it("a delay that ends while its key still waits merges with it", async () => {
    const queue = open(1);
    queue.addAfter("a", 200);
    queue.add("a");
    await settled(queue, { depth: 1, delayed: 1 });
    await pass(200);
    expect(await queue.take()).toBe("a");
    queue.done("a");
    expect(await Promise.race([queue.take(), quiet().then(() => NOTHING)])).toBe(NOTHING);
  });

  it("a moment named after another one has passed stands, although the key still waits from that one", async () => {
    const queue = open(1);
    queue.add("a");
    expect(await queue.take()).toBe("a");
    queue.addAfter("b", 100);
    await pass(100);
    queue.addAfter("b", 3_600_000);
    await settled(queue, { depth: 1, delayed: 1 });
    queue.done("a");
    expect(await queue.take()).toBe("b");
    await settled(queue, { depth: 0, delayed: 1, inWork: 1 });
  });

  it("a delay that ends while its key is in work runs it once more after", async () => {
    const queue = open(2);
    queue.add("a");
    expect(await queue.take()).toBe("a");
    queue.addAfter("a", 100);
    const second = queue.take();
    await pass(100);
    expect(await Promise.race([second, quiet().then(() => NOTHING)])).toBe(NOTHING);
    queue.done("a");
    expect(await second).toBe("a");
  });

  it("failures double the back-off from 5 ms, and forget begins anew", async () => {
    const queue = open(1);
    queue.add("a");
    for (const failures of [1, 2, 3]) {
      expect(await queue.take()).toBe("a");
      queue.addRateLimited("a");
      expect(queue.failures("a")).toBe(failures);
      queue.done("a");
      await pass(5 * 2 ** (failures - 1));
    }
    expect(await queue.take()).toBe("a");
    queue.forget("a");
    expect(queue.failures("a")).toBe(0);
  });
}

function describeClosing({ open }: QueueWorld): void {
  it("answers every worker that waits and every later take with undefined", async () => {
    const queue = open(2);
    const waiting = [queue.take(), queue.take()];
    queue.close();
    queue.close();
    expect(await Promise.all([...waiting, queue.take()])).toEqual([undefined, undefined, undefined]);
  });

  it("hands out nothing that waited or is added by a late handler", async () => {
    const queue = open(1);
    for (const key of ["a", "b"]) queue.add(key);
    queue.addAfter("c", 10);
    expect(await queue.take()).toBe("a");
    queue.add("a");
    queue.close();
    queue.add("d");
    queue.addAfter("e", 10);
    queue.addRateLimited("a");
    queue.done("a");
    expect(await queue.take()).toBeUndefined();
    expect(queue.statistics).toMatchObject({ depth: 0, delayed: 0, inWork: 0, oldestAgeMs: 0 });
  });

  it("still knows which keys are in work until they are done", async () => {
    const queue = open(1);
    queue.add("a");
    await queue.take();
    queue.close();
    expect(queue.statistics.inWork).toBe(1);
    queue.done("a");
    expect(queue.statistics.inWork).toBe(0);
  });
}
