import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IDLE, type Life, type LifeEvent, stepLife } from "../../../src/shard/life.ts";

const DRAIN_MS = 20_000;
const working: Life = { name: "working", epoch: "7" };
const draining: Life = { name: "draining", epoch: "7", abortAtMs: DRAIN_MS };
const aborted: Life = { name: "aborted", epoch: "7", stuckAtMs: DRAIN_MS + 1_000 };
const stopping: Life = { name: "stopping", epoch: "7" };

const open: LifeEvent = { type: "open", epoch: "9" };
const drain: LifeEvent = { type: "drain" };
const lose: LifeEvent = { type: "lose" };
const ended: LifeEvent = { type: "ended", epoch: "7" };
const endedBefore: LifeEvent = { type: "ended", epoch: "5" };
const forsake: LifeEvent = { type: "forsake" };
const tick: LifeEvent = { type: "tick" };

function outcome(life: Life, event: LifeEvent, nowMs = 0): string {
  const step = stepLife(life, event, nowMs, DRAIN_MS);
  return [step.life.name, ...step.effects.map(({ type }) => type)].join(" ");
}

describe("the life of a shard, each event in each state", () => {
  it.each([
    [IDLE, "idle"],
    [working, "working"],
    [draining, "draining"],
    [aborted, "aborted"],
    [stopping, "stopping"],
  ])("late word of an older term says nothing about this one (%#)", (life, same) => {
    expect(outcome(life, endedBefore)).toBe(same);
  });

  it.each([
    [IDLE, "working start"],
    [working, "working"],
    [draining, "draining"],
    [aborted, "aborted"],
    [stopping, "stopping"],
  ])("a shard never works for two terms at once: it opens only when idle (%#)", (life, then) => {
    expect(outcome(life, open)).toBe(then);
  });

  it.each([
    [IDLE, "idle"],
    [working, "stopping finish"],
    [draining, "stopping"],
    [aborted, "stopping"],
    [stopping, "stopping"],
  ])("a lost term stops whatever it was at (%#)", (life, then) => {
    expect(outcome(life, lose)).toBe(then);
  });

  it.each([
    [IDLE, "idle"],
    [working, "draining finish"],
    [draining, "draining"],
    [aborted, "aborted"],
    [stopping, "stopping"],
  ])("a drain is begun once (%#)", (life, then) => {
    expect(outcome(life, drain)).toBe(then);
  });

  it.each([
    [IDLE, "idle"],
    [working, "working"],
    [draining, "idle vacated"],
    [aborted, "idle vacated"],
    [stopping, "idle vacated"],
  ])("the Lease is not freed before the last handler has ended (%#)", (life, then) => {
    expect(outcome(life, ended)).toBe(then);
  });

  it("work that does not end by itself is told to stop at the drain time-out, not before, and once", () => {
    expect(outcome(draining, tick, DRAIN_MS - 1)).toBe("draining");
    expect(outcome(draining, tick, DRAIN_MS)).toBe("aborted abort");
    expect(outcome(aborted, tick, DRAIN_MS + 999)).toBe("aborted");
  });

  it("work that was told to stop and goes on is reported as stuck a second later, and once", () => {
    const { life, effects } = stepLife(aborted, tick, DRAIN_MS + 1_000, DRAIN_MS);
    expect(effects).toEqual([{ type: "stuck" }]);
    expect(life.name).toBe("aborted");
    expect(outcome(life, tick, 10 * DRAIN_MS)).toBe("aborted");
    expect(outcome(life, ended)).toBe("idle vacated");
  });

  it("a new term opens over work that was given up, whose late end says nothing about it", () => {
    expect(outcome(aborted, forsake)).toBe("idle");
    expect(outcome({ name: "working", epoch: "9" }, ended)).toBe("working");
  });

  it("whatever comes in whatever order, each start is followed by one vacated before the next start", () => {
    const events = fc.array(
      fc.oneof(
        fc.integer({ min: 1, max: 3 }).map((epoch): LifeEvent => ({ type: "open", epoch: String(epoch) })),
        fc.integer({ min: 1, max: 3 }).map((epoch): LifeEvent => ({ type: "ended", epoch: String(epoch) })),
        fc.constantFrom(drain, lose, tick),
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(events, (story) => {
        let life: Life = IDLE;
        const said: string[] = [];
        story.forEach((event, index) => {
          const step = stepLife(life, event, index * 7_000, DRAIN_MS);
          life = step.life;
          said.push(...step.effects.map(({ type }) => type).filter((type) => type === "start" || type === "vacated"));
        });
        expect(said).toEqual(said.map((_, index) => (index % 2 === 0 ? "start" : "vacated")));
      }),
    );
  });
});
