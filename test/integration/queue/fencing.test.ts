import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RedisReplica } from "../../support/redis-queues.ts";
import { missingRedis, RedisServer, requireRedis } from "../../support/redis-server.ts";
import { byText, until } from "../../support/waiting.ts";

const BOUND_MS = 20_000;
const NOTHING = "nothing";

describe("whoever led before changes nothing in Redis", () => {
  let server: RedisServer;
  let first: RedisReplica;
  let second: RedisReplica;
  const ended: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    if (missingRedis !== undefined) return;
    server = await RedisServer.start();
    ended.push(() => server.close());
  });

  afterAll(async () => {
    for (const end of ended) await end();
  });

  beforeEach(async (context) => {
    requireRedis(context);
    await server.client().flushall();
    first = await RedisReplica.connect({ addresses: [server.address] });
    second = await RedisReplica.connect({ addresses: [server.address] });
  });

  afterEach(async () => {
    if (missingRedis === undefined) await Promise.all([first.queues.close(), second.queues.close()]);
  });

  const within = (taken: Promise<string | undefined>, ms = 300) => Promise.race([taken, delay(ms).then(() => NOTHING)]);

  it("an older owner that was never told runs a key, adds one, or ends the work of the newer one", async () => {
    // As text "99" is the greater one, and it is the older epoch.
    const older = first.open("99");
    older.add("default/a");
    expect(await older.take()).toBe("default/a");
    const newer = second.open("100", { workers: 2 });
    // It was in work where nobody can say whether it still is, so it is looked at again.
    expect(await newer.take()).toBe("default/a");
    older.done("default/a");
    older.add("default/b");
    const late = older.take();
    newer.add("default/a");
    const again = newer.take();
    expect(await within(Promise.race([again, late]))).toBe(NOTHING);
    newer.done("default/a");
    expect(await again).toBe("default/a");
    newer.done("default/a");
    expect(await within(Promise.race([newer.take(), late]))).toBe(NOTHING);
    expect(first.queues.problem).toMatch(/epoch 100 for shard configmaps-00.*newer than 99.*reset-epoch configmaps-00/);
  });

  it("two epochs above 2^53 look equal, and the older one goes on", async () => {
    const newer = second.open("9007199254740993");
    newer.add("default/a");
    expect(await newer.take()).toBe("default/a");
    const older = first.open("9007199254740992");
    older.add("default/b");
    await until("a refusal", BOUND_MS, () => first.queues.problem);
    newer.done("default/a");
    expect(await within(newer.take())).toBe(NOTHING);
  });

  it("epochs of two clusters are compared, and one cluster stops the other", async () => {
    const other = await RedisReplica.connect({ addresses: [server.address] }, "cluster-2");
    const theirs = other.open("500");
    theirs.add("default/theirs");
    expect(await theirs.take()).toBe("default/theirs");
    const ours = first.open("7");
    ours.add("default/ours");
    expect(await ours.take()).toBe("default/ours");
    await other.queues.close();
  });

  it("a shard that moves loses keys that wait, delays, or the count of failures", async () => {
    const before = first.open("100");
    before.add("default/fails");
    await before.take();
    before.addRateLimited("default/fails");
    before.addRateLimited("default/fails");
    before.done("default/fails");
    for (const key of ["default/r1", "default/r2"]) before.add(key, "resync");
    before.add("default/fresh");
    before.addAfter("default/later", 1_500);
    await until("four keys", BOUND_MS, () => before.statistics.depth + before.statistics.delayed === 5);
    before.close();

    const after = second.open("101");
    const taken: (string | undefined)[] = [];
    for (let keys = 0; keys < 5; keys++) {
      const key = await after.take();
      taken.push(key);
      if (key === "default/fails") expect(after.failures(key)).toBe(2);
      after.done(key ?? "");
    }
    expect(taken.toSorted(byText)).toEqual([
      "default/fails",
      "default/fresh",
      "default/later",
      "default/r1",
      "default/r2",
    ]);
    expect(taken.indexOf("default/fresh")).toBeLessThan(taken.indexOf("default/r1"));
    expect(taken.at(-1)).toBe("default/later");
  });

  it("what is added, or given up, while the shard is drained is lost with the term", async () => {
    const before = first.open("100");
    before.add("default/given-up");
    await before.take();
    before.close();
    before.add("default/deleted-meanwhile");
    before.putBack("default/given-up");
    await until("both to be in Redis", BOUND_MS, async () => {
      const [key = ""] = await server.client().keys("*electorate-ready");
      return (await server.client().zcard(key)) === 2;
    });
    const after = second.open("101", { workers: 2 });
    const taken = [await after.take(), await after.take()];
    expect(taken.toSorted(byText)).toEqual(["default/deleted-meanwhile", "default/given-up"]);
  });

  it("a job that the last owner's Bull takes after its end is lost, or run there", async () => {
    let epoch = 100;
    for (const [from, to] of Array.from({ length: 10 }, (_, turn) =>
      turn % 2 === 0 ? [first, second] : [second, first],
    )) {
      if (from === undefined || to === undefined) throw new Error("no replica");
      const before = from.open(String(++epoch));
      const late = before.take();
      await delay(20);
      before.close();
      const after = to.open(String(++epoch));
      after.add(`default/k${epoch}`);
      expect(await Promise.race([after.take(), delay(BOUND_MS, NOTHING)])).toBe(`default/k${epoch}`);
      after.done(`default/k${epoch}`);
      after.close();
      expect(await late).toBeUndefined();
    }
  });

  it("a shard comes back to the replica that has just given it up, and its queue stays closed", async () => {
    for (let term = 1; term <= 4; term++) {
      const queue = first.open(String(term));
      const key = `default/k${term}`;
      queue.add(key);
      let taken = await queue.take();
      // The end of the last term's work may not have been acknowledged when this one began: that key is looked at again.
      if (taken !== key) queue.done(taken ?? "");
      if (taken !== key) taken = await queue.take();
      expect(taken).toBe(key);
      queue.done(key);
      queue.close();
    }
  });

  it("a key that a handler of an earlier term still has keeps the next term from starting", async () => {
    const stuck = first.open("1", { workers: 2 });
    stuck.add("default/stuck");
    await stuck.take();
    stuck.close();
    const next = first.open("2", { workers: 2 });
    next.add("default/other");
    expect([await next.take(), await next.take()].toSorted(byText)).toEqual(["default/other", "default/stuck"]);
    stuck.done("default/stuck");
  });

  it("a key that was put back as its term ended occupies a worker of the next term for ever", async () => {
    const ending = first.open("1");
    ending.add("default/a");
    expect(await ending.take()).toBe("default/a");
    ending.putBack("default/a");
    ending.close();
    const next = first.open("2");
    expect(await Promise.race([next.take(), delay(BOUND_MS, NOTHING)])).toBe("default/a");
    next.done("default/a");
  });
});
