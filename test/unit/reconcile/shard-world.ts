import { createMemoryQueue } from "../../../src/queue/memory.ts";
import type { GuardedClient } from "../../../src/reconcile/client-contract.ts";
import type { Reconcile, ReconcileContext, ReconcileRequest } from "../../../src/reconcile/contract.ts";
import { KeysInWork } from "../../../src/reconcile/keys-in-work.ts";
import { ReconcileMetrics } from "../../../src/reconcile/metrics.ts";
import { runWorkers, type Workers } from "../../../src/reconcile/worker.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { RecordingMeter } from "../queue/recording-meter.ts";
import { type LogLine, object, recordingLog } from "./key-world.ts";

/** A handler whose runs are ended by the test, one by one. */
export class Handler {
  readonly runs: {
    readonly request: ReconcileRequest;
    readonly context: ReconcileContext;
    end(outcome?: unknown): void;
    fail(error: unknown): void;
  }[] = [];

  readonly reconcile: Reconcile = (request, context) =>
    new Promise((resolve, reject) => {
      this.runs.push({ request, context, end: (outcome) => resolve(outcome as undefined), fail: reject });
    });

  get keys(): string[] {
    return this.runs.map(({ request }) => request.key);
  }
}

export const client: GuardedClient = {
  get: () => Promise.reject(new Error("not used")),
  list: () => Promise.reject(new Error("not used")),
  create: () => Promise.reject(new Error("not used")),
  update: () => Promise.reject(new Error("not used")),
  patch: () => Promise.reject(new Error("not used")),
  delete: () => Promise.reject(new Error("not used")),
  updateStatus: () => Promise.reject(new Error("not used")),
  patchStatus: () => Promise.reject(new Error("not used")),
  apply: () => Promise.reject(new Error("not used")),
  applyStatus: () => Promise.reject(new Error("not used")),
};

/** One shard in one process: its terms share the clock, the keys in work, the metrics and the log. */
export class Shard {
  readonly clock = new VirtualClock();
  readonly meter = new RecordingMeter();
  readonly metrics = new ReconcileMetrics(this.meter, "configmaps");
  readonly keysInWork = new KeysInWork();
  readonly lines: LogLine[] = [];
  #epoch = 100;

  begin(reconcile: Reconcile, workers = 1, timeoutMs?: number) {
    const epoch = String(this.#epoch++);
    const queue = createMemoryQueue({ clock: this.clock, meter: this.meter, name: "configmaps-00" });
    const gate = { open: true, refusals: 0 };
    const abort = new AbortController();
    const running: Workers = runWorkers({
      clock: this.clock,
      log: recordingLog(this.lines),
      metrics: this.metrics,
      queue,
      workers,
      resource: "configmaps",
      shard: "configmaps-00",
      epoch,
      signal: abort.signal,
      client,
      keysInWork: this.keysInWork,
      reconcile,
      timeoutMs,
      admits: () => gate.open,
      objectOf: (key) => (key.endsWith("deleted") ? undefined : object(key, "7")),
      refused: () => void gate.refusals++,
    });
    return { queue, gate, abort, workers: running, epoch };
  }

  counted(metric: string, labels = "controller=configmaps"): number | undefined {
    return this.meter.counters.get(`controller_runtime_${metric}{${labels}}`);
  }

  results(): Record<string, number | undefined> {
    const results: Record<string, number | undefined> = {};
    for (const result of ["success", "error", "requeue", "requeue_after"]) {
      results[result] = this.counted("reconcile_total", `controller=configmaps,result=${result}`);
    }
    return results;
  }

  errors(): LogLine[] {
    return this.lines.filter(({ level }) => level === "error");
  }
}
