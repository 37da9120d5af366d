import { describe, expect, it } from "vitest";
import { Condition } from "../../../src/runtime/condition.ts";

describe("a condition", () => {
  it("does not make somebody wait for what holds already", async () => {
    await new Condition().until(() => true, new AbortController().signal);
  });

  it("does not miss what becomes true while others are told", async () => {
    const condition = new Condition();
    const { signal } = new AbortController();
    let value = 0;
    const one = condition.until(() => value === 1, signal);
    const two = condition.until(() => value === 2, signal);
    value = 1;
    condition.changed();
    await one;
    value = 2;
    condition.changed();
    await two;
  });

  it("does not wait on after an abort, before it began or during it", async () => {
    const condition = new Condition();
    const abort = new AbortController();
    const waiting = condition.until(() => false, abort.signal);
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(condition.until(() => true, abort.signal)).rejects.toThrow("enough");
  });

  it("does not ask again after it was settled", async () => {
    const condition = new Condition();
    let asked = 0;
    await condition.until(() => ++asked > 0, new AbortController().signal);
    condition.changed();
    expect(asked).toBe(1);
  });
});
