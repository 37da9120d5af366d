import type { Clock } from "./clock.ts";

/** Resolves when the first of the signals aborts. */
export async function firstAborted(...signals: readonly AbortSignal[]): Promise<void> {
  const any = AbortSignal.any([...signals]);
  if (!any.aborted) await new Promise((resolve) => any.addEventListener("abort", resolve, { once: true }));
}

/** Gives `task` a signal that aborts after `limitMs`; no timer is left when the task ends earlier. */
export async function withPatience<Result>(
  clock: Clock,
  limitMs: number,
  task: (patience: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const patience = new AbortController();
  const timer = clock.timer(limitMs, () => patience.abort(new Error(`${limitMs} ms have passed`)));
  try {
    return await task(patience.signal);
  } finally {
    timer.cancel();
  }
}
