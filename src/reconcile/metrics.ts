import type { Labels, Meter } from "../runtime/telemetry.ts";

/** The label `result` of controller-runtime's `controller_runtime_reconcile_total`. `requeue` stays 0: a key is requeued after a time or not at all. */
type ReconcileResult = "success" | "error" | "requeue" | "requeue_after";

const RESULTS: readonly ReconcileResult[] = ["success", "error", "requeue", "requeue_after"];

/**
 * controller-runtime's metrics of one controller, by the names that dashboards know. One object per controller and process: its
 * shards share the gauges, which therefore show sums over them.
 */
export class ReconcileMetrics {
  readonly #meter: Meter;
  readonly #controller: Labels;
  #active = 0;
  #workers = 0;

  /** `controller` is the label of that name: the resource, as in `deployments.apps`, unless its controller has a name of its own. */
  constructor(meter: Meter, controller: string) {
    this.#meter = meter;
    this.#controller = { controller };
    // As in controller-runtime every series exists from the start, so that a rate over them does not miss the first failure.
    for (const result of RESULTS) this.#countResult(result, 0);
    meter.increment("controller_runtime_reconcile_errors_total", this.#controller, 0);
    meter.increment("controller_runtime_terminal_reconcile_errors_total", this.#controller, 0);
    meter.increment("controller_runtime_reconcile_panics_total", this.#controller, 0);
    meter.increment("controller_runtime_reconcile_timeouts_total", this.#controller, 0);
    this.#showWorkers();
  }

  /** Counts the workers of a shard in; the answer counts them out again. */
  workersStarted(workers: number): () => void {
    this.#workers += workers;
    this.#showWorkers();
    return () => {
      this.#workers -= workers;
      this.#showWorkers();
    };
  }

  workBegan(): void {
    this.#active++;
    this.#showWorkers();
  }

  workEnded(durationMs: number): void {
    this.#active--;
    this.#showWorkers();
    this.#meter.observe("controller_runtime_reconcile_time_seconds", this.#controller, durationMs / 1000);
  }

  succeeded(): void {
    this.#countResult("success");
  }

  requeuedAfter(): void {
    this.#countResult("requeue_after");
  }

  failed(): void {
    this.#countResult("error");
    this.#meter.increment("controller_runtime_reconcile_errors_total", this.#controller);
  }

  failedForGood(): void {
    this.failed();
    this.#meter.increment("controller_runtime_terminal_reconcile_errors_total", this.#controller);
  }

  panicked(): void {
    this.failed();
    this.#meter.increment("controller_runtime_reconcile_panics_total", this.#controller);
  }

  timedOut(): void {
    this.failed();
    this.#meter.increment("controller_runtime_reconcile_timeouts_total", this.#controller);
  }

  /** A throw where nobody waits, of a handler that has ended: beside the result that was counted for it. */
  panickedLate(): void {
    this.#meter.increment("controller_runtime_reconcile_panics_total", this.#controller);
  }

  #countResult(result: ReconcileResult, by = 1): void {
    this.#meter.increment("controller_runtime_reconcile_total", { ...this.#controller, result }, by);
  }

  #showWorkers(): void {
    this.#meter.set("controller_runtime_active_workers", this.#controller, this.#active);
    this.#meter.set("controller_runtime_max_concurrent_reconciles", this.#controller, this.#workers);
  }
}
