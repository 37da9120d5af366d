import { describe, expect, it } from "vitest";
import { AtMost } from "../../../src/runtime/at-most.ts";

const never = new AbortController().signal;

describe("at most so many at once", () => {
  it("one more runs, or the order is lost, or a failure keeps its place", async () => {
    const places = new AtMost(2);
    const began: number[] = [];
    const ends = Array.from({ length: 4 }, () => Promise.withResolvers<number>());
    const results = ends.map(({ promise }, index) =>
      places.run(() => {
        began.push(index);
        return promise;
      }, never),
    );
    await Promise.resolve();
    expect(began).toEqual([0, 1]);
    ends[1]!.reject(new Error("no"));
    await expect(results[1]).rejects.toThrow("no");
    expect(began).toEqual([0, 1, 2]);
    for (const [index, { resolve }] of ends.entries()) resolve(index);
    expect(await Promise.all([results[0], results[2], results[3]])).toEqual([0, 2, 3]);
    expect(began).toEqual([0, 1, 2, 3]);
  });

  it("who gives up waiting takes a place with it, or runs all the same", async () => {
    const places = new AtMost(1);
    const first = Promise.withResolvers<void>();
    const running = places.run(() => first.promise, never);
    const stop = new AbortController();
    const impatient = places.run(async () => "ran", stop.signal);
    const patient = places.run(async () => "ran", never);
    stop.abort(new Error("stop"));
    await expect(impatient).rejects.toThrow("stop");
    await expect(places.run(async () => "ran", stop.signal)).rejects.toThrow("stop");
    first.resolve();
    await running;
    expect(await patient).toBe("ran");
    expect(await places.run(async () => "ran", never)).toBe("ran");
  });
});
