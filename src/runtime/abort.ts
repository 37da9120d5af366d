import type { Clock } from "./clock.ts";

/**
 * Resolves when the first of the signals aborts. No listener is left then. (Not by `AbortSignal.any`, which Node keeps alive, with
 * everything that hangs on it, for as long as it has a listener and has not aborted.)
 */
export function firstAborted(...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      for (const signal of signals) signal.removeEventListener("abort", end);
      resolve();
    };
    for (const signal of signals) signal.addEventListener("abort", end, { once: true });
    if (signals.some((signal) => signal.aborted)) end();
  });
}

/** Gives `task` a signal that aborts after `limitMs` or with `parent`; neither timer nor listener is left when the task has ended. */
export async function withPatience<Result>(
  clock: Clock,
  limitMs: number,
  parent: AbortSignal,
  task: (patience: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const patience = new AbortController();
  const end = (): void => patience.abort(parent.reason);
  const timer = clock.timer(limitMs, () => patience.abort(new Error(`${limitMs} ms have passed`)));
  parent.addEventListener("abort", end, { once: true });
  if (parent.aborted) end();
  try {
    return await task(patience.signal);
  } finally {
    timer.cancel();
    parent.removeEventListener("abort", end);
  }
}
