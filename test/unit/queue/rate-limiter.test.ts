import { describe, expect, it } from "vitest";
import {
  DEFAULT_RATE_LIMITER,
  type RateLimiter,
  Retries,
  rateLimiterProblems,
} from "../../../src/queue/rate-limiter.ts";

/** How long each of `count` failures of one key in a row waits, all at one moment. */
function waits(limiter: RateLimiter, count: number): number[] {
  const retries = new Retries(limiter, 0);
  return Array.from({ length: count }, () => retries.next("a", 0));
}

const EXPONENTIAL: RateLimiter = { kind: "item-exponential-failure", baseDelayMs: 10, maxDelayMs: 60 };
const BUCKET: RateLimiter = { kind: "bucket", perSecond: 10, burst: 2 };

describe("a rate limiter", () => {
  it.each<readonly [RateLimiter["kind"], RateLimiter, readonly number[]]>([
    ["item-exponential-failure", EXPONENTIAL, [10, 20, 40, 60, 60]],
    ["item-fixed", { kind: "item-fixed", delayMs: 500 }, [500, 500, 500, 500, 500]],
    [
      "item-fast-slow",
      { kind: "item-fast-slow", fastDelayMs: 5, slowDelayMs: 10_000, maxFastAttempts: 3 },
      [5, 5, 5, 10_000, 10_000],
    ],
    ["bucket", BUCKET, [0, 0, 100, 200, 300]],
    ["max-of", { kind: "max-of", limiters: [EXPONENTIAL, BUCKET] }, [10, 20, 100, 200, 300]],
    ["max-of", DEFAULT_RATE_LIMITER, [5, 10, 20, 40, 80]],
  ])("%s waits for another time than client-go's", (_, limiter, expected) => {
    expect(waits(limiter, 5)).toEqual(expected);
  });

  it("counts the failures of one key for another, or keeps them after a success", () => {
    const retries = new Retries(EXPONENTIAL, 0);
    retries.next("a", 0);
    retries.next("a", 0);
    expect(retries.next("b", 0)).toBe(10);
    expect([retries.failures("a"), retries.failures("b"), retries.failures("c")]).toEqual([2, 1, 0]);
    retries.forget("a");
    expect(retries.next("a", 0)).toBe(10);
  });

  it("forgets what another owner has counted, or overwrites what was counted since", () => {
    const retries = new Retries(EXPONENTIAL, 0);
    retries.next("a", 0);
    retries.restore(
      new Map([
        ["a", 7],
        ["b", 2],
      ]),
    );
    expect([retries.next("a", 0), retries.next("b", 0)]).toEqual([20, 40]);
  });

  it.each<readonly [unknown, string]>([
    [
      { kind: "item-exponential-failure", baseDelayMs: 0, maxDelayMs: 5 },
      "l.baseDelayMs must be a finite number of at least 1, but is 0",
    ],
    [
      { kind: "item-exponential-failure", baseDelayMs: 10, maxDelayMs: 5 },
      "l.maxDelayMs must be a finite number of at least 10, but is 5",
    ],
    [{ kind: "item-fixed", delayMs: Number.NaN }, "l.delayMs must be a finite number of at least 1, but is NaN"],
    [
      { kind: "item-fast-slow", fastDelayMs: 5, slowDelayMs: 1, maxFastAttempts: 1 },
      "l.slowDelayMs must be a finite number of at least 5, but is 1",
    ],
    [{ kind: "bucket", perSecond: 0, burst: 1 }, "l.perSecond must be a finite number of at least 5e-324, but is 0"],
    [{ kind: "bucket", perSecond: 1, burst: 0 }, "l.burst must be a finite number of at least 1, but is 0"],
    [{ kind: "max-of", limiters: [] }, "l.limiters must not be empty"],
    [{ kind: "max-of", limiters: [BUCKET, { kind: "item-fixed", delayMs: -1 }] }, "l.limiters[1].delayMs must be"],
    [
      { kind: "linear" },
      "l.kind must be one of item-exponential-failure, item-fixed, item-fast-slow, bucket and max-of",
    ],
  ])("%j is taken without a word", (limiter, says) => {
    const [problem] = rateLimiterProblems(limiter as RateLimiter, "l");
    expect(`${problem?.path} ${problem?.message}`).toContain(says);
  });
});
