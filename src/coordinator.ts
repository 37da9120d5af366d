import { hostname } from "node:os";
import type { CoordinatorOptions } from "./config/options.ts";
import { type Settings, settingsOf } from "./config/settings.ts";
import type { Regime } from "./election/regime.ts";
import { Tenure } from "./election/tenure.ts";
import type { Term } from "./election/term.ts";
import { KubeClient } from "./kube/client.ts";
import { connect, type KubeConnection } from "./kube/connection.ts";
import { createIdentity, type Identity, type Shard } from "./lease/names.ts";
import { type Clock, systemClock } from "./runtime/clock.ts";
import { ElectorateError } from "./runtime/errors.ts";
import { type Randomness, systemRandomness } from "./runtime/randomness.ts";
import { Scope } from "./runtime/scope.ts";
import type { Telemetry } from "./runtime/telemetry.ts";
import { TroubleLog } from "./runtime/trouble.ts";
import { noWatchdog, startWatchdog, type Watchdog } from "./runtime/watchdog.ts";
import { establish } from "./shard/establish.ts";
import type { ShardSet } from "./shard/shard-set.ts";
import { Unelected } from "./shard/unelected.ts";
import { HealthChecks } from "./telemetry/checks.ts";
import { startHttp } from "./telemetry/http.ts";
import { createTelemetry } from "./telemetry/telemetry.ts";

/** The part of one replica that runs all its electors, its sources and its shards. */
export interface Coordinator {
  /** `<name>_<uuid>`, new for every coordinator. */
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

/** Exit code of a process whose work outlived its validity. */
const EXIT_OVERRUN = 3;

class Replica implements Coordinator {
  readonly checks: HealthChecks;
  readonly #options: CoordinatorOptions;
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #randomness: Randomness;
  readonly #telemetry: Telemetry;
  readonly #trouble: TroubleLog;
  readonly #identity: Identity;
  #sets: readonly ShardSet[] = [];
  #regime: Regime | undefined;
  #phase: "new" | "starting" | "running" | "draining" | "ended" = "new";

