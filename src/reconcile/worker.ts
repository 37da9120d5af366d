import type { KubernetesObject } from "../kube/api.ts";
import type { WorkQueue } from "../queue/work-queue.ts";
import type { Clock } from "../runtime/clock.ts";
import { messageOf } from "../runtime/errors.ts";
import type { Log } from "../runtime/telemetry.ts";
import { Attempt } from "./attempt.ts";
import type { GuardedClient } from "./client-contract.ts";
import type { Completion } from "./completion.ts";
import type { Reconcile } from "./contract.ts";
import { requestOf } from "./key.ts";
import type { KeyInWork, KeysInWork } from "./keys-in-work.ts";
import type { ReconcileMetrics } from "./metrics.ts";
import { Turn } from "./turn.ts";

/**
 * The workers of one term of a shard.
 *
 * Promises:
 * - The gate is compared after every dequeue, in the same step in which the handler is called. A key that it refuses is
 *   put back: the next owner looks at it.
 * - A key whose handler still runs for an older term is not run beside it; it is queued again when that handler ends.
 * - What follows from an outcome is decided in one switch, metrics included; no outcome, thrown value or return value
 *   of a handler ends a worker.
 * - Everything goes to the queue that the workers were given, so what an old term's handler leaves behind dies with that queue.
 * - Handlers that never wait do not keep the event loop from turning.
 */
export interface Workers {
  /** Handlers that run now. */
  readonly running: number;
  /** The keys of those handlers, the longest first. */
  inWork(): readonly KeyInWork[];
  /** Resolves as soon as no handler runs. That is for good only after `stop`. */
  idle(): Promise<void>;
  /** Closes the queue and calls no handler any more, from this moment on; resolves when the last handler has ended. */
  stop(): Promise<void>;
  /** Resolves when every worker has ended: the queue was closed, or the gate refused. Rejects only for a fault of the queue, log or meter. */
  readonly ended: Promise<void>;
}

export interface WorkersOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ReconcileMetrics;
  /** The term's own queue. */
  readonly queue: WorkQueue;
  /** How many handlers run at once, at least 1. */
  readonly workers: number;
  /** Name of the resource in requests, `deployments.apps`. */
  readonly resource: string;
  readonly shard: string;
  readonly epoch: string;
  /** Aborts when handlers must stop at once. */
  readonly signal: AbortSignal;
  readonly client: GuardedClient;
  /** The shard's own, the same object for all its terms. */
  readonly keysInWork: KeysInWork;
  readonly reconcile: Reconcile;
  /** How long a handler may take before it is told to stop. `undefined`: as long as its term stands. */
  readonly timeoutMs?: number | undefined;
  /** Told of every handler before it is called; the answer is called when it has ended. */
  began?(): () => void;
  /** Compares the gate. Once the term has ended it must answer false for ever, also when the shard is led again. */
  admits(): boolean;
  /** The object as the read cache has it. */
  objectOf(key: string): KubernetesObject | undefined;
  /** Called once when the gate refused a key, so that the shard can end a term whose deadline passed unnoticed. */
  refused?(): void;
}

/** Starts the workers of a term. */
export function runWorkers(options: WorkersOptions): Workers {
  return new TermWorkers(options);
}

class TermWorkers implements Workers {
  readonly ended: Promise<void>;
  readonly #options: WorkersOptions;
  readonly #turn: Turn;
  readonly #inWork = new Set<KeyInWork>();
  /** Keys that wait for a handler of an older term. */
  readonly #deferred = new Set<string>();
  #whenIdle: (() => void)[] = [];
  #stopped = false;
  #refused = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#turn = new Turn(options.clock);
    const countOut = options.metrics.workersStarted(options.workers);
    const loops = Array.from({ length: options.workers }, () => this.#loop());
    this.ended = Promise.all(loops).then(
      () => this.#end(countOut),
      (error: unknown) => {
        this.#end(countOut);
        throw error;
      },
    );
  }

  get running(): number {
    return this.#inWork.size;
  }

  inWork(): readonly KeyInWork[] {
    return [...this.#inWork];
  }

  idle(): Promise<void> {
    if (this.#inWork.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#options.queue.close();
    return this.idle();
  }

  #end(countOut: () => void): void {
    this.#turn.end();
    countOut();
  }

  async #loop(): Promise<void> {
    const { queue, keysInWork } = this.#options;
    for (;;) {
      const pause = this.#turn.next();
      if (pause !== undefined) await pause;
      const key = await queue.take();
      if (key === undefined) return;
      // From here to the call of the handler nothing may be awaited: what is compared now must still hold then.
      if (this.#stopped || !this.#options.admits()) {
        queue.putBack(key);
        this.#refuse();
        return;
      }
      if (keysInWork.has(key)) this.#defer(key);
      else await this.#work(key);
    }
  }

