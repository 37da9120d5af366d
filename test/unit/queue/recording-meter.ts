import type { Labels, Meter } from "../../../src/runtime/telemetry.ts";

/** A meter that keeps what it was told, by `name{label=value,...}`. */
export class RecordingMeter implements Meter {
  readonly counters = new Map<string, number>();
  readonly gauges = new Map<string, number>();
  readonly observations = new Map<string, number[]>();

  increment(name: string, labels: Labels, by = 1): void {
    const series = seriesOf(name, labels);
    this.counters.set(series, (this.counters.get(series) ?? 0) + by);
  }

  set(name: string, labels: Labels, value: number): void {
    this.gauges.set(seriesOf(name, labels), value);
  }

  observe(name: string, labels: Labels, value: number): void {
    const series = seriesOf(name, labels);
    this.observations.set(series, [...(this.observations.get(series) ?? []), value]);
  }

  forget(name: string, labels: Labels): void {
    const series = seriesOf(name, labels);
    this.counters.delete(series);
    this.gauges.delete(series);
    this.observations.delete(series);
  }
}

function seriesOf(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  return `${name}{${pairs.sort().join(",")}}`;
}
