import type { Clock, Timer } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import type { Meter } from "../runtime/telemetry.ts";
import { Delays } from "./delays.ts";
import { KeyStates } from "./key-states.ts";
import { LinkedList } from "./linked-list.ts";
import { QueueMetrics } from "./metrics.ts";
import { DEFAULT_RATE_LIMITER, type RateLimiter, Retries } from "./rate-limiter.ts";
import type { Priority, QueueStatistics, WorkQueue } from "./work-queue.ts";

export interface MemoryQueueOptions {
  readonly clock: Clock;
  readonly meter: Meter;
  /** Label `name` of the metrics. Two open queues of one process must differ in it, or they overwrite each other's gauges. */
  readonly name: string;
  /** Of failed keys. Default {@link DEFAULT_RATE_LIMITER}. */
  readonly rateLimiter?: RateLimiter | undefined;
}

/**
 * The work queue in this process's memory: the default driver, with nothing to install. Controllers are level-triggered and a
 * new owner looks at every key again, so nothing is lost with the process.
 *
 * Promises, beyond those of {@link WorkQueue} and as client-go makes them:
 * - A key waits in one place only: however often it is added, it is handed out once, and once more if added while in work.
 * - A key that becomes fresh after it was added as resync is handed out with the fresh ones; within a priority the order
 *   is that of arrival. A key added in work goes to the end of its priority when that work ends.
 * - `add` pulls a key out of any delay at once. What remains of the delay depends on who asked for it: a back-off
 *   (`addRateLimited`) asks for the next try, so any earlier run *is* that try and the waiting one is dropped when the
 *   key is handed out; `addAfter` names a moment, so it stays, as in client-go, and merges with the key if that still waits then.
 * - A retry waits for as long as the rate limiter says; by default for the later of its key's back-off and the bucket of the whole queue.
 * - Adds, takes and dones are O(1), delays O(log n); 1,000,000 keys need no more than their own entries.
 * - A closed queue takes nothing in, hands nothing out, and holds no timer.
 *
 * Made open and empty.
 */
export function createMemoryQueue(options: MemoryQueueOptions): WorkQueue {
  return new MemoryQueue(options);
}

class MemoryQueue implements WorkQueue {
  readonly #clock: Clock;
  readonly #metrics: QueueMetrics;
  readonly #retries: Retries;
  readonly #states = new KeyStates();
  readonly #delays = new Delays();
  /** Callers of `take` that found nothing; not empty only while no key is ready. */
  readonly #waiting = new LinkedList<(key: string | undefined) => void>();
  /** The one timer, for the delay that is due first; it may fire early, never late. */
  #armed: { readonly dueMs: number; readonly timer: Timer } | undefined;
  #closed = false;

  constructor(options: MemoryQueueOptions) {
    this.#clock = options.clock;
    this.#metrics = new QueueMetrics(options.meter, options.name);
    this.#retries = new Retries(options.rateLimiter ?? DEFAULT_RATE_LIMITER, options.clock.monotonicMs());
  }

  get statistics(): QueueStatistics {
    const oldestMs = this.#states.oldestReadyMs;
    return {
      depth: this.#states.readyCount,
      delayed: this.#delays.size,
      inWork: this.#states.inWorkCount,
      oldestAgeMs: oldestMs === undefined ? 0 : this.#clock.monotonicMs() - oldestMs,
    };
  }

  add(key: string, priority: Priority = "fresh"): void {
    if (this.#closed) return;
    if (!this.#states.add(key, priority, this.#clock.monotonicMs())) return;
    this.#metrics.added();
    this.#showDepth();
    this.#handOut();
  }

  addAfter(key: string, delayMs: number, priority: Priority = "fresh"): void {
    if (!Number.isFinite(delayMs)) {
      throw new ElectorateError(
        "misuse",
        `addAfter needs a finite delay in milliseconds, but got ${delayMs} for key ${key}`,
      );
    }
    if (this.#closed) return;
    this.#metrics.retried();
    if (delayMs <= 0) this.add(key, priority);
    else this.#schedule(key, delayMs, priority, false);
  }

  addRateLimited(key: string): void {
    if (this.#closed) return;
    this.#metrics.retried();
    this.#schedule(key, this.#retries.next(key, this.#clock.monotonicMs()), "fresh", true);
  }

  forget(key: string): void {
    this.#retries.forget(key);
  }

  failures(key: string): number {
    return this.#retries.failures(key);
  }

  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const key = this.#takeNext();
    if (key !== undefined) return Promise.resolve(key);
    return new Promise((resolve) => void this.#waiting.append(resolve));
  }

  /** Does nothing for a key that is not in work, so that a second or late call harms nobody. */
  done(key: string): void {
    this.#end(key);
    this.#handOut();
  }

  putBack(key: string): void {
    if (this.#end(key)) this.add(key);
    this.#handOut();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#armed?.timer.cancel();
    this.#armed = undefined;
    this.#states.dropWaiting();
    this.#delays.clear();
    this.#retries.clear();
    this.#metrics.forgetDepth();
    if (this.#states.inWorkCount === 0) this.#metrics.forgetWork();
    for (let resolve = this.#waiting.takeFirst(); resolve !== undefined; resolve = this.#waiting.takeFirst())
      resolve(undefined);
  }

  sample(): void {
    if (this.#closed && this.#states.inWorkCount === 0) return;
    this.#metrics.sample(this.#states.startsOfWork(), this.#clock.monotonicMs());
  }

  #end(key: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const startedMs = this.#states.finish(key, nowMs);
    if (startedMs === undefined) return false;
    this.#metrics.finished(nowMs - startedMs);
    if (this.#closed && this.#states.inWorkCount === 0) this.#metrics.forgetWork();
    return true;
  }

  #handOut(): void {
    while (this.#waiting.first !== undefined) {
      const key = this.#takeNext();
      if (key === undefined) return;
      this.#waiting.takeFirst()?.(key);
    }
  }

  #takeNext(): string | undefined {
    const nowMs = this.#clock.monotonicMs();
    const next = this.#states.takeNext(nowMs);
    if (next === undefined) return undefined;
    this.#delays.removeRetry(next.key);
    this.#metrics.taken(nowMs - next.addedMs);
    this.#showDepth();
    return next.key;
  }

  #schedule(key: string, delayMs: number, priority: Priority, retry: boolean): void {
    this.#delays.schedule({ key, dueMs: this.#clock.monotonicMs() + delayMs, priority, retry });
    this.#arm();
  }

  #arm(): void {
    const dueMs = this.#delays.nextDueMs;
    if (dueMs === undefined || (this.#armed !== undefined && this.#armed.dueMs <= dueMs)) return;
    this.#armed?.timer.cancel();
    const timer = this.#clock.timer(dueMs - this.#clock.monotonicMs(), () => this.#addDue());
    this.#armed = { dueMs, timer };
  }

  #addDue(): void {
    this.#armed = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (let due = this.#delays.takeDue(nowMs); due !== undefined; due = this.#delays.takeDue(nowMs)) {
      this.add(due.key, due.priority);
    }
    this.#arm();
  }

  /** As in client-go, a key that will be worked on again counts from its add on, not from the end of the present work. */
  #showDepth(): void {
    this.#metrics.showDepth(this.#states.readyCount + this.#states.againCount);
  }
}
