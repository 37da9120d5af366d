import type { CoordinatorOptions } from "../config/options.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { type Randomness, systemRandomness } from "../runtime/randomness.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import { TroubleLog } from "../runtime/trouble.ts";
import { HealthChecks } from "./checks.ts";
import { createTelemetry } from "./telemetry.ts";

/** What every part of a replica stands on, whatever it does. */
export interface Surroundings {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly telemetry: Telemetry;
  readonly trouble: TroubleLog;
  readonly checks: HealthChecks;
}

export function surroundingsOf(options: CoordinatorOptions): Surroundings {
  const { clock = systemClock, randomness = systemRandomness, telemetry = createTelemetry() } = options;
  return { clock, randomness, telemetry, trouble: new TroubleLog(telemetry.log), checks: new HealthChecks(clock) };
}
