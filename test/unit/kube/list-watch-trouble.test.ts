import { describe, expect, it } from "vitest";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { feed } from "./feed.ts";
import { configMap, event, inBandError, list, status } from "./scripted-transport.ts";

describe("trouble", () => {
  it("resumes after an ERROR event 500 with a back-off, without a list", async () => {
    const made = await feed();
    await made.say(event("ADDED", "a", "5"), inBandError(500, "InternalError"));
    expect(made.troubles).toMatchObject([
      { error: { code: "server-error" }, attempt: 1, retryInMs: 800, during: "watch" },
    ]);
    await made.clock.advance(799);
    expect(made.transport.watches).toHaveLength(1);
    await made.clock.advance(1);
    expect(made.resumedFrom).toEqual(["1", "5"]);
    expect(made.transport.lists).toBe(1);
  });

  it("doubles the wait of a list that keeps failing up to the maximum, and starts anew once healthy", async () => {
    const down = new ElectorateError("unreachable", "down");
    const made = await feed({ backOff: { baseMs: 100, maxMs: 500 } }, (transport) => {
      transport.answers = [down, down, down, down, down, list("1")];
    });
    await made.clock.advance(10_000);
    expect(made.troubles.map(({ retryInMs }) => retryInMs)).toEqual([100, 200, 400, 500, 500]);
    expect(made.troubles.map(({ sinceMs }) => sinceMs)).toEqual([0, 100, 300, 700, 1_200]);
    expect(made.healthy).toBe(1);
    await made.say(inBandError(500, "InternalError"));
    expect(made.troubles.at(-1)).toMatchObject({ attempt: 1, sinceMs: 0 });
  });

  it("waits at least as long as the server asks for by Retry-After", async () => {
    const made = await feed({}, (transport) => {
      transport.answers = [status(429, "TooManyRequests", "slow down", { "retry-after": "7" }), list("1")];
    });
    await made.clock.advance(6_999);
    expect(made.transport.lists).toBe(1);
    await made.clock.advance(1);
    expect(made.transport.lists).toBe(2);
  });

  it("is not put to sleep for a day by an absurd Retry-After", async () => {
    const made = await feed({}, (transport) => {
      transport.answers = [status(429, "TooManyRequests", "", { "retry-after": "86400" }), list("1")];
    });
    await made.clock.advance(60_000);
    expect(made.said).toEqual(["snapshot@1[]"]);
  });

  it.each([
    [401, "Unauthorized", "unauthorized"],
    [403, "Forbidden", "forbidden"],
    [503, "ServiceUnavailable", "server-error"],
  ])("reports %i on the list, and recovers by itself when it is mended", async (code, reason, ours) => {
    const made = await feed({}, (transport) => {
      transport.answers = [status(code, reason), status(code, reason), list("3", ["a"])];
    });
    await made.clock.advance(10_000);
    expect(made.codes).toEqual([ours, ours]);
    expect(made.said).toEqual(["snapshot@3[a]"]);
    expect(made.healthy).toBe(1);
  });

  it("keeps its position while the watch is forbidden, and resumes from it when it is granted", async () => {
    const made = await feed();
    await made.say(event("ADDED", "a", "5"));
    made.transport.refusals = [status(403, "Forbidden"), status(403, "Forbidden")];
    made.transport.watch.cut();
    await made.clock.advance(10_000);
    expect(made.codes).toEqual(["forbidden", "forbidden"]);
    expect(made.resumedFrom).toEqual(["1", "5"]);
    expect(made.transport.lists).toBe(1);
  });

  it("says healthy once for a quiet watch that stands, and again only after trouble", async () => {
    const made = await feed({ healthyAfterMs: 2_000 });
    await made.clock.advance(1_999);
    expect(made.healthy).toBe(0);
    await made.clock.advance(1);
    await made.say(event("ADDED", "a", "5"), event("ADDED", "b", "6"));
    expect(made.healthy).toBe(1);
    await made.say(inBandError(500, "InternalError"));
    await made.clock.advance(10_000);
    expect(made.healthy).toBe(2);
  });

  it.each([
    ["not JSON", "<html>"],
    ["no object", { type: "ADDED" }],
    ["an event without resourceVersion", { type: "ADDED", object: { metadata: { name: "a" } } }],
    ["an unknown type", { type: "EXPLODED", object: configMap("a", "9") }],
    ["null", "null"],
  ])("takes a line that is %s for a broken watch, and passes nothing of it on", async (_, line) => {
    const made = await feed();
    await made.say(line);
    expect(made.codes).toEqual(["malformed-answer"]);
    expect(made.said).toEqual(["snapshot@1[]"]);
    expect(made.transport.openWatches).toBe(0);
  });

  it("refuses a list that is not one, instead of taking it for an empty one", async () => {
    const made = await feed({}, (transport) => {
      transport.answers = [{ body: '{"kind":"Status"}' }, list("1", ["a"])];
    });
    await made.clock.advance(1_000);
    expect(made.codes).toEqual(["malformed-answer"]);
    expect(made.said).toEqual(["snapshot@1[a]"]);
  });
});
