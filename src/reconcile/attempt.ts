import type { Clock } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { onBehalfOf } from "../runtime/stray-errors.ts";
import { type Completion, judgeFailure, judgeOutcome } from "./completion.ts";
import type { Reconcile, ReconcileContext, ReconcileRequest } from "./contract.ts";

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
 * - What it throws where nobody waits for it aborts its signal, too, because what it waits for may never come now, and counts as a panic.
 * - An attempt that has ended leaves no timer and no listener.
 */
export class Attempt {
  readonly #options: AttemptOptions;
  readonly #abort = new AbortController();
  #timedOut: ElectorateError | undefined;
  #stray: { readonly error: unknown } | undefined;
  #ended = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async run(): Promise<Completion> {
    const { clock, context, timeoutMs } = this.#options;
    const term = context.signal;
    const end = (): void => this.#abort.abort(term.reason);
    if (term.aborted) end();
    term.addEventListener("abort", end, { once: true });
    const timer = timeoutMs === undefined ? undefined : clock.timer(timeoutMs, () => this.#timeOut(timeoutMs));
    const completion = await this.#call();
    this.#ended = true;
    timer?.cancel();
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
    this.#abort.abort(this.#timedOut);
  }

  #strayed(error: unknown): void {
    if (this.#ended) {
      this.#options.strayedLate(error);
      return;
    }
    this.#stray ??= { error };
    this.#abort.abort(error);
  }
}
