import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Delays } from "../../../src/queue/delays.ts";

type Step =
  | { readonly do: "schedule"; readonly key: number; readonly dueMs: number; readonly retry: boolean }
  | { readonly do: "removeRetry"; readonly key: number }
  | { readonly do: "takeDue"; readonly nowMs: number };

const key = fc.integer({ min: 0, max: 60 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("schedule" as const),
      key,
      dueMs: fc.integer({ min: 0, max: 500 }),
      retry: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("removeRetry" as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("takeDue" as const), nowMs: fc.integer({ min: 0, max: 500 }) }) },
);

interface Known {
  readonly key: number;
  readonly dueMs: number;
  readonly retry: boolean;
  readonly order: number;
}

function first(known: ReadonlyMap<number, Known>): Known | undefined {
  return [...known.values()].sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
}

describe("a heap that is addressed by key", () => {
  it("gives out the earliest first after any schedules, re-schedules and removals from its middle, and loses none", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 200 }), (steps) => {
        const delays = new Delays();
        const known = new Map<number, Known>();
        let order = 0;
        const takeDue = (nowMs: number): void => {
          const wanted = first(known);
          const due = delays.takeDue(nowMs);
          expect(due?.key).toBe(wanted !== undefined && wanted.dueMs <= nowMs ? String(wanted.key) : undefined);
          if (due !== undefined) known.delete(Number(due.key));
        };
        for (const step of steps) {
          if (step.do === "takeDue") takeDue(step.nowMs);
          else if (step.do === "removeRetry") {
            delays.removeRetry(String(step.key));
            if (known.get(step.key)?.retry) known.delete(step.key);
          } else {
            delays.schedule({ key: String(step.key), dueMs: step.dueMs, priority: "fresh", retry: step.retry });
            const before = known.get(step.key);
            known.set(step.key, {
              key: step.key,
              dueMs: Math.min(step.dueMs, before?.dueMs ?? step.dueMs),
              retry: step.retry && (before?.retry ?? true),
              order: before?.order ?? order++,
            });
          }
          expect(delays.size).toBe(known.size);
          expect(delays.nextDueMs).toBe(first(known)?.dueMs);
        }
        while (known.size > 0) takeDue(500);
        expect(delays.takeDue(500)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });
});
