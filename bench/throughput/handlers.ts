/** Work for `../throughput.ts`: each key is due again at once, so that a replica is never idle. */
import { setTimeout as delay } from "node:timers/promises";
import type { ReconcileOutcome } from "../../src/reconcile/contract.ts";

const CPU_MS = 2;
const IO_MS = 10;
const AGAIN: ReconcileOutcome = { requeueAfterMs: 1 };

/** Computes, and lets nobody else do so meanwhile. */
export async function cpu(): Promise<ReconcileOutcome> {
  const untilMs = performance.now() + CPU_MS;
  while (performance.now() < untilMs);
  return AGAIN;
}

/** Waits, as for an answer. */
export async function io(): Promise<ReconcileOutcome> {
  await delay(IO_MS);
  return AGAIN;
}