  constructor(options: CoordinatorOptions, settings: Settings) {
    this.#options = options;
    this.#settings = settings;
    this.#clock = options.clock ?? systemClock;
    this.#randomness = options.randomness ?? systemRandomness;
    this.#telemetry = options.telemetry ?? createTelemetry();
    this.#trouble = new TroubleLog(this.#telemetry.log);
    this.#identity = createIdentity(options.identity ?? process.env.POD_NAME ?? hostname(), this.#randomness.uuid());
    this.checks = new HealthChecks(this.#clock);
    this.checks.addReadyCheck("coordinator", () => this.#requireReady());
  }

  get identity(): string {
    return this.#identity.text;
  }

  terms(): readonly Term[] {
    return this.#regime?.terms ?? [];
  }

  async run(signal: AbortSignal): Promise<{ readonly clean: boolean }> {
    if (this.#phase !== "new") throw new ElectorateError("misuse", "a coordinator runs once; make another one");
    this.#phase = "starting";
    const scope = new Scope();
    try {
      await this.#serve(scope);
      const regime = await this.#start(scope, signal);
      if (regime === undefined) return { clean: true };
      await aborted(signal, scope.signal, regime.signal);
      this.#phase = "draining";
      const clean = signal.aborted && !scope.signal.aborted && (await this.#leave(regime));
      if (!signal.aborted || !clean) await regime.end(signal.aborted ? "shutdown-timeout" : "failure");
      return { clean };
    } finally {
      this.#phase = "ended";
      await scope.close();
    }
  }

  /** Health and metrics, before anything that could fail or wait. */
  async #serve(scope: Scope): Promise<void> {
    const { http } = this.#options;
    if (http === undefined) return;
    const metricsText = async (): Promise<string> => {
      for (const set of this.#sets) set.sample();
      return (await this.#telemetry.metricsText?.()) ?? "";
    };
    const server = await startHttp({ address: http.address, checks: this.checks, metricsText, clock: this.#clock });
    scope.defer(() => server.close());
    this.#telemetry.log.info({ address: server.address }, "serving /livez, /readyz and /metrics");
  }

  /** Everything up to the point where shards may be taken; `undefined` when the stop came first. */
  async #start(scope: Scope, signal: AbortSignal): Promise<Regime | undefined> {
    const connection = await this.#connect(scope);
    try {
      this.#sets = await establish({ ...this.#shared(connection), resources: this.#settings.resources }, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
    const shards = this.#sets.flatMap((set) => set.shards);
    const watchdog = await this.#watch(scope, shards);
    const regime = this.#createRegime(connection, shards, watchdog);
    this.#regime = regime;
    regime.start();
    for (const set of this.#sets) {
      scope.run((ended) => set.source.run(ended));
      scope.run(async () => {
        await set.source.whenSynced();
        regime.prepare(set.resource, set.keyMap);
      });
    }
    this.#phase = "running";
    return regime;
  }

  async #leave(regime: Regime): Promise<boolean> {
    const patience = new AbortController();
    const timer = this.#clock.timer(this.#settings.shutdownTimeoutMs, () => patience.abort());
    const clean = await regime.leave(patience.signal);
    timer.cancel();
    if (clean) return true;
    const keys = this.#sets.flatMap((set) => set.runners.flatMap((runner) => runner.keysInWork));
    this.#telemetry.log.error(
      { keys: keys.slice(0, 20) },
      "the shutdown time-out has passed; what still names this replica is left to expire",
    );
    return false;
  }

  async #connect(scope: Scope): Promise<KubeConnection> {
    const { connection, coordinator } = this.#options;
    if (connection !== undefined) return connection;
    const own = await connect({ component: coordinator, clock: this.#clock });
    scope.defer(() => own.close());
    return own;
  }

  async #watch(scope: Scope, shards: readonly Shard[]): Promise<Watchdog> {
    // Under another clock than the system's nothing can block it.
    if (this.#clock !== systemClock || this.#settings.leaderElection === "none") return noWatchdog;
    const { onOverrun } = this.#settings;
    const watchdog = await startWatchdog(
      shards.map(({ id }) => id),
      { clock: this.#clock, onOverrun },
    );
    scope.defer(() => watchdog.close());
    return watchdog;
  }

  #createRegime(connection: KubeConnection, shards: readonly Shard[], watchdog: Watchdog): Regime {
    const { namespace = connection.namespace } = this.#options;
    const sets = new Map(this.#sets.map((set) => [set.resource, set]));
    const lifeOf = (shard: Shard, vacated: () => void) => {
      const set = sets.get(shard.resource);
      if (set === undefined) throw new ElectorateError("misuse", `nobody works for shard ${shard.id}`);
      return set.lifeOf(shard, watchdog, vacated);
    };
    if (this.#settings.leaderElection === "none") return new Unelected({ shards, lifeOf, clock: this.#clock });
    const transport = connection.coordination;
    const api = new KubeClient(transport, { clock: this.#clock, randomness: this.#randomness });
    return new Tenure({
      ...this.#shared(connection),
      ...this.#settings,
      identity: this.#identity,
      namespace,
      shards,
      lifeOf,
      api,
      transport,
    });
  }

  /** What every room is given alike. */
  #shared(connection: KubeConnection) {
    return {
      coordinator: this.#settings.coordinator,
      identity: this.#identity.text,
      drainTimeoutMs: this.#settings.drainTimeoutMs,
      quiesceMs: this.#settings.timings.quiesceMs,
      api: new KubeClient(connection.objects, { clock: this.#clock, randomness: this.#randomness }),
      transport: connection.objects,
      clock: this.#clock,
      randomness: this.#randomness,
      telemetry: this.#telemetry,
      trouble: this.#trouble,
      overrun: (shard: string, keys: readonly string[]) => this.#overrun(shard, keys),
    };
  }

  #overrun(shard: string, keys: readonly string[]): void {
    const ends = this.#settings.onOverrun === "exit";
    const what = `work of shard ${shard} outlived its validity; ${ends ? "the process ends" : "exclusivity is given up, as configured"}`;
    this.#telemetry.log.error({ overrun: shard, keys: keys.slice(0, 20) }, what);
    if (ends) (this.#options.terminate ?? (() => process.exit(EXIT_OVERRUN)))(what);
  }

  #requireReady(): void {
    if (this.#phase !== "running") throw new Error(this.#phase);
    const cold = this.#sets.filter((set) => !set.source.synced).map((set) => set.resource);
    if (cold.length > 0) throw new Error(`first list not complete: ${cold.join(", ")}`);
  }
}

/** Resolves when the first of the signals aborts. */
async function aborted(...signals: readonly AbortSignal[]): Promise<void> {
  const any = AbortSignal.any([...signals]);
  if (!any.aborted) await new Promise((resolve) => any.addEventListener("abort", resolve, { once: true }));
}
