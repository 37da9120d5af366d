import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemoryQueue } from "../../../src/queue/memory.ts";
import type { Priority } from "../../../src/queue/work-queue.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { BASE_MS, BURST, MAX_MS, NaiveQueue, TOKEN_MS } from "./naive-queue.ts";

type Step =
  | { readonly do: "add"; readonly key: string; readonly priority: Priority }
  | { readonly do: "addAfter"; readonly key: string; readonly priority: Priority; readonly ms: number }
  | { readonly do: "addRateLimited" | "forget" | "done"; readonly key: string }
  /** Ends the work on the n-th key in work, so that long runs do work on keys. */
  | { readonly do: "doneOldest" | "failOldest" }
  | { readonly do: "take" | "close" }
  | { readonly do: "advance"; readonly ms: number };

const key = fc.constantFrom("a", "b", "c", "d", "e");
const priority = fc.constantFrom<Priority>("fresh", "resync");
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant("add" as const), key, priority }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("addAfter" as const),
      key,
      priority,
      ms: fc.integer({ min: -5, max: 300 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("addRateLimited" as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("forget" as const, "done" as const), key }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constantFrom("doneOldest" as const, "failOldest" as const) }) },
  { weight: 14, arbitrary: fc.record({ do: fc.constant("take" as const) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 400 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const) }) },
);

/** The real queue and the reference side by side; `handedOut` of both must always be the same. */
class Pair {
  readonly clock = new VirtualClock();
  readonly real = createMemoryQueue({
    clock: this.clock,
    meter: silentTelemetry.meter,
    name: "model",
    rateLimiter: {
      kind: "max-of",
      limiters: [
        { kind: "item-exponential-failure", baseDelayMs: BASE_MS, maxDelayMs: MAX_MS },
        { kind: "bucket", perSecond: 1000 / TOKEN_MS, burst: BURST },
      ],
    },
  });
  readonly naive = new NaiveQueue(this.clock.monotonicMs());
  readonly handedOut: string[] = [];
  readonly wanted: string[] = [];
  readonly working = new Set<string>();

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case "add":
        this.real.add(step.key, step.priority);
        this.wanted.push(...this.naive.add(step.key, step.priority));
        break;
      case "addAfter":
        this.real.addAfter(step.key, step.ms, step.priority);
        this.wanted.push(...this.naive.addAfter(step.key, step.ms, step.priority));
        break;
      case "addRateLimited":
        this.real.addRateLimited(step.key);
        this.naive.addRateLimited(step.key);
        break;
      case "forget":
        this.real.forget(step.key);
        this.naive.forget(step.key);
        break;
      case "done":
        this.#done(step.key);
        break;
      case "failOldest":
      case "doneOldest":
        this.#endOldest(step.do === "failOldest");
        break;
      case "take":
        void this.real.take().then((key) => this.#received(key));
        this.wanted.push(...this.naive.take());
        break;
      case "close":
        this.real.close();
        this.naive.close();
        break;
      case "advance":
        await this.clock.advance(step.ms);
        this.wanted.push(...this.naive.advance(step.ms));
        break;
    }
    await this.clock.advance(0);
  }

  compare(): void {
    expect(this.handedOut).toEqual(this.wanted);
    expect(this.real.statistics).toEqual(this.naive.statistics);
    for (const key of ["a", "b", "c", "d", "e"]) expect(this.real.failures(key)).toBe(this.naive.failures(key));
  }

  #received(key: string | undefined): void {
    if (key === undefined) return;
    if (this.working.has(key)) throw new Error(`${key} was handed out twice at once`);
    this.working.add(key);
    this.handedOut.push(key);
  }

  #done(key: string): void {
    this.working.delete(key);
    this.real.done(key);
    this.wanted.push(...this.naive.done(key));
  }

  #endOldest(failed: boolean): void {
    const [key] = this.naive.inWork;
    if (key === undefined) return;
    if (failed) {
      this.real.addRateLimited(key);
      this.naive.addRateLimited(key);
    }
    this.#done(key);
  }
}

describe("the queue does what its promises say in any order of calls", () => {
  it("hands out the same keys in the same order as a naive reference, and says the same of itself", {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
        const pair = new Pair();
        for (const step of steps) {
          await pair.run(step);
          pair.compare();
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("loses no key: every add is followed by a run that began after it, once workers are there", {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          step.filter(({ do: what }) => what !== "close"),
          { maxLength: 60 },
        ),
        async (steps) => {
          const pair = new Pair();
          const owed = new Set<string>();
          let seen = 0;
          for (const step of steps) {
            await pair.run(step);
            // What was handed out in this very step may have begun before the add of this step.
            if ("key" in step && step.do.startsWith("add") && !pair.handedOut.slice(seen).includes(step.key))
              owed.add(step.key);
            for (const key of pair.handedOut.slice(seen)) owed.delete(key);
            seen = pair.handedOut.length;
          }
          while (pair.naive.statistics.depth + pair.naive.statistics.delayed + pair.naive.statistics.inWork > 0) {
            await pair.run({ do: "take" });
            await pair.run({ do: "doneOldest" });
            await pair.run({ do: "advance", ms: 1_000 });
            for (const key of pair.handedOut.slice(seen)) owed.delete(key);
            seen = pair.handedOut.length;
          }
          expect([...owed]).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });
});
