import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Clock } from "../../../src/runtime/clock.ts";
import { GateClock, instantOf } from "../../../src/runtime/gate-clock.ts";

/** Both clocks, each set by hand. */
class HandClock implements Clock {
  monotonic = 5_000;
  wall = 1_700_000_000_000;

  monotonicMs(): number {
    return this.monotonic;
  }

  wallMs(): number {
    return this.wall;
  }

  monotonicNs(): bigint {
    return BigInt(Math.round(this.monotonic * 1e6));
  }

  timer(): never {
    throw new Error("no timers here");
  }

  pass(monotonicMs: number, wallMs = monotonicMs): void {
    this.monotonic += monotonicMs;
    this.wall += wallMs;
  }
}

function made(): { readonly clock: HandClock; readonly gate: GateClock } {
  const clock = new HandClock();
  return { clock, gate: new GateClock(clock) };
}

describe("the gate's clock (safety rule 4)", () => {
  it("a suspended machine, whose monotonic clock stood still, does not keep a gate open", () => {
    const { clock, gate } = made();
    const beginMs = gate.earliestMs();
    clock.pass(0, 3_600_000);
    expect(gate.latestMs() - beginMs).toBe(3_600_000);
  });

  it("a wall clock set back does not keep a gate open", () => {
    const { clock, gate } = made();
    const beginMs = gate.earliestMs();
    clock.pass(4_000, -3_600_000);
    clock.pass(6_000);
    expect(gate.latestMs() - beginMs).toBeGreaterThanOrEqual(10_000);
  });

  it("a wall clock set forward and back again is counted once forward, never subtracted", () => {
    const { clock, gate } = made();
    const beginMs = gate.latestMs();
    clock.pass(1, 5_000);
    expect(gate.latestMs() - beginMs).toBe(5_000);
    clock.pass(1, -5_000);
    expect(gate.latestMs() - beginMs).toBeGreaterThanOrEqual(5_000);
  });

  it("a wall clock that ticks in whole milliseconds is not counted twice, however often it is compared", () => {
    const { clock, gate } = made();
    const beginMs = gate.earliestMs();
    const wallAtStart = clock.wall;
    for (let us = 0; us < 10_000_000; us += 137) {
      clock.monotonic = 5_000 + us / 1_000;
      clock.wall = wallAtStart + Math.floor(us / 1_000);
      gate.latestMs();
    }
    expect(gate.latestMs() - beginMs).toBeLessThan(10_000 * 1.02);
  });

  it("whatever both clocks do, no time between two moments is counted shorter than either of them says", () => {
    const steps = fc.array(
      fc.record({
        monotonicMs: fc.oneof(fc.double({ min: 0, max: 3, noNaN: true }), fc.double({ min: 0, max: 500, noNaN: true })),
        wallMs: fc.oneof(
          fc.integer({ min: -3, max: 3 }),
          fc.integer({ min: -400, max: 400 }),
          fc.integer({ min: -1e7, max: 1e7 }),
        ),
        compares: fc.boolean(),
      }),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, fc.nat(10), (moves, beginAt) => {
        const { clock, gate } = made();
        let begin: { readonly gateMs: number; readonly monotonic: number; readonly wall: number } | undefined;
        moves.forEach(({ monotonicMs, wallMs, compares }, index) => {
          if (index === Math.min(beginAt, moves.length - 1)) {
            begin = { gateMs: gate.earliestMs(), monotonic: clock.monotonic, wall: clock.wall };
          }
          clock.pass(monotonicMs, wallMs);
          if (compares) instantOf(clock, gate);
          if (begin === undefined) return;
          const elapsedMs = gate.latestMs() - begin.gateMs;
          expect(elapsedMs).toBeGreaterThanOrEqual(clock.monotonic - begin.monotonic - 1e-6);
          expect(elapsedMs).toBeGreaterThanOrEqual(clock.wall - begin.wall - 1e-6);
          expect(elapsedMs).toBeGreaterThanOrEqual(-1e-6);
        });
      }),
      { numRuns: 2_000 },
    );
  });

  it("an instant carries the monotonic time unchanged: expiry is counted on that clock alone", () => {
    const { clock, gate } = made();
    clock.pass(10, 7_000);
    const instant = instantOf(clock, gate);
    expect(instant.monotonicMs).toBe(5_010);
    expect(instant.latestMs - instant.earliestMs).toBeGreaterThanOrEqual(0);
  });
});
