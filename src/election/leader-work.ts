import { ElectorateError } from "../runtime/errors.ts";
import type { LifeOwner, ShardLife } from "./contender.ts";
import type { OverrunGuard } from "./overrun-guard.ts";
import type { Term } from "./term.ts";
import type { TermQueue } from "./term-queue.ts";

/** What a leader does, in client-go's words. */
export interface LeaderCallbacks {
  /**
   * Leadership has begun. What it returns is the work of the term: the Lease is not given up before that has settled. `term.signal` aborts when
   * the work must stop. A rejection ends the election, and `run` rejects with it.
   */
  onStartedLeading?(term: Term): void | Promise<void>;
  /**
   * Leadership ends, by a stop or a loss: called at once, before `onStartedLeading` has settled, and once for each term that began. The
   * Lease is not given up before what it returns has settled.
   */
  onStoppedLeading?(term: Term): void | Promise<void>;
  /** Another leader is in sight, this one among them; empty while nobody is known to lead. */
  onNewLeader?(identity: string): void;
}

export interface LeaderWorkOptions {
  readonly callbacks: LeaderCallbacks;
  readonly owner: LifeOwner;
  readonly guard: OverrunGuard;
  /** Where terms are iterated over: each consumer is part of the work, for as long as it is at a term. */
  readonly terms: TermQueue;
  /** A term has begun. */
  began(): void;
  /** The user's own code failed. */
  failed(error: unknown): void;
}

/** The work of one leader at a time: the user's callbacks, and those who iterate over terms. */
export class LeaderWork implements ShardLife {
  readonly #options: LeaderWorkOptions;
  readonly #running = new Set<Promise<void>>();
  /** The term whose end has not been said yet. */
  #term: Term | undefined;

  constructor(options: LeaderWorkOptions) {
    this.#options = options;
  }

  open(term: Term): void {
    const { guard, callbacks, terms } = this.#options;
    this.#term = term;
    guard.watch(term.gate);
    term.gate.whenMoved(() => guard.watch(term.gate));
    this.#run(() => callbacks.onStartedLeading?.(term));
    this.#run(() => terms.give(term));
    this.#options.began();
  }

  /** A stop: work is told at once, as client-go does, and the Lease is kept for it until it has ended. */
  drain(term: Term): void {
    term.abort(new ElectorateError("aborted", `leadership of ${term.shard} ends with this process`));
    this.#stop();
  }

  lose(): void {
    this.#stop();
  }

  /** Nothing is ever moved away from under its work. */
  forsake(): void {}

  #stop(): void {
    const term = this.#term;
    if (term === undefined) return;
    this.#term = undefined;
    this.#run(() => this.#options.callbacks.onStoppedLeading?.(term));
    void this.#finish();
  }

  async #finish(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#options.guard.rest();
    this.#options.owner.vacated();
  }

  #run(task: () => void | Promise<void>): void {
    const settled: Promise<void> = Promise.resolve()
      .then(task)
      .catch((error: unknown) => this.#options.failed(error))
      .finally(() => this.#running.delete(settled));
    this.#running.add(settled);
  }
}
