import type { Priority } from "./work-queue.ts";

/** A key that waits for a moment. */
export interface Delay {
  readonly key: string;
  readonly dueMs: number;
  readonly priority: Priority;
  /** True when only a back-off asked for it: any earlier run of the key is that retry, and makes this delay pointless. */
  readonly retry: boolean;
}

interface Entry {
  readonly key: string;
  dueMs: number;
  priority: Priority;
  retry: boolean;
  /** Ties are broken by age, so that a run is replayed exactly. */
  readonly order: number;
  /** Where the entry stands in the heap, so that it can be moved and removed in O(log n). */
  place: number;
}

/**
 * The keys that wait for a moment, earliest first: a binary heap that can also be addressed by key.
 *
 * Promises: one entry per key; of several delays of one key the earliest wins; keys come out in order of their moment,
 * and in order of arrival where moments are equal. `schedule`, `remove` and `takeDue` are O(log n).
 */
export class Delays {
  readonly #heap: Entry[] = [];
  readonly #byKey = new Map<string, Entry>();
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** When the first key is due, or `undefined` when none waits. */
  get nextDueMs(): number | undefined {
    return this.#heap[0]?.dueMs;
  }

  schedule(delay: Delay): void {
    const known = this.#byKey.get(delay.key);
    if (known === undefined) {
      const entry: Entry = { ...delay, order: this.#order++, place: this.#heap.length };
      this.#byKey.set(delay.key, entry);
      this.#heap.push(entry);
      this.#rise(entry);
      return;
    }
    if (delay.priority === "fresh") known.priority = "fresh";
    known.retry &&= delay.retry;
    if (delay.dueMs >= known.dueMs) return;
    known.dueMs = delay.dueMs;
    this.#rise(known);
  }

  /** Drops the delay of a key if a back-off alone asked for it. */
  removeRetry(key: string): void {
    const entry = this.#byKey.get(key);
    if (entry?.retry) this.#remove(entry);
  }

  /** Takes out the first key that is due at `nowMs`; `undefined` when none is. */
  takeDue(nowMs: number): Delay | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.#remove(first);
    return first;
  }

  clear(): void {
    this.#heap.length = 0;
    this.#byKey.clear();
  }

  #remove(entry: Entry): void {
    this.#byKey.delete(entry.key);
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    last.place = entry.place;
    this.#heap[last.place] = last;
    this.#rise(last);
    this.#sink(last);
  }

  #rise(entry: Entry): void {
    while (entry.place > 0) {
      const parent = this.#heap[(entry.place - 1) >> 1];
      if (parent === undefined || !before(entry, parent)) return;
      this.#swap(entry, parent);
    }
  }

  #sink(entry: Entry): void {
    for (;;) {
      const left = this.#heap[2 * entry.place + 1];
      const right = this.#heap[2 * entry.place + 2];
      const child = left !== undefined && right !== undefined && before(right, left) ? right : left;
      if (child === undefined || !before(child, entry)) return;
      this.#swap(child, entry);
    }
  }

  #swap(a: Entry, b: Entry): void {
    [a.place, b.place] = [b.place, a.place];
    this.#heap[a.place] = a;
    this.#heap[b.place] = b;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
