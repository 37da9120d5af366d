import type { Clock, Timer } from "../../runtime/clock.ts";
import { sleep } from "../../runtime/clock.ts";
import { ElectorateError } from "../../runtime/errors.ts";
import type { QueueTerm } from "../driver.ts";
import { LinkedList } from "../linked-list.ts";
import type { QueueMetrics } from "../metrics.ts";
import { DEFAULT_RATE_LIMITER, Retries } from "../rate-limiter.ts";
import type { Priority, QueueStatistics, WorkQueue } from "../work-queue.ts";
import { answered } from "./deadline.ts";
import { Ended } from "./ended.ts";
import type { Engine } from "./engine.ts";
import { Outbox } from "./outbox.ts";
import type { Answer, Operation, ShardState, Token } from "./state.ts";

export interface BullQueueOptions {
  readonly term: QueueTerm;
  readonly state: ShardState;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly metrics: QueueMetrics;
  /** The queue cannot work now, and why; `undefined` when it can again. */
  readonly onTrouble: (error: unknown) => void;
  /** Nothing is sent any more: the queue was closed, and what it had to say is said or cannot be. */
  readonly onEnd: () => void;
}

/** A key that was handed out, and its job in Bull, which is active meanwhile. */
interface InWork {
  token: string;
  readonly startedMs: number;
  /** It was added meanwhile. */
  again: boolean;
  /** Lets Bull go on to its next job. */
  readonly release: () => void;
}

type Taker = (key: string | undefined) => void;

/** A job of Bull that waits for somebody to take its key. */
interface Offer {
  readonly accept: (taker: Taker) => void;
  readonly refuse: (error: Error) => void;
}

const BATCH = 500;
/** How often a queue that has nothing to say looks whether Redis still has its state. */
const CHECK_MS = 5_000;
const RETRY_MS = 500;

/**
 * The work queue of one term in Redis.
 *
 * Promises, beyond those of {@link WorkQueue}:
 * - It hands out nothing before its epoch is the registered one, and nothing that the state does not give to that epoch.
 * - A key is claimed when somebody is there to take it, and is in work until `done`, whatever Bull makes of its job meanwhile.
 * - What Redis has not acknowledged is sent again. When Redis may have forgotten something, every key of the shard is added again.
 * - Adds are still sent after `close`, as long as no newer epoch is registered: the next owner finds them.
 */
export class BullQueue implements WorkQueue {
  readonly #options: BullQueueOptions;
  readonly #retries: Retries;
  readonly #outbox = new Outbox();
  readonly #inWork = new Map<string, InWork>();
  readonly #takers = new LinkedList<Taker>();
  readonly #offers = new LinkedList<Offer>();
  readonly #ended: Ended;
  readonly #closing = new AbortController();
  readonly #receiver = (key: string, token: string): Promise<void> => this.#receive(key, token);
  /** What Redis said last. */
  #known: Answer | undefined;
  #joined = false;
  #started = false;
  #idle: { readonly timer: Timer | undefined; readonly wake: () => void } | undefined;
  /** Keys were handed out since Redis was asked how things stand. */
  #moved = false;
  /** Found outside `#serve`, which takes it up. */
  #fault: { readonly error: unknown } | undefined;

  constructor(options: BullQueueOptions) {
    this.#options = options;
    this.#retries = new Retries(options.term.rateLimiter ?? DEFAULT_RATE_LIMITER, options.clock.monotonicMs());
    this.#ended = new Ended(options.clock, () => this.#sendEnded());
    void this.#live();
  }