  #refuse(): void {
    if (this.#stopped || this.#refused) return;
    this.#refused = true;
    this.#options.refused?.();
  }

  #defer(key: string): void {
    const { queue, keysInWork } = this.#options;
    queue.done(key);
    if (this.#deferred.has(key)) return;
    this.#deferred.add(key);
    keysInWork.whenFree(key, () => {
      this.#deferred.delete(key);
      queue.add(key);
    });
  }

  async #work(key: string): Promise<void> {
    const { clock, queue, keysInWork, metrics, shard, epoch } = this.#options;
    const work: KeyInWork = { key, shard, epoch, startedMs: clock.monotonicMs() };
    keysInWork.begin(work);
    this.#inWork.add(work);
    metrics.workBegan();
    let isOver = true;
    try {
      const log = this.#options.log.child({ shard, epoch, key });
      const completion = await this.#attempt(key, log);
      isOver = completion.kind !== "term-ended";
      this.#conclude(key, completion, log);
    } finally {
      metrics.workEnded(clock.monotonicMs() - work.startedMs);
      this.#inWork.delete(work);
      if (isOver) queue.done(key);
      else queue.putBack(key);
      keysInWork.end(work);
      this.#tellIdle();
    }
  }

  async #attempt(key: string, log: Log): Promise<Completion> {
    const { clock, resource, shard, epoch, signal, client, reconcile, timeoutMs } = this.#options;
    const ended = this.#options.began?.();
    const attempt = new Attempt({
      clock,
      reconcile,
      request: requestOf(resource, key),
      context: { object: this.#options.objectOf(key), signal, shard, epoch, log, client },
      timeoutMs,
      hasTermEnded: () => this.#stopped || !this.#options.admits(),
      strayedLate: (error) => this.#strayedLate(key, error, log),
    });
    const completion = await attempt.run();
    ended?.();
    return completion;
  }

  /** The run was judged without it, so the key is looked at again. */
  #strayedLate(key: string, error: unknown, log: Log): void {
    const { queue, metrics } = this.#options;
    metrics.panickedLate();
    queue.addRateLimited(key);
    log.error(fieldsOf(error), "a handler that had ended threw where nobody waits; its key is tried again");
  }

  /** The one place where the end of a run has consequences. */
  #conclude(key: string, completion: Completion, log: Log): void {
    const { queue, metrics } = this.#options;
    switch (completion.kind) {
      case "done":
        queue.forget(key);
        metrics.succeeded();
        return;
      case "requeue-after":
        queue.forget(key);
        queue.addAfter(key, completion.delayMs);
        metrics.requeuedAfter();
        return;
      case "failed":
        queue.addRateLimited(key);
        metrics.failed();
        log.error(
          { ...fieldsOf(completion.error), failures: queue.failures(key) },
          "reconcile failed and will be tried again",
        );
        return;
      case "timed-out":
        queue.addRateLimited(key);
        metrics.timedOut();
        log.error(
          { ...fieldsOf(completion.error), code: completion.error.code, failures: queue.failures(key) },
          "reconcile took longer than its time-out and will be tried again",
        );
        return;
      case "panicked":
        queue.addRateLimited(key);
        metrics.panicked();
        log.error(
          { ...fieldsOf(completion.error), failures: queue.failures(key) },
          "the handler threw what is no Error, before it returned a promise, or where nobody waits; it will be tried again",
        );
        return;
      case "terminal":
        queue.forget(key);
        metrics.failedForGood();
        log.error(
          fieldsOf(completion.error),
          "reconcile failed for good and will not be tried again until the object changes",
        );
        return;
      case "term-ended":
        log.debug({}, "reconcile stopped because its term ended");
        return;
      default:
        completion satisfies never;
    }
  }

  #tellIdle(): void {
    if (this.#inWork.size > 0) return;
    const tell = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of tell) resolve();
  }
}

/** Only text of bounded length: an error of a foreign client may carry a whole answer of the API server in its fields. */
function fieldsOf(error: unknown): object {
  const message = textOf(error).slice(0, 1_000);
  if (!(error instanceof Error) || typeof error.stack !== "string") return { error: message };
  const frames = error.stack.split("\n").filter((line) => line.startsWith("    at "));
  return { error: message, stack: frames.slice(0, 12).map((line) => line.trim()) };
}

/** Anything can be thrown, also what has no text. */
function textOf(error: unknown): string {
  try {
    return String(messageOf(error));
  } catch {
    return `a thrown ${typeof error} without text`;
  }
}
