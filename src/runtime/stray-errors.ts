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
  // Before all others: one that was to be called once is still there to be counted.
  if (containers === 1) process.prependListener("uncaughtException", contain);
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

/** Ends the process by `error`, as an uncaught one does, unless listeners of its own decide otherwise. */
export function giveUp(error: unknown): void {
  culprits.exit(() => {
    setImmediate(() => {
      throw error;
    });
  });
}

function contain(error: unknown): void {
  const culprit = culprits.getStore();
  if (culprit !== undefined) {
    // What is started on being told is nobody's: it must not be taken for the call's, too.
    culprits.exit(() => culprit(error));
    return;
  }
  // As if this one were not there: whoever looks whether somebody else listens, as a second copy of this package does, must not see it.
  process.off("uncaughtException", contain);
  if (process.listenerCount("uncaughtException") === 0) {
    queueMicrotask(() => {
      throw error;
    });
    return;
  }
  setImmediate(() => {
    const isThere = process.listeners("uncaughtException").includes(contain);
    if (containers > 0 && !isThere) process.prependListener("uncaughtException", contain);
  });
}
