import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { ElectorateError } from "../runtime/errors.ts";
import type { Labels, Meter } from "../runtime/telemetry.ts";
import { METRICS, type MetricDeclaration } from "./metric-table.ts";

type Recorder =
  | { readonly type: "counter"; readonly labels: readonly string[]; readonly metric: Counter }
  | { readonly type: "gauge"; readonly labels: readonly string[]; readonly metric: Gauge }
  | { readonly type: "histogram"; readonly labels: readonly string[]; readonly metric: Histogram };

/**
 * The `Meter` port over prom-client, with every metric of the table registered in `registry`, or found there when
 * another coordinator of the process registered it already. Every use is checked against the table.
 * @throws ElectorateError `misuse`, from each method, for a metric that is not declared, is of another type, or has other labels.
 */
export function createMeter(registry: Registry): Meter {
  const recorders = new Map(METRICS.map((declaration) => [declaration.name, recorderOf(declaration, registry)]));

  const find = (name: string, labels: Labels): Recorder => {
    const recorder = recorders.get(name);
    if (recorder === undefined) throw misuse(`metric "${name}" is not declared in the metric table`);
    const given = Object.keys(labels);
    if (given.length !== recorder.labels.length || !recorder.labels.every((label) => label in labels)) {
      throw misuse(
        `metric "${name}" has the labels [${recorder.labels.join(", ")}], but was given [${given.join(", ")}]`,
      );
    }
    return recorder;
  };

  return {
    increment(name, labels, by = 1) {
      const recorder = find(name, labels);
      if (recorder.type === "histogram") throw misuse(`metric "${name}" is a histogram and cannot be incremented`);
      recorder.metric.inc(labels, by);
    },
    set(name, labels, value) {
      const recorder = find(name, labels);
      if (recorder.type !== "gauge") throw misuse(`metric "${name}" is a ${recorder.type} and cannot be set`);
      recorder.metric.set(labels, value);
    },
    observe(name, labels, value) {
      const recorder = find(name, labels);
      if (recorder.type !== "histogram") throw misuse(`metric "${name}" is a ${recorder.type} and cannot be observed`);
      recorder.metric.observe(labels, value);
    },
    forget(name, labels) {
      find(name, labels).metric.remove({ ...labels });
    },
  };
}

function recorderOf(declaration: MetricDeclaration, registry: Registry): Recorder {
  const { name, help, labels, type } = declaration;
  const existing = registry.getSingleMetric(name);
  const settings = { name, help, labelNames: [...labels], registers: [registry] };
  switch (type) {
    case "counter":
      return { type, labels, metric: existing instanceof Counter ? existing : new Counter(settings) };
    case "gauge":
      return { type, labels, metric: existing instanceof Gauge ? existing : new Gauge(settings) };
    case "histogram": {
      const buckets = [...declaration.buckets];
      return {
        type,
        labels,
        metric: existing instanceof Histogram ? existing : new Histogram({ ...settings, buckets }),
      };
    }
  }
}

function misuse(message: string): ElectorateError {
  return new ElectorateError("misuse", message);
}
