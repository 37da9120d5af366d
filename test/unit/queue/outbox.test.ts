import { describe, expect, it } from "vitest";
import { Ended } from "../../../src/queue/bull/ended.ts";
import { Outbox } from "../../../src/queue/bull/outbox.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

describe("what Redis has not acknowledged", () => {
  it("grows with every event while Redis is away, instead of with the keys", () => {
    const outbox = new Outbox();
    for (let events = 0; events < 1_000; events++)
      outbox.push({ name: "add", key: `k${events % 3}`, priority: "fresh" });
    expect([outbox.size, outbox.adds]).toEqual([3, 3]);
  });

  it("an add that comes while the same one is on its way is dropped with it, and its change is never seen", () => {
    const outbox = new Outbox();
    outbox.push({ name: "add", key: "a", priority: "resync" });
    const underWay = outbox.next(10);
    outbox.push({ name: "add", key: "a", priority: "resync" });
    outbox.acknowledge(underWay);
    expect(outbox.next(10).map(({ operation }) => operation)).toEqual([{ name: "add", key: "a", priority: "resync" }]);
    outbox.acknowledge(outbox.next(10));
    expect([outbox.size, outbox.adds]).toEqual([0, 0]);
  });

  it("a resync demotes a fresh add, or takes its place in the order", () => {
    const outbox = new Outbox();
    for (const [key, priority] of [
      ["a", "fresh"],
      ["b", "resync"],
      ["a", "resync"],
      ["b", "fresh"],
    ] as const)
      outbox.push({ name: "add", key, priority });
    expect(outbox.next(10).map(({ operation }) => operation)).toEqual([
      { name: "add", key: "a", priority: "fresh" },
      { name: "add", key: "b", priority: "fresh" },
    ]);
  });

  it("is sent in another order, more at once than asked for, or told performed before it is", () => {
    const outbox = new Outbox();
    const performed: string[] = [];
    for (const token of ["1", "2", "3"]) outbox.push({ name: "done", key: "a", token }, () => performed.push(token));
    const first = outbox.next(2);
    expect(first.map(({ operation }) => operation)).toEqual([
      { name: "done", key: "a", token: "1" },
      { name: "done", key: "a", token: "2" },
    ]);
    expect(performed).toEqual([]);
    outbox.acknowledge(first);
    expect(performed).toEqual(["1", "2"]);
    expect(outbox.size).toBe(1);
  });
});

describe("work that has ended", () => {
  it("waits for a claim for ever", async () => {
    const clock = new VirtualClock();
    const told: unknown[] = [];
    const ended: Ended = new Ended(clock, () => told.push(ended.take()));
    ended.add({ key: "a", token: "1" });
    await clock.advance(40);
    ended.add({ key: "b", token: "2" });
    await clock.advance(10);
    expect(told).toEqual([
      [
        { key: "a", token: "1" },
        { key: "b", token: "2" },
      ],
    ]);
    expect([ended.size, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("leaves a timer behind when a claim took it along", () => {
    const clock = new VirtualClock();
    const ended = new Ended(clock, () => {});
    ended.add({ key: "a", token: "1" });
    expect(ended.has("a")).toBe(true);
    expect(ended.take()).toEqual([{ key: "a", token: "1" }]);
    expect([ended.has("a"), clock.pendingTimers]).toEqual([false, 0]);
  });
});
