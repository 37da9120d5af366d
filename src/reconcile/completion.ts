import { ElectorateError, hasCode } from "../runtime/errors.ts";

/** How a handler's run ended: what it returned or threw, judged once. */
export type Completion =
  | { readonly kind: "done" }
  | { readonly kind: "requeue-after"; readonly delayMs: number }
  | { readonly kind: "failed"; readonly error: unknown }
  /** It was told to stop at its time-out, and has ended. */
  | { readonly kind: "timed-out"; readonly error: ElectorateError }
  /** The handler is broken rather than its work: it threw before it returned a promise, or where nobody waits, or what is no Error. */
  | { readonly kind: "panicked"; readonly error: unknown }
  | { readonly kind: "terminal"; readonly error: Error }
  /** It failed because its term ended: nobody's fault, and the next owner looks at the key anyway. */
  | { readonly kind: "term-ended" };

/** Judges what a handler returned. Types do not hold at run time: a handler is a user's module, perhaps in JavaScript. */
export function judgeOutcome(outcome: unknown): Completion {
  if (outcome === undefined) return { kind: "done" };
  if (typeof outcome !== "object" || outcome === null || Array.isArray(outcome)) return garbage(describe(outcome));
  const unknown = Object.keys(outcome).filter((field) => field !== "requeueAfterMs");
  if (unknown.length > 0)
    return garbage(`an object with ${unknown.map((field) => JSON.stringify(field.slice(0, 40))).join(", ")}`);
  const delayMs: unknown = "requeueAfterMs" in outcome ? outcome.requeueAfterMs : undefined;
  if (delayMs === undefined) return { kind: "done" };
  if (typeof delayMs !== "number" || !Number.isFinite(delayMs)) return garbage(`requeueAfterMs ${describe(delayMs)}`);
  // A moment that has passed is a moment to look again now: a computed "until it expires" may well be negative.
  return { kind: "requeue-after", delayMs: Math.max(0, delayMs) };
}

/** What is known about a run when it fails. */
export interface FailureCircumstances {
  /** The handler threw before it returned a promise. */
  readonly synchronously: boolean;
  /** The term of the run admits no more work. */
  readonly termEnded: boolean;
  /** The signal that the handler was given. */
  readonly signal: AbortSignal;
}

/** Judges what a handler threw. */
export function judgeFailure(error: unknown, circumstances: FailureCircumstances): Completion {
  if (circumstances.termEnded && isCausedByTheEnd(error, circumstances.signal)) return { kind: "term-ended" };
  if (isTerminal(error)) return { kind: "terminal", error };
  if (circumstances.synchronously || !(error instanceof Error)) return { kind: "panicked", error };
  return { kind: "failed", error };
}

/** By name, not by class: a handler's module may have brought a copy of this package of its own. */
export function isTerminal(error: unknown): error is Error {
  return error instanceof Error && error.name === "TerminalError";
}

/** Follows `cause`, because handlers wrap the errors of their clients; bounded, because causes can form a circle. */
function isCausedByTheEnd(error: unknown, signal: AbortSignal): boolean {
  let cause = error;
  for (let depth = 0; depth < 8; depth++) {
    if (signal.aborted && cause === signal.reason) return true;
    if (!(cause instanceof Error)) return false;
    if (hasCode(cause, "gate-closed", "aborted") || cause.name === "AbortError") return true;
    cause = cause.cause;
  }
  return false;
}

function garbage(what: string): Completion {
  return {
    kind: "failed",
    error: new ElectorateError(
      "misuse",
      `the handler returned ${what}; it must return nothing, {} or { requeueAfterMs: <finite number of milliseconds> }`,
    ),
  };
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "string") return `the string ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === "number" || typeof value === "boolean") return `the ${typeof value} ${value}`;
  return `a value of type ${typeof value}`;
}
