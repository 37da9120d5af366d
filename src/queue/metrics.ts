import type { Labels, Meter } from "../runtime/telemetry.ts";

/** client-go's metrics of one work queue, by the names that dashboards know. */
export class QueueMetrics {
  readonly #meter: Meter;
  readonly #labels: Labels;

  /** `name` is the label of that name. Two open queues of one process must differ in it, or they overwrite each other's gauges. */
  constructor(meter: Meter, name: string) {
    this.#meter = meter;
    this.#labels = { name };
    // Both series exist from the start, so that a rate over them does not miss the first keys.
    meter.increment("workqueue_adds_total", this.#labels, 0);
    meter.increment("workqueue_retries_total", this.#labels, 0);
    this.showDepth(0);
  }

  added(adds = 1): void {
    this.#meter.increment("workqueue_adds_total", this.#labels, adds);
  }

  retried(): void {
    this.#meter.increment("workqueue_retries_total", this.#labels);
  }

  showDepth(depth: number): void {
    this.#meter.set("workqueue_depth", this.#labels, depth);
  }

  taken(waitedMs: number): void {
    this.#meter.observe("workqueue_queue_duration_seconds", this.#labels, waitedMs / 1000);
  }

  finished(workedMs: number): void {
    this.#meter.observe("workqueue_work_duration_seconds", this.#labels, workedMs / 1000);
  }

  /** Sets the gauges that change with time alone, from the starts of all work that has not ended. */
  sample(startsMs: Iterable<number>, nowMs: number): void {
    let unfinishedMs = 0;
    let longestMs = 0;
    for (const startedMs of startsMs) {
      unfinishedMs += nowMs - startedMs;
      longestMs = Math.max(longestMs, nowMs - startedMs);
    }
    this.#meter.set("workqueue_unfinished_work_seconds", this.#labels, unfinishedMs / 1000);
    this.#meter.set("workqueue_longest_running_processor_seconds", this.#labels, longestMs / 1000);
  }

  forgetDepth(): void {
    this.#meter.forget("workqueue_depth", this.#labels);
  }

  forgetWork(): void {
    this.#meter.forget("workqueue_unfinished_work_seconds", this.#labels);
    this.#meter.forget("workqueue_longest_running_processor_seconds", this.#labels);
  }
}
