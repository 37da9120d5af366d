import type { CoordinatorOptions } from "../../../src/config/options.ts";
import { type Coordinator, createCoordinator } from "../../../src/coordinator.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { createTelemetry, type ProcessTelemetry } from "../../../src/telemetry/telemetry.ts";
import type { ParityWorld } from "./world.ts";

/** A coordinator of a case's namespace, with its metrics; add parts before `run`. */
export class CoordinatorReplica {
  readonly name: string;
  readonly coordinator: Coordinator;
  readonly telemetry: ProcessTelemetry = createTelemetry({ log: silentTelemetry.log, strict: true });
  readonly #stop = new AbortController();
  #ended: Promise<{ readonly clean: boolean }> = Promise.resolve({ clean: true });

  private constructor(name: string, options: CoordinatorOptions) {
    this.name = name;
    this.coordinator = createCoordinator({ ...options, telemetry: this.telemetry });
  }

  static async make(
    world: ParityWorld,
    name: string,
    options: Omit<CoordinatorOptions, "coordinator">,
  ): Promise<CoordinatorReplica> {
    const connection = await world.connect(name);
    const about = { coordinator: "shop", identity: name, namespace: world.namespace, connection };
    const replica = new CoordinatorReplica(name, { ...about, ...options });
    world.defer(() => replica.stop());
    return replica;
  }

  run(): this {
    this.#ended = this.coordinator.run(this.#stop.signal);
    return this;
  }

  stop(): Promise<{ readonly clean: boolean }> {
    this.#stop.abort();
    return this.#ended;
  }
}
