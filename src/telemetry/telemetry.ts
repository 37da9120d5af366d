import { collectDefaultMetrics, Registry } from "prom-client";
import { type Clock, preciseWall, systemClock } from "../runtime/clock.ts";
import { messageOf } from "../runtime/errors.ts";
import type { Log, Meter, Telemetry, Transition } from "../runtime/telemetry.ts";
import { createLog } from "./log.ts";
import { createMeter } from "./metrics.ts";

/**
 * The telemetry of a process: pino behind the `Log` port, prom-client behind the `Meter` port, and the transition lines.
 *
 * A transition line is a documented contract, read by benchmarks and tests. It is written at level `info` with
 * `event`, `shard`, `identity`, `epoch`, `reason`, `marginMs` (validity left on the gate, where there is one), `at` (Unix
 * milliseconds with a microsecond fraction), `monotonicNs` (CLOCK_MONOTONIC as a decimal string; all processes of a Linux
 * machine share it, so lines of several replicas can be ordered by it) and `msg` for people. Nothing else of the project writes a
 * line with `event`.
 */

export interface TelemetryOptions {
  /** Default: {@link createLog} with its defaults. */
  readonly log?: Log;
  /** Where our metrics are registered. Default: a registry of its own, together with the metrics of the Node process. */
  readonly registry?: Registry;
  readonly clock?: Clock;
  /** True throws at a metric that is not declared, or with other labels, as tests want it; false (default) logs it once. */
  readonly strict?: boolean;
}

/** Telemetry whose metrics can be read. */
export interface ProcessTelemetry extends Telemetry {
  readonly registry: Registry;
  /** The exposition text of every metric. */
  metricsText(): Promise<string>;
}

/** Makes the telemetry of a process, by default with JSON lines on standard output (text in a terminal) and a registry of its own. */
export function createTelemetry(options: TelemetryOptions = {}): ProcessTelemetry {
  const { log = createLog(), clock = systemClock, strict = false } = options;
  const registry = options.registry ?? new Registry();
  if (options.registry === undefined) collectDefaultMetrics({ register: registry });
  const declared = createMeter(registry);
  const meter = strict ? declared : forgivingMeter(declared, log);
  const at = preciseWall(clock);
  return {
    log,
    meter,
    registry,
    metricsText: () => registry.metrics(),
    transition(transition) {
      const { event, reason } = transition;
      log.info(
        { ...contractFields(transition), at: at(), monotonicNs: String(clock.monotonicNs()) },
        `${event.replaceAll("-", " ")}: ${transition.shard} (${reason})`,
      );
      meter.increment("electorate_transitions_total", { event, reason });
    },
  };
}

/** Exactly the fields of the contract: whatever else an object of the caller carries stays out of the line. */
function contractFields({ event, shard, identity, epoch, reason, marginMs }: Transition): object {
  return {
    event,
    shard,
    identity,
    epoch,
    reason,
    ...(marginMs === undefined ? {} : { marginMs: Math.round(marginMs * 1000) / 1000 }),
  };
}

/** Metrics must never cost a replica its leadership: a misuse is said once and otherwise ignored. */
function forgivingMeter(meter: Meter, log: Log): Meter {
  const said = new Set<string>();
  const attempt = (name: string, use: () => void): void => {
    try {
      use();
    } catch (error) {
      if (said.has(name)) return;
      said.add(name);
      log.error({ metric: name, problem: messageOf(error) }, "a metric could not be recorded");
    }
  };
  return {
    increment: (name, labels, by) => attempt(name, () => meter.increment(name, labels, by)),
    set: (name, labels, value) => attempt(name, () => meter.set(name, labels, value)),
    observe: (name, labels, value) => attempt(name, () => meter.observe(name, labels, value)),
    forget: (name, labels) => attempt(name, () => meter.forget(name, labels)),
  };
}
