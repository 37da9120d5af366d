import { describe, expect, it } from "vitest";
import { ListWatch } from "../../../src/kube/list-watch.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { CONFIG_MAPS, feed } from "./feed.ts";
import { event, list, ScriptedTransport } from "./scripted-transport.ts";

describe("stopping", () => {
  it("leaves no watch behind when it is stopped in the middle of the list", async () => {
    const made = await feed({}, (transport) => {
      transport.answers = ["never"];
    });
    made.stop.abort();
    await made.clock.advance(0);
    expect(made.hasEnded).toBe(true);
    await made.clock.advance(100_000);
    expect(made.transport.watches).toEqual([]);
  });

  it("leaves no watch behind when it is stopped in the middle of a back-off", async () => {
    const made = await feed({}, (transport) => {
      transport.answers = [new ElectorateError("unreachable", "down")];
    });
    made.stop.abort();
    await made.clock.advance(0);
    expect(made.hasEnded).toBe(true);
    await made.clock.advance(100_000);
    expect(made.transport.lists).toBe(1);
    expect(made.transport.watches).toEqual([]);
  });

  it("leaves no watch behind when it is stopped while the watch is being opened", async () => {
    const made = await feed({}, (transport) => {
      transport.refusals = ["never"];
    });
    made.stop.abort();
    await made.clock.advance(0);
    expect(made.hasEnded).toBe(true);
  });

  it("ends at once when it is stopped while it waits for an event", async () => {
    const made = await feed();
    made.stop.abort();
    await made.clock.advance(0);
    expect(made.hasEnded).toBe(true);
    expect(made.troubles).toEqual([]);
  });

  it("sends nothing when its signal was aborted before it began", async () => {
    const transport = new ScriptedTransport();
    const listWatch = new ListWatch({ transport, resource: CONFIG_MAPS, clock: new VirtualClock() });
    expect(await listWatch.events(AbortSignal.abort()).next()).toEqual({ done: true, value: undefined });
    expect(transport.requests).toEqual([]);
  });

  it("refuses a second consumer, which would share the position of the first", async () => {
    const made = await feed();
    await expect(made.listWatch.events(new AbortController().signal).next()).rejects.toMatchObject({ code: "misuse" });
  });
});

describe("a list on demand", () => {
  it("lists at once while it waits for an event", async () => {
    const made = await feed({}, (transport) => {
      transport.answers = [list("1"), list("7", ["a"])];
    });
    made.listWatch.relist();
    await made.clock.advance(0);
    expect(made.said).toEqual(["snapshot@1[]", "snapshot@7[a]"]);
    expect(made.resumedFrom).toEqual(["1", "7"]);
    expect(made.transport.openWatches).toBe(1);
    expect(made.troubles).toEqual([]);
  });

  it("begins another list when the one under way began before the demand, and may not show what is asked for", async () => {
    const first = Promise.withResolvers<ReturnType<typeof list>>();
    const made = await feed({}, (transport) => {
      transport.answers = [first.promise, list("7", ["a"])];
    });
    made.listWatch.relist();
    made.listWatch.relist();
    await made.clock.advance(0);
    expect(made.transport.lists).toBe(1);
    first.resolve(list("1"));
    await made.clock.advance(0);
    expect(made.said).toEqual(["snapshot@1[]", "snapshot@7[a]"]);
    expect(made.transport.lists).toBe(2);
  });

  it("ends the wait for the next try", async () => {
    const made = await feed({}, (transport) => {
      transport.answers = [new ElectorateError("unreachable", "down"), list("1")];
    });
    made.listWatch.relist();
    await made.clock.advance(0);
    expect(made.said).toEqual(["snapshot@1[]"]);
  });

  it("is heard while the consumer works on an event", async () => {
    const clock = new VirtualClock();
    const transport = new ScriptedTransport();
    transport.answers = [list("1"), list("8")];
    const listWatch = new ListWatch({ transport, resource: CONFIG_MAPS, clock });
    const events = listWatch.events(new AbortController().signal);
    await events.next();
    const first = events.next();
    await clock.advance(0);
    transport.watch.say(event("ADDED", "a", "2"), event("ADDED", "b", "3"));
    await first;
    listWatch.relist();
    expect((await events.next()).value).toMatchObject({ type: "snapshot", resourceVersion: "8" });
    await events.return();
    expect(transport.openWatches).toBe(0);
  });
});
