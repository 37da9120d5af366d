import type { LifeOwner, ShardLife } from "../election/contender.ts";
import { OverrunGuard, type OverrunGuardOptions } from "../election/overrun-guard.ts";
import type { Term } from "../election/term.ts";
import type { Timer } from "../runtime/clock.ts";
import type { Part } from "./part.ts";

export interface PartLifeOptions extends Omit<OverrunGuardOptions, "overrun"> {
  readonly parts: readonly Part[];
  readonly owner: LifeOwner;
  /** How long parts may take to end before their shard is kept here. */
  readonly drainTimeoutMs: number;
  /** Parts run on beyond their validity. */
  overrun(parts: readonly string[]): void;
  failed(error: unknown): void;
}

interface Run {
  readonly part: Part;
  readonly ended: Promise<void>;
}

/** The parts of one shard as its work: they run while it is led, and its Lease waits for their end. */
export class PartLife implements ShardLife {
  readonly #options: PartLifeOptions;
  readonly #guard: OverrunGuard;
  readonly #running = new Set<Run>();
  /** Of terms that were forsaken. */
  readonly #late = new Set<Run>();
  #stop = new AbortController();
  /** What the owner waits to be told. */
  #owed: "vacated" | "relieved" | undefined;
  #stuckTimer: Timer | undefined;

  constructor(options: PartLifeOptions) {
    this.#options = options;
    const overrun = (): void =>
      options.overrun([...this.#late, ...this.#running].map(({ part }) => `part ${part.name}`));
    this.#guard = new OverrunGuard({ ...options, overrun });
  }

  open(term: Term): void {
    const stop = new AbortController();
    this.#stop = stop;
    term.signal.addEventListener("abort", () => stop.abort(term.signal.reason), { once: true });
    const before = Promise.all([...this.#late].map(({ ended }) => ended));
    for (const part of this.#options.parts) {
      const run: Run = {
        part,
        ended: before.then(() => this.#run(part, term, stop.signal)).finally(() => this.#end(run)),
      };
      this.#running.add(run);
    }
    const watch = (): void => {
      if (this.#running.size > 0 || this.#late.size > 0) this.#guard.watch(term.gate);
    };
    term.gate.whenMoved(watch);
    watch();
  }

  /** Parts have no keys to end first: they are told at once, and the Lease is kept for them until they have ended. */
  drain(): void {
    const { clock, drainTimeoutMs, owner } = this.#options;
    this.#stuckTimer = clock.timer(drainTimeoutMs, () => owner.stuck());
    this.#stop.abort();
    this.#owe("vacated");
  }

  lose(): void {
    this.#stop.abort();
    this.#owe("vacated");
  }

  forsake(): void {
    for (const run of this.#running) this.#late.add(run);
    this.#running.clear();
    this.#owe("relieved");
  }

  #owe(what: "vacated" | "relieved"): void {
    if (what === "relieved") this.#stuckTimer?.cancel();
    this.#owed = what;
    this.#settle();
  }

  #settle(): void {
    const ended = this.#late.size === 0 && (this.#owed === "relieved" || this.#running.size === 0);
    if (this.#owed === undefined || !ended) return;
    const owed = this.#owed;
    this.#owed = undefined;
    this.#stuckTimer?.cancel();
    this.#options.owner[owed]();
  }

  async #run(part: Part, term: Term, signal: AbortSignal): Promise<void> {
    try {
      if (!signal.aborted) await part.run({ signal, term, ready: () => {} });
    } catch (error) {
      if (!signal.aborted) this.#options.failed(error);
    }
  }

  #end(run: Run): void {
    this.#running.delete(run);
    this.#late.delete(run);
    if (this.#running.size === 0 && this.#late.size === 0) this.#guard.rest();
    this.#settle();
  }
}
