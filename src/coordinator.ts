import type { CoordinatorOptions } from "./config/options.ts";
import { type Settings, settingsOf } from "./config/settings.ts";
import type { Regime } from "./election/regime.ts";
import type { Term } from "./election/term.ts";
import { KubeClient } from "./kube/client.ts";
import { type KubeConnection, obtainConnection } from "./kube/connection.ts";
import { createIdentity, type Identity } from "./lease/names.ts";
import { firstAborted, withPatience } from "./runtime/abort.ts";
import { type Clock, systemClock } from "./runtime/clock.ts";
import { ElectorateError } from "./runtime/errors.ts";
import { type Randomness, systemRandomness } from "./runtime/randomness.ts";
import { Scope } from "./runtime/scope.ts";
import type { Telemetry } from "./runtime/telemetry.ts";
import { TroubleLog } from "./runtime/trouble.ts";
import { chooseRegime } from "./shard/choose-regime.ts";
import { establish } from "./shard/establish.ts";
import { overrunPolicy } from "./shard/overrun.ts";
import type { ShardSet } from "./shard/shard-set.ts";
import { HealthChecks } from "./telemetry/checks.ts";
import { serve } from "./telemetry/http.ts";
import { createTelemetry } from "./telemetry/telemetry.ts";

/** The part of one replica that runs all its electors, its sources and its shards. */
export interface Coordinator {
  /** `<name>_<uuid>`, new for every coordinator, and new again should this one be fenced (per-member renewal). */
  readonly identity: string;
  /** What `/livez` and `/readyz` ask; add your own before `run`. */
  readonly checks: HealthChecks;
  /** The shards that this replica leads now, for work that is no reconcile: hold on to nothing of it but the term. */
  terms(): readonly Term[];
  /**
   * Works until `signal` aborts, then drains and releases every shard. `clean` is false when work was still running at the
   * shutdown time-out: end the process then, its Leases expire. Call it once.
   * @throws ElectorateError when it cannot go on (`invalid-configuration`, `lease-name-refused`, `api-server-restored`); every gate is closed by then.
   */
  run(signal: AbortSignal): Promise<{ readonly clean: boolean }>;
}

/**
 * Makes a coordinator; nothing is started or connected before `run`.
 * @throws ElectorateError `invalid-configuration` that lists every problem of the options at once.
 */
export function createCoordinator(options: CoordinatorOptions): Coordinator {
  return new Replica(options, settingsOf(options));
}

class Replica implements Coordinator {
  readonly checks: HealthChecks;
  readonly #options: CoordinatorOptions;
  readonly #settings: Settings;
  readonly #own: { clock: Clock; randomness: Randomness; telemetry: Telemetry; trouble: TroubleLog };
  readonly #identity: Identity;
  #sets: readonly ShardSet[] = [];
  #regime: Regime | undefined;
  #phase: "new" | "starting" | "running" | "draining" | "ended" = "new";

  constructor(options: CoordinatorOptions, settings: Settings) {
    const { clock = systemClock, randomness = systemRandomness, telemetry = createTelemetry() } = options;
    this.#options = options;
    this.#settings = settings;
    this.#own = { clock, randomness, telemetry, trouble: new TroubleLog(telemetry.log) };
    this.#identity = createIdentity(settings.identity, randomness.uuid());
    this.checks = new HealthChecks(clock);
    this.checks.addReadyCheck("coordinator", () => this.#requireReady());
  }

  get identity(): string {
    return this.#regime?.identity ?? this.#identity.text;
  }

  terms(): readonly Term[] {
    return this.#regime?.terms ?? [];
  }

  async run(signal: AbortSignal): Promise<{ readonly clean: boolean }> {
    if (this.#phase !== "new") throw new ElectorateError("misuse", "a coordinator runs once; make another one");
    this.#phase = "starting";
    const scope = new Scope();
    try {
      const { http, connection: given, coordinator: component } = this.#options;
      const address = await serve({ ...this.#own, http, checks: this.checks, sample: () => this.#sample() }, scope);
      const connection = await obtainConnection({ ...this.#own, connection: given, component }, scope);
      if (!(await this.#establish(connection, signal))) return { clean: true };
      const regime = await this.#elect(connection, address, scope);
      await firstAborted(signal, scope.signal, regime.signal);
      this.#phase = "draining";
      return { clean: await this.#leave(regime, signal.aborted && !scope.signal.aborted) };
    } finally {
      this.#phase = "ended";
      await scope.close();
    }
  }

  /** Finds the resources and sets their shards up; false when the stop came first. */
  async #establish(connection: KubeConnection, signal: AbortSignal): Promise<boolean> {
    const { onOverrun, timings } = this.#settings;
    const overrun = overrunPolicy(onOverrun, this.#own.telemetry.log, this.#options.terminate);
    const api = new KubeClient(connection.objects, { ...this.#own, patience: { reads: 3 } });
    const work = { ...this.#settings, ...this.#own, identity: () => this.identity, ...timings, overrun };
    try {
      this.#sets = await establish({ ...work, api, transport: connection.objects }, signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  /** From here on shards may be taken, each as soon as its source is warm. */
  async #elect(connection: KubeConnection, address: string, scope: Scope): Promise<Regime> {
    const { namespace = connection.namespace } = this.#options;
    const { coordination: transport, objects } = connection;
    const api = new KubeClient(transport, this.#own);
    const about = { settings: this.#settings, sets: this.#sets, identity: this.#identity, namespace, address };
    const regime = await chooseRegime({ ...this.#own, ...this.#settings, ...about, transport, objects, api }, scope);
    this.#regime = regime;
    regime.start();
    for (const set of this.#sets) {
      scope.run((ended) => set.run(ended));
      scope.run(async () => {
        await set.source.whenSynced();
        regime.prepare(set.resource, set.keyMap);
      });
    }
    this.#phase = "running";
    return regime;
  }

  /** True when nothing names this replica any more and nothing of it runs. */
  async #leave(regime: Regime, orderly: boolean): Promise<boolean> {
    const { clock, telemetry } = this.#own;
    const leave = (patience: AbortSignal) => regime.leave(patience);
    if (orderly && (await withPatience(clock, this.#settings.shutdownTimeoutMs, regime.signal, leave))) return true;
    const keys = this.#sets.flatMap((set) => set.runners.flatMap((runner) => runner.keysInWork)).slice(0, 20);
    telemetry.log.error({ keys }, "ending with Leases that still name this replica; they are left to expire");
    await regime.end(orderly ? "shutdown-timeout" : "failure");
    return false;
  }

  #sample(): void {
    for (const sampled of [...this.#sets, this.#regime]) sampled?.sample();
  }

  #requireReady(): void {
    if (this.#phase !== "running") throw new Error(this.#phase);
    const cold = this.#sets.filter((set) => !set.source.synced).map((set) => set.resource);
    if (cold.length > 0) throw new Error(`first list not complete: ${cold.join(", ")}`);
  }
}
