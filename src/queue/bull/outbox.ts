import type { Operation } from "./state.ts";

/** An operation that is on its way, or will be. */
export interface Pending {
  readonly id: string;
  readonly operation: Operation;
  /** Called once it has been performed, and Bull has the jobs that follow from it. */
  readonly performed?: () => void;
}

/**
 * What Redis has not acknowledged yet, in order. Adds of one key are one, so that an outage of any length keeps no more than the
 * shard's keys; every operation may be performed twice without harm, because an answer may be lost.
 */
export class Outbox {
  readonly #pending = new Map<string, Pending>();
  #order = 0;
  #adds = 0;

  get size(): number {
    return this.#pending.size;
  }

  /** How many of them add a key. */
  get adds(): number {
    return this.#adds;
  }

  push(operation: Operation, performed?: () => void): void {
    if (operation.name === "add") {
      this.#pushAdd(operation);
      return;
    }
    const id = `#${this.#order++}`;
    this.#pending.set(id, { id, operation, ...(performed === undefined ? {} : { performed }) });
  }

  /** The oldest operations, at most `limit`; they stay until they are acknowledged. */
  next(limit: number): Pending[] {
    const batch: Pending[] = [];
    for (const pending of this.#pending.values()) {
      if (batch.length === limit) break;
      batch.push(pending);
    }
    return batch;
  }

  /** Drops what was performed, unless it was pushed again meanwhile. */
  acknowledge(batch: readonly Pending[]): void {
    for (const pending of batch) {
      pending.performed?.();
      if (this.#pending.get(pending.id) !== pending) continue;
      this.#pending.delete(pending.id);
      if (pending.operation.name === "add") this.#adds -= 1;
    }
  }

  /** Drops everything. Whoever waits for something to be performed waits no longer. */
  abandon(): void {
    for (const { performed } of this.#pending.values()) performed?.();
    this.#pending.clear();
    this.#adds = 0;
  }

  #pushAdd(operation: Operation & { readonly name: "add" }): void {
    const id = `add ${operation.key}`;
    const known = this.#pending.get(id)?.operation;
    if (known === undefined) this.#adds += 1;
    const isFresh = known?.name === "add" && known.priority === "fresh";
    // Always a new object: the one that is on its way now may have been performed, and its key taken, already.
    this.#pending.set(id, { id, operation: isFresh ? { ...operation, priority: "fresh" } : operation });
  }
}
