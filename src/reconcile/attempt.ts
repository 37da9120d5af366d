import type { Clock, Timer } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { giveUp, onBehalfOf } from "../runtime/stray-errors.ts";
import { type Completion, judgeFailure, judgeOutcome } from "./completion.ts";
import type { Reconcile, ReconcileContext, ReconcileRequest } from "./contract.ts";

/** How long a handler may go on after it threw where nobody waits. */
const GRACE_MS = 10_000;

export interface AttemptOptions {
  readonly clock: Clock;
  readonly reconcile: Reconcile;
  readonly request: ReconcileRequest;
  /** `signal` is the term's; the handler is given one that aborts at the time-out, too. */
  readonly context: ReconcileContext;
  /** `undefined`: a handler may take as long as its term stands. */
  readonly timeoutMs: number | undefined;
  /** The term of the run admits no more work. */
  hasTermEnded(): boolean;
  /** The handler has ended, and something that it left behind has thrown. */
  strayedLate(error: unknown): void;
}

/**
 * One call of a handler.
 *
 * Promises:
 * - At the time-out the handler's signal aborts; the attempt ends when the handler does, for its key is not to be run twice at once, and then
 *   counts as timed out, whatever it answered: one that stops at an abort returns like one that is done.
 * - What it throws where nobody waits for it is said at once and aborts its signal, too, because what it waits for may never come now; it
 *   counts as a panic. A handler that does not end then would keep its key, and its shard from moving, for ever: so the process ends.
 * - An attempt that has ended leaves no timer and no listener.
 */
export class Attempt {
  readonly #options: AttemptOptions;
  readonly #abort = new AbortController();
  #timedOut: ElectorateError | undefined;
  #stray: { readonly error: unknown } | undefined;
  #graceTimer: Timer | undefined;
  #ended = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async run(): Promise<Completion> {
    const { clock, context, timeoutMs } = this.#options;
    const term = context.signal;
    const end = (): void => this.#stop(term.reason);
    if (term.aborted) end();
    term.addEventListener("abort", end, { once: true });
    const timer = timeoutMs === undefined ? undefined : clock.timer(timeoutMs, () => this.#timeOut(timeoutMs));
    const completion = await this.#call();
    this.#ended = true;
    timer?.cancel();
    this.#graceTimer?.cancel();
    term.removeEventListener("abort", end);
    return this.#judge(completion);
  }

  async #call(): Promise<Completion> {
    const { reconcile, request, context } = this.#options;
    const { signal } = this.#abort;
    let synchronously = true;
    try {
      const running = onBehalfOf(
        (error) => this.#strayed(error),
        () => reconcile(request, { ...context, signal }),
      );
      synchronously = false;
      return judgeOutcome(await running);
    } catch (error) {
      const termEnded = context.signal.aborted || this.#options.hasTermEnded();
      return judgeFailure(error, { synchronously, termEnded, signal });
    }
  }

  #judge(completion: Completion): Completion {
    if (completion.kind === "term-ended" || completion.kind === "terminal") return completion;
    if (this.#stray !== undefined) return { kind: "panicked", error: this.#stray.error };
    return this.#timedOut === undefined ? completion : { kind: "timed-out", error: this.#timedOut };
  }

  #timeOut(timeoutMs: number): void {
    const { request, context } = this.#options;
    const what = `the handler of ${request.key} took longer than ${timeoutMs} ms`;
    this.#timedOut = new ElectorateError("reconcile-timeout", what);
    context.log.warn({ timeoutMs }, "reconcile takes longer than its time-out and is told to stop");
    this.#stop(this.#timedOut);
  }

  #strayed(error: unknown): void {
    if (this.#ended) {
      this.#options.strayedLate(error);
      return;
    }
    const { clock, context } = this.#options;
    const fields = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    context.log.error(fields, "the handler threw where nobody waits, and is told to stop");
    if (this.#stray !== undefined) return;
    this.#stray = { error };
    this.#graceTimer = clock.timer(GRACE_MS, () => {
      context.log.error(fields, "the handler goes on waiting for what will never come; the process ends");
      giveUp(error);
    });
    this.#stop(error);
  }

  /** A listener of the handler's own may throw at that. */
  #stop(reason: unknown): void {
    onBehalfOf(
      (error) => this.#strayed(error),
      () => this.#abort.abort(reason),
    );
  }
}
