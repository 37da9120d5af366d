import { AsyncLocalStorage } from "node:async_hooks";

/**
 * Errors that are thrown where nobody waits for them: in the callback of a timer, by a promise that nobody awaits. Node ends the process for
 * them. Where one can be traced to a call that was made for somebody, that somebody is told instead, and the process goes on.
 */

/** Told of what a call made for it has thrown where nobody waits. */
type Culprit = (error: unknown) => void;

const culprits = new AsyncLocalStorage<Culprit>();

/** Calls `call`; whatever it, or what it has started, throws where nobody waits is told to `culprit`, as long as errors are contained. */
export function onBehalfOf<Result>(culprit: Culprit, call: () => Result): Result {
  return culprits.run(culprit, call);
}

let containers = 0;

/**
 * Contains stray errors of calls by {@link onBehalfOf} until the answer is called. All others do what they would do without it: they go to the
 * process's own listeners, or end it with their stack and exit code 1.
 */
export function containStrayErrors(): () => void {
  containers += 1;
  if (containers === 1) process.on("uncaughtException", contain);
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    containers -= 1;
    if (containers === 0) process.off("uncaughtException", contain);
  };
}

/** Whether the error that the process's listeners are being told of is contained: theirs to leave alone. */
export function isContained(): boolean {
  return containers > 0 && culprits.getStore() !== undefined;
}

function contain(error: unknown): void {
  const culprit = culprits.getStore();
  if (culprit !== undefined) {
    culprit(error);
    return;
  }
  if (process.listenerCount("uncaughtException") > 1) return;
  process.off("uncaughtException", contain);
  queueMicrotask(() => {
    throw error;
  });
}
