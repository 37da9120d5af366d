import { messageOf } from "./errors.ts";

/**
 * Structured concurrency: work started in a scope ends with it.
 *
 * Promises of this file: the first task that fails ends all others through `signal`; teardown runs in reverse order of
 * registration, after every task has settled, each step even when another one failed; `close` resolves only when nothing of
 * the scope is left running; the first failure is what `close` rejects with.
 */
export class Scope {
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #teardown: (() => void | Promise<void>)[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(parent?: AbortSignal) {
    if (parent === undefined) return;
    if (parent.aborted) {
      this.#controller.abort(parent.reason);
      return;
    }
    const end = (): void => this.#controller.abort(parent.reason);
    parent.addEventListener("abort", end, { once: true });
    this.#teardown.push(() => parent.removeEventListener("abort", end));
  }

  /** Aborts when the scope ends: by its parent, by `close`, or by the first failure. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Starts a task. Its failure, unless the scope is already ending, ends the scope. */
  run(task: (signal: AbortSignal) => Promise<void>): void {
    const settled = Promise.resolve()
      .then(() => task(this.signal))
      .catch((error: unknown) => {
        if (this.signal.aborted) return;
        this.#failure = { error };
        this.#controller.abort(error);
      })
      .finally(() => this.#running.delete(settled));
    this.#running.add(settled);
  }

  /** Registers what must be undone at the end; the last registered is undone first. */
  defer(undo: () => void | Promise<void>): void {
    this.#teardown.push(undo);
  }

  /** Resolves when the scope's signal aborts; never rejects. */
  ended(): Promise<void> {
    if (this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.signal.addEventListener("abort", () => resolve(), { once: true }));
  }

  /** Ends the scope, waits for every task, undoes everything, and rejects with the first failure if there was one. */
  async close(reason: unknown = new Error("scope closed")): Promise<void> {
    if (!this.signal.aborted) this.#controller.abort(reason);
    while (this.#running.size > 0) await Promise.all(this.#running);
    for (let undo = this.#teardown.pop(); undo !== undefined; undo = this.#teardown.pop()) {
      try {
        await undo();
      } catch (error) {
        this.#failure ??= { error: new Error(`teardown failed: ${messageOf(error)}`, { cause: error }) };
      }
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
