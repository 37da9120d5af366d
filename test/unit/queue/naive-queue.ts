import type { Priority, QueueStatistics } from "../../../src/queue/work-queue.ts";

interface Waiting {
  readonly key: string;
  readonly priority: Priority;
  readonly readyMs: number;
}

interface Delayed {
  readonly key: string;
  readonly dueMs: number;
  readonly order: number;
  readonly priority: Priority;
  readonly retry: boolean;
}

/** One token comes back in this time; a power of two, so that no rounding hides or makes a difference. */
export const TOKEN_MS = 128;
export const BURST = 3;
export const BASE_MS = 5;
export const MAX_MS = 300;

/**
 * The work queue as its promises read, without any thought for cost: the reference that the real one is compared with.
 * `takes` counts workers that wait; what is handed out is returned by each call, in order.
 */
export class NaiveQueue {
  nowMs: number;
  #ready: Waiting[] = [];
  readonly #inWork = new Map<string, Priority | undefined>();
  #delayed: Delayed[] = [];
  readonly #failures = new Map<string, number>();
  #takes = 0;
  #order = 0;
  /** When the tokens taken so far would have come back one after the other. */
  #tokensUntilMs: number;
  #closed = false;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
    this.#tokensUntilMs = nowMs;
  }

  get inWork(): readonly string[] {
    return [...this.#inWork.keys()];
  }

  get statistics(): QueueStatistics {
    // The age counts from when a key became ready at its priority, and the first of each priority is the oldest.
    const ages = this.#ready.map(({ readyMs }) => this.nowMs - readyMs);
    return {
      depth: this.#ready.length,
      delayed: this.#delayed.length,
      inWork: this.#inWork.size,
      oldestAgeMs: Math.max(0, ...ages),
    };
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  add(key: string, priority: Priority): string[] {
    if (this.#closed) return [];
    if (this.#inWork.has(key)) {
      const before = this.#inWork.get(key);
      this.#inWork.set(key, before === "fresh" ? "fresh" : priority);
      return [];
    }
    const known = this.#ready.find((waiting) => waiting.key === key);
    if (known === undefined || (known.priority === "resync" && priority === "fresh")) {
      this.#ready = this.#ready.filter((waiting) => waiting.key !== key);
      this.#ready.push({ key, priority, readyMs: this.nowMs });
    }
    return this.#handOut();
  }

  addAfter(key: string, delayMs: number, priority: Priority): string[] {
    if (this.#closed) return [];
    if (delayMs <= 0) return this.add(key, priority);
    this.#delay(key, delayMs, priority, false);
    return [];
  }

  addRateLimited(key: string): void {
    if (this.#closed) return;
    const failures = this.failures(key);
    this.#failures.set(key, failures + 1);
    this.#tokensUntilMs = Math.max(this.#tokensUntilMs, this.nowMs) + TOKEN_MS;
    const forTokenMs = this.#tokensUntilMs - BURST * TOKEN_MS - this.nowMs;
    this.#delay(key, Math.max(Math.min(BASE_MS * 2 ** failures, MAX_MS), forTokenMs), "fresh", true);
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  take(): string[] {
    if (this.#closed) return [];
    this.#takes++;
    return this.#handOut();
  }

  done(key: string): string[] {
    if (!this.#inWork.has(key)) return [];
    const again = this.#inWork.get(key);
    this.#inWork.delete(key);
    return again === undefined ? [] : this.add(key, again);
  }

  close(): void {
    this.#closed = true;
    this.#ready = [];
    this.#delayed = [];
    this.#failures.clear();
    for (const key of this.#inWork.keys()) this.#inWork.set(key, undefined);
  }

  advance(ms: number): string[] {
    const untilMs = this.nowMs + ms;
    const out: string[] = [];
    for (;;) {
      const [next] = this.#delayed.toSorted((a, b) => a.dueMs - b.dueMs || a.order - b.order);
      if (next === undefined || next.dueMs > untilMs) break;
      this.nowMs = next.dueMs;
      this.#delayed = this.#delayed.filter((delayed) => delayed.key !== next.key);
      out.push(...this.add(next.key, next.priority));
    }
    this.nowMs = untilMs;
    return out;
  }

  #delay(key: string, delayMs: number, priority: Priority, retry: boolean): void {
    const dueMs = this.nowMs + delayMs;
    const known = this.#delayed.find((delayed) => delayed.key === key);
    this.#delayed = this.#delayed.filter((delayed) => delayed.key !== key);
    this.#delayed.push({
      key,
      dueMs: Math.min(dueMs, known?.dueMs ?? dueMs),
      order: known?.order ?? this.#order++,
      priority: known?.priority === "fresh" ? "fresh" : priority,
      retry: retry && (known?.retry ?? true),
    });
  }

  #handOut(): string[] {
    const out: string[] = [];
    while (this.#takes > 0) {
      const next = this.#ready.find(({ priority }) => priority === "fresh") ?? this.#ready[0];
      if (next === undefined) break;
      this.#takes--;
      this.#ready = this.#ready.filter((waiting) => waiting !== next);
      this.#delayed = this.#delayed.filter((delayed) => delayed.key !== next.key || !delayed.retry);
      this.#inWork.set(next.key, undefined);
      out.push(next.key);
    }
    return out;
  }
}
