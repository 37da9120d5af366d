import type { CoordinatorOptions } from "./config/options.ts";
import { type Settings, settingsOf } from "./config/settings.ts";
import type { Regime } from "./election/regime.ts";
import type { Term } from "./election/term.ts";
import { KubeClient } from "./kube/client.ts";
import { type KubeConnection, obtainConnection } from "./kube/connection.ts";
import { accessReviews } from "./kube/reviews.ts";
import { createIdentity, type Identity } from "./lease/names.ts";
import { firstAborted, withPatience } from "./runtime/abort.ts";
import { ElectorateError } from "./runtime/errors.ts";
import { Scope } from "./runtime/scope.ts";
import { beginRegime } from "./shard/begin-regime.ts";
import { establish } from "./shard/establish.ts";
import { overrunPolicy } from "./shard/overrun.ts";
import type { Part, PartOptions } from "./shard/part.ts";
import { Parts } from "./shard/parts.ts";
import { requireWarm, type ShardSet } from "./shard/shard-set.ts";
import type { HealthChecks } from "./telemetry/checks.ts";
import { serve } from "./telemetry/http.ts";
import { type Surroundings, surroundingsOf } from "./telemetry/surroundings.ts";

/** The part of one replica that runs all its electors, its sources and its shards. */
export interface Coordinator {
  /** `<name>_<uuid>`, new for every coordinator, and new again should this one be fenced (per-member renewal). */
  readonly identity: string;
  /** What `/livez` and `/readyz` ask; add your own before `run`. */
  readonly checks: HealthChecks;
  /** The shards that this replica leads now, for work that is no reconcile: hold on to nothing of it but the term. */
  terms(): readonly Term[];
  /** Has `part` run beside the reconcilers. @throws ElectorateError `misuse` after `run`, for a second part of one name, or for one that would never run. */
  add(part: Part, options: PartOptions): void;
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
  readonly #own: Surroundings;
  readonly #identity: Identity;
  readonly #overrun: ReturnType<typeof overrunPolicy>;
  readonly #parts = new Parts();
  #sets: readonly ShardSet[] = [];
  #regime: Regime | undefined;
  #phase: "new" | "starting" | "running" | "draining" | "ended" = "new";

  constructor(options: CoordinatorOptions, settings: Settings) {
    this.#options = options;
    this.#settings = settings;
    this.#own = surroundingsOf(options);
    this.#identity = createIdentity(settings.identity, this.#own.randomness.uuid());
    this.#overrun = overrunPolicy(settings.onOverrun, this.#own.telemetry.log, options.terminate);
    this.checks = this.#own.checks;
    this.checks.addReadyCheck("coordinator", () => this.#requireReady());
  }

  get identity(): string {
    return this.#regime?.identity ?? this.#identity.text;
  }

  terms(): readonly Term[] {
    return this.#regime?.terms ?? [];
  }

  add(part: Part, options: PartOptions): void {
    this.#parts.add(part, options);
  }

  async run(signal: AbortSignal): Promise<{ readonly clean: boolean }> {
    if (this.#phase !== "new") throw new ElectorateError("misuse", "a coordinator runs once; make another one");
    this.#phase = "starting";
    const scope = new Scope();
    try {
      const { http, connection: given, coordinator: component } = this.#options;
      const connection = await obtainConnection({ ...this.#own, connection: given, component }, scope);
      const review = accessReviews(connection.objects);
      const address = await serve({ ...this.#own, http, review, sample: () => this.#sample() }, scope);
      scope.defer(() => this.#parts.abandon());
      await this.#parts.start(signal);
      const found = await this.#establish(connection, scope, signal);
      const regime = found ? await this.#elect(connection, address, scope) : undefined;
      await firstAborted(signal, this.#parts.signal, scope.signal, regime?.signal ?? signal);
      this.#phase = "draining";
      const asked = signal.aborted || this.#parts.signal.aborted;
      const clean = await this.#leave(regime, asked && !scope.signal.aborted);
      this.#parts.signal.throwIfAborted();
      return { clean };
    } finally {
      this.#phase = "ended";
      await scope.close();
    }
  }

  /** Finds the resources and sets their shards up; false when the stop came first. */
  async #establish(connection: KubeConnection, scope: Scope, signal: AbortSignal): Promise<boolean> {
    const api = new KubeClient(connection.objects, { ...this.#own, patience: { reads: 3 } });
    const { namespace = connection.namespace } = this.#options;
    const about = { identity: () => this.identity, overrun: this.#overrun, namespace, transport: connection.objects };
    this.#sets = (await establish({ ...this.#settings, ...this.#own, ...about, api }, scope, signal)) ?? [];
    return this.#sets.length > 0;
  }

  async #elect(connection: KubeConnection, address: string, scope: Scope): Promise<Regime> {
    const { namespace = connection.namespace } = this.#options;
    const { coordination: transport, objects } = connection;
    const api = new KubeClient(transport, this.#own);
    const work = { settings: this.#settings, sets: this.#sets, parts: this.#parts, overrun: this.#overrun };
    const eventApi = new KubeClient(objects, this.#own);
    const about = { ...work, identity: this.#identity, namespace, address, transport, objects, api, eventApi };
    this.#regime = await beginRegime({ ...this.#own, ...this.#settings, ...about }, scope);
    this.#phase = "running";
    return this.#regime;
  }

  /** Elected work first, then the parts; true when nothing names this replica any more and nothing of it runs. */
  async #leave(regime: Regime | undefined, orderly: boolean): Promise<boolean> {
    const { clock, telemetry } = this.#own;
    const ended = regime?.signal ?? this.#parts.signal;
    const left = async (limit: AbortSignal) => (await regime?.leave(limit)) !== false && this.#parts.stop(limit);
    if (orderly && (await withPatience(clock, this.#settings.shutdownTimeoutMs, ended, left))) return true;
    const keys = this.#sets.flatMap((set) => set.runners.flatMap((runner) => runner.keysInWork)).slice(0, 20);
    telemetry.log.error({ keys }, "ending with Leases that still name this replica; they are left to expire");
    await regime?.end(orderly ? "shutdown-timeout" : "failure");
    return false;
  }

  #sample(): void {
    for (const sampled of [...this.#sets, this.#regime]) sampled?.sample();
  }

  #requireReady(): void {
    if (this.#phase !== "running") throw new Error(this.#phase);
    requireWarm(this.#sets);
    this.#regime?.requireKnown();
  }
}
