import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { EventChannel, type EventSource, followEvents } from "../../../src/reconcile/events.ts";
import type { Target } from "../../../src/reconcile/target.ts";
import { CONFIG_MAPS, type LogLine, object, recordingLog } from "./key-world.ts";

function follow(events: EventSource) {
  const keys: string[] = [];
  const lines: LogLine[] = [];
  const stop = new AbortController();
  const options = {
    events,
    resource: CONFIG_MAPS,
    log: recordingLog(lines),
    onKey: (key: string) => void keys.push(key),
  };
  return { keys, lines, stop, ended: followEvents(options, stop.signal) };
}

describe("a channel of events", () => {
  it("loses an event, changes their order, or tells one of two listeners", async () => {
    const channel = new EventChannel();
    channel.emit("default/nobody-listens-yet");
    const [one, other] = [follow(channel), follow(channel)];
    channel.emit("default/a");
    channel.emit({ namespace: "default", name: "b" });
    await setImmediate();
    channel.emit(object("c", "1"));
    await setImmediate();
    expect(one.keys).toEqual(["default/a", "default/b", "default/c"]);
    expect(other.keys).toEqual(one.keys);
    one.stop.abort();
    await one.ended;
    channel.emit("default/d");
    await setImmediate();
    expect([one.keys.length, other.keys.length]).toEqual([3, 4]);
  });

  it("is ended by an event that names nothing", async () => {
    const channel = new EventChannel();
    const { keys, lines } = follow(channel);
    channel.emit("a");
    channel.emit("default/a");
    await setImmediate();
    expect(keys).toEqual(["default/a"]);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.fields["error"]).toMatch(/"a" names no object of configmaps/);
  });
});

describe("an iterable of events", () => {
  it("that waits for ever keeps a replica from ending, or is not told that nobody listens", async () => {
    let left = false;
    const waiting: EventSource = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<Target>>(() => {}),
        return: async () => {
          left = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const { stop, ended } = follow(waiting);
    stop.abort();
    await ended;
    expect(left).toBe(true);
  });

  it("that ends is an error, and one that fails is none", async () => {
    async function* events(fails: boolean): AsyncGenerator<Target> {
      yield "default/a";
      if (fails) throw new Error("the broker is gone");
    }
    const ending = follow(events(false));
    await ending.ended;
    expect(ending.keys).toEqual(["default/a"]);
    await expect(follow(events(true)).ended).rejects.toThrow("the broker is gone");
  });
});