  get statistics(): QueueStatistics {
    const known = this.#closing.signal.aborted ? undefined : this.#known;
    const { oldestMs } = known ?? {};
    return {
      depth: known === undefined ? 0 : known.ready + this.#outbox.adds,
      delayed: known?.delayed ?? 0,
      inWork: this.#inWork.size,
      oldestAgeMs:
        oldestMs === undefined || known?.ready === 0 ? 0 : Math.max(0, this.#options.clock.wallMs() - oldestMs),
    };
  }

  add(key: string, priority: Priority = "fresh"): void {
    const work = this.#inWork.get(key);
    if (work !== undefined) work.again = true;
    this.#send({ name: "add", key, priority });
  }

  addAfter(key: string, delayMs: number, priority: Priority = "fresh"): void {
    if (!Number.isFinite(delayMs)) {
      throw new ElectorateError(
        "misuse",
        `addAfter needs a finite delay in milliseconds, but got ${delayMs} for key ${key}`,
      );
    }
    this.#options.metrics.retried();
    if (delayMs <= 0) this.add(key, priority);
    else this.#delay(key, delayMs, priority, false);
  }

  addRateLimited(key: string): void {
    this.#options.metrics.retried();
    const delayMs = this.#retries.next(key, this.#options.clock.monotonicMs());
    this.#send({ name: "failures", key, failures: this.#retries.failures(key) });
    this.#delay(key, delayMs, "fresh", true);
  }

  forget(key: string): void {
    if (this.#retries.failures(key) === 0) return;
    this.#retries.forget(key);
    this.#send({ name: "failures", key, failures: 0 });
  }

  failures(key: string): number {
    return this.#retries.failures(key);
  }

  take(): Promise<string | undefined> {
    if (this.#closing.signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.append(resolve);
      this.#pair();
    });
  }

  done(key: string): void {
    this.#end(key, "done");
  }

  putBack(key: string): void {
    this.#end(key, "return");
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    const { engine, metrics } = this.#options;
    this.#closing.abort(new ElectorateError("aborted", `the queue of shard ${this.#options.term.shard} is closed`));
    engine.stop(this.#receiver);
    for (let taker = this.#takers.takeFirst(); taker !== undefined; taker = this.#takers.takeFirst()) taker(undefined);
    for (let offer = this.#offers.takeFirst(); offer !== undefined; offer = this.#offers.takeFirst())
      offer.refuse(new Error("the term that took this job has ended"));
    this.#sendEnded();
    // Bull need not wait for handlers: the state says which keys are in work.
    for (const { release } of this.#inWork.values()) release();
    metrics.forgetDepth();
    if (this.#inWork.size === 0) metrics.forgetWork();
    this.#wake();
  }

  sample(): void {
    if (this.#closing.signal.aborted && this.#inWork.size === 0) return;
    const starts = [...this.#inWork.values()].map(({ startedMs }) => startedMs);
    this.#options.metrics.sample(starts, this.#options.clock.monotonicMs());
  }

  /** Redis may have forgotten something: joins again before anything else is handed out. */
  doubt(error: unknown): void {
    this.#joined = false;
    this.#fault ??= { error };
    this.#wake();
  }

  #delay(key: string, delayMs: number, priority: Priority, retry: boolean): void {
    this.#send({ name: "delay", key, dueMs: this.#options.clock.wallMs() + delayMs, priority, retry });
  }

  #send(operation: Operation, performed?: () => void): void {
    // What is added after its work has ended must not be taken for added in work.
    if (operation.name !== "done" && this.#ended.has(operation.key)) this.#sendEnded();
    this.#outbox.push(operation, performed);
    this.#wake();
  }

  #end(key: string, how: "done" | "return"): void {
    const work = this.#inWork.get(key);
    if (work === undefined) return;
    const { clock, metrics } = this.#options;
    this.#inWork.delete(key);
    metrics.finished(clock.monotonicMs() - work.startedMs);
    // A key that is to run again must be in Bull before Bull chooses its next job, or a resync key might go before it.
    const { token } = work;
    if (work.again || how === "return") {
      this.#send({ name: how, key, token }, work.release);
    } else {
      this.#ended.add({ key, token });
      if (this.#closing.signal.aborted) this.#sendEnded();
      work.release();
    }
    if (this.#closing.signal.aborted && this.#inWork.size === 0) metrics.forgetWork();
  }

  #sendEnded(): void {
    for (const { key, token } of this.#ended.take()) this.#send({ name: "done", key, token });
  }

  /** Joins, and serves until it is closed; joins again after every trouble. */
  async #live(): Promise<void> {
    const { clock, onTrouble, onEnd } = this.#options;
    const { signal } = this.#closing;
    let tries = 0;
    do {
      try {
        await this.#join(tries++ > 0);
        onTrouble(undefined);
        await this.#serve();
      } catch (error) {
        this.#joined = false;
        this.#fault = undefined;
        // A closed queue gives up: the next owner takes up what did not arrive, and every key of the shard anyway.
        if (signal.aborted) break;
        onTrouble(error);
        await sleep(clock, RETRY_MS, signal).catch(() => {});
      }
    } while (!signal.aborted);
    this.#outbox.abandon();
    onEnd();
  }

  async #join(again: boolean): Promise<void> {
    const { state, term, engine, clock } = this.#options;
    if (!term.admits()) throw new ElectorateError("gate-closed", `the gate of shard ${term.shard} is closed`);
    const held = [...this.#inWork].map(([key, { token }]) => [key, token] as const);
    const answer = this.#believe(await state.register(held));
    await answered(clock, engine.listen());
    this.#retries.restore(await state.failures());
    await this.#ask(answer.tokens);
    if (this.#closing.signal.aborted) return;
    this.#joined = true;
    this.#pair();
    // After a trouble nobody knows what Redis has kept; the source knows every key.
    if (again) term.refill();
    await this.#sweep("missing");
  }

  async #serve(): Promise<void> {
    for (;;) {
      const batch = this.#outbox.next(BATCH);
      const answer = this.#believe(await this.#options.state.apply(batch.map(({ operation }) => operation)));
      await this.#ask(answer.tokens);
      this.#outbox.acknowledge(batch);
      if (this.#fault !== undefined) throw this.#fault.error;
      if (this.#outbox.size > 0) continue;
      if (this.#closing.signal.aborted && this.#inWork.size === 0 && this.#ended.size === 0) return;
      if (await this.#rest()) await this.#look();
    }
  }

  /** Waits for something to send; true when nothing came for a while. */
  #rest(): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (quiet: boolean): void => {
        this.#idle = undefined;
        resolve(quiet);
      };
      const { clock } = this.#options;
      // A closed queue only waits for its last handlers.
      const timer = this.#closing.signal.aborted ? undefined : clock.timer(CHECK_MS, () => end(true));
      this.#idle = { timer, wake: () => end(false) };
    });
  }

  #wake(): void {
    this.#idle?.timer?.cancel();
    this.#idle?.wake();
  }

  /** Keys wait or are overdue, somebody wants them, and Bull brings none: it has lost their jobs (evicted, perhaps). */
  async #look(): Promise<void> {
    const { ready = 0, dueMs = Number.POSITIVE_INFINITY } = this.#known ?? {};
    const waits = ready > 0 || dueMs + CHECK_MS < this.#options.clock.wallMs();
    const stuck = waits && !this.#moved && this.#takers.first !== undefined;
    this.#moved = false;
    if (stuck) await this.#sweep("all");
  }

  async #sweep(which: "missing" | "all"): Promise<void> {
    let cursor = "0";
    do {
      const answer = this.#believe(await this.#options.state.sweep(cursor, which));
      await this.#ask(answer.tokens);
      cursor = answer.verdict;
    } while (cursor !== "0");
  }

  #ask(tokens: readonly Token[]): Promise<void> {
    const { engine, clock } = this.#options;
    return tokens.length === 0 ? Promise.resolve() : answered(clock, engine.ask(tokens, clock.wallMs()));
  }

  /** Takes in an answer of the registered epoch; throws for any other. A claim's says nothing of moments. */
  #believe(answer: Answer, claimed = false): Answer {
    const { term, metrics } = this.#options;
    if (answer.status === "stale") {
      throw new ElectorateError(
        "gate-closed",
        `Redis has epoch ${answer.registered} for shard ${term.shard}, which is newer than ${term.epoch}: another replica leads it, or the ` +
          `API server was restored from a backup, and then \`electorate queue reset-epoch ${term.shard}\` is the remedy`,
      );
    }
    if (answer.status === "lost")
      throw new ElectorateError("server-error", `Redis has lost the state of shard ${term.shard}; it is built anew`);
    const { oldestMs, dueMs } = (claimed ? this.#known : undefined) ?? answer;
    this.#known = { ...answer, oldestMs, dueMs };
    if (answer.added > 0) metrics.added(answer.added);
    if (!this.#closing.signal.aborted) metrics.showDepth(answer.ready);
    return answer;
  }

  /** A job of Bull: waits until somebody wants a key, and is active until that key is done. A rejection puts it back. */
  async #receive(key: string, token: string): Promise<void> {
    const taker = await this.#offered();
    const ended = this.#ended.take();
    try {
      const answer = this.#believe(await this.#options.state.claim(key, token, ended), true);
      for (const work of answer.tokens) this.#send({ name: "done", key: work.key, token: work.token });
      if (answer.verdict === "again") this.add(key);
      if (answer.verdict === "run") {
        this.#observeWait(answer);
        await this.#handOut(key, token, taker);
        return;
      }
    } catch (error) {
      for (const work of ended) this.#send({ name: "done", key: work.key, token: work.token });
      // No more claims before this is cleared up, or Bull would bring the same jobs again and again.
      this.doubt(error);
      this.#welcome(taker);
      throw error;
    }
    // Whoever waited goes on waiting for another key.
    this.#welcome(taker);
  }

  #offered(): Promise<Taker> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason);
    return new Promise((accept, refuse) => {
      this.#offers.append({ accept, refuse });
      this.#pair();
    });
  }

  #handOut(key: string, token: string, taker: Taker): Promise<void> | undefined {
    const { clock } = this.#options;
    this.#moved = true;
    if (this.#closing.signal.aborted) {
      this.#send({ name: "return", key, token });
      taker(undefined);
      return undefined;
    }
    const known = this.#inWork.get(key);
    if (known !== undefined) {
      // The state knew nothing of that work, so it is told of it by another add, under the token that it knows now.
      known.token = token;
      this.add(key);
      this.#welcome(taker);
      return undefined;
    }
    return new Promise((release) => {
      this.#inWork.set(key, { token, startedMs: clock.monotonicMs(), again: false, release });
      taker(key);
    });
  }

  #welcome(taker: Taker): void {
    if (this.#closing.signal.aborted) taker(undefined);
    else this.#takers.append(taker);
    this.#pair();
  }

  #pair(): void {
    if (this.#joined && !this.#started && this.#takers.first !== undefined) {
      // Not before: a job that Bull takes while nobody wants one would go before fresher ones.
      this.#started = true;
      this.#options.engine.start(this.#receiver);
    }
    while (this.#joined && this.#takers.first !== undefined && this.#offers.first !== undefined) {
      const taker = this.#takers.takeFirst();
      if (taker !== undefined) this.#offers.takeFirst()?.accept(taker);
    }
  }

  #observeWait({ sinceMs }: Answer): void {
    if (sinceMs !== undefined) this.#options.metrics.taken(Math.max(0, this.#options.clock.wallMs() - sinceMs));
  }
}
