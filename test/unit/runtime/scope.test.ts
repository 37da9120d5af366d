import { describe, expect, it } from "vitest";
import { Scope } from "../../../src/runtime/scope.ts";

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

describe("a scope", () => {
  it("does not let one task go on when another has failed", async () => {
    const scope = new Scope();
    let ended = false;
    scope.run(async (signal) => untilAborted(signal).finally(() => (ended = true)));
    scope.run(async () => {
      throw new Error("broken");
    });
    await scope.ended();
    await expect(scope.close()).rejects.toThrow("broken");
    expect(ended).toBe(true);
  });

  it("does not lose the first failure behind those that follow from it", async () => {
    const scope = new Scope();
    scope.run(async (signal) => {
      await untilAborted(signal).catch(() => {});
      throw new Error("a consequence");
    });
    scope.run(() => Promise.reject(new Error("the cause")));
    await scope.ended();
    await expect(scope.close()).rejects.toThrow("the cause");
  });

  it("does not report the abort of a task that was told to stop", async () => {
    const scope = new Scope();
    scope.run(untilAborted);
    await expect(scope.close()).resolves.toBeUndefined();
  });

  it("does not undo anything before the last task has settled, then undoes in reverse", async () => {
    const said: string[] = [];
    const scope = new Scope();
    scope.defer(() => void said.push("first opened"));
    scope.defer(async () => void said.push("last opened"));
    scope.run(async (signal) => {
      await untilAborted(signal).catch(() => {});
      await Promise.resolve();
      said.push("task");
    });
    await scope.close();
    expect(said).toEqual(["task", "last opened", "first opened"]);
  });

  it("goes on undoing when one undo fails, and says so", async () => {
    const said: string[] = [];
    const scope = new Scope();
    scope.defer(() => void said.push("server closed"));
    scope.defer(() => {
      throw new Error("stuck");
    });
    await expect(scope.close()).rejects.toThrow("teardown failed: stuck");
    expect(said).toEqual(["server closed"]);
  });

  it("ends with its parent, also when that ended before, and leaves no listener behind", async () => {
    const parent = new AbortController();
    const child = new Scope(parent.signal);
    child.run(untilAborted);
    parent.abort(new Error("stop"));
    expect(child.signal.aborted).toBe(true);
    await child.close();
    expect(new Scope(parent.signal).signal.aborted).toBe(true);
  });

  it("waits for tasks that other tasks started while it was closing", async () => {
    const scope = new Scope();
    let late = false;
    scope.run(async (signal) => {
      await untilAborted(signal).catch(() => {});
      scope.run(async () => {
        await Promise.resolve();
        late = true;
      });
    });
    await scope.close();
    expect(late).toBe(true);
  });
});
