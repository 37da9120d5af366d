import { hostname } from "node:os";
import {
  type CheckedLeaderElection,
  checkLeaderElection,
  type LeaderElectionSettings,
} from "./config/leader-election.ts";
import type { HttpSettings } from "./config/options.ts";
import { ownPod } from "./config/own-pod.ts";
import type { Problem } from "./config/timings.ts";
import { type LeaderCallbacks, LeaderWork } from "./election/leader-work.ts";
import { Leadership } from "./election/leadership.ts";
import { OverrunGuard } from "./election/overrun-guard.ts";
import type { Term } from "./election/term.ts";
import { TermQueue } from "./election/term-queue.ts";
import { KubeClient } from "./kube/client.ts";
import { type KubeConnection, obtainConnection } from "./kube/connection.ts";
import { accessReviews } from "./kube/reviews.ts";
import { openLocks } from "./lease/locks.ts";
import { createIdentity } from "./lease/names.ts";
import { firstAborted, withPatience } from "./runtime/abort.ts";
import { type Clock, systemClock } from "./runtime/clock.ts";
import { Condition } from "./runtime/condition.ts";
import { ElectorateError } from "./runtime/errors.ts";
import { GateClock } from "./runtime/gate-clock.ts";
import { type Randomness, systemRandomness } from "./runtime/randomness.ts";
import { Scope } from "./runtime/scope.ts";
import type { Telemetry } from "./runtime/telemetry.ts";
import { TroubleLog } from "./runtime/trouble.ts";
import { noWatchdog, startWatchdog } from "./runtime/watchdog.ts";
import { overrunPolicy } from "./shard/overrun.ts";
import { HealthChecks } from "./telemetry/checks.ts";
import { serve } from "./telemetry/http.ts";
import { createTelemetry } from "./telemetry/telemetry.ts";

/** What `LeaderElector` and `runLeaderElection` take: client-go's settings and callbacks, and where things are. */
export interface LeaderElectionOptions extends LeaderElectionSettings, LeaderCallbacks {
  /** Where `/livez`, `/readyz` and `/metrics` are served, from before any election. Default: nowhere. */
  readonly http?: HttpSettings;
  /** Default: the credentials of the pod, else of the kubeconfig. */
  readonly connection?: KubeConnection;
  /** Default: JSON lines on stdout and metrics of an own registry. */
  readonly telemetry?: Telemetry;
  /** Ends the process when work has outlived its validity. Default: `process.exit(3)`. */
  readonly terminate?: (reason: string) => void;
  readonly clock?: Clock;
  readonly randomness?: Randomness;
}

/**
 * Elects one leader among all processes that use the same name, and works until `signal` aborts: client-go's `RunOrDie`.
 * See {@link LeaderElector.run} for what it answers and throws.
 */
export function runLeaderElection(
  options: LeaderElectionOptions,
  signal: AbortSignal,
): Promise<{ readonly clean: boolean }> {
  return new LeaderElector(options).run(signal);
}

/** A health check that has failed says so by an error; Kubernetes' own components give a leader this long beyond its Lease. */
const HEALTH_TIMEOUT_MS = 20_000;

/** One candidate for the leadership of a whole process. */
export class LeaderElector {
  /** `<name>_<uuid>`: what stands in the Lease while this one leads. */
  readonly identity: string;
  /** What `/livez` and `/readyz` ask; the election's own check among them. Add yours before `run`. */
  readonly checks: HealthChecks;
  readonly #options: LeaderElectionOptions;
  readonly #settings: CheckedLeaderElection;
  readonly #own: { clock: Clock; randomness: Randomness; telemetry: Telemetry; trouble: TroubleLog };
  readonly #terms = new TermQueue();
  readonly #condition = new Condition();
  readonly #ended = new AbortController();
  #leadership: Leadership | undefined;
  #started = false;
  /** Why the election ends although nobody asked it to. */
  #failure: { readonly error: unknown } | undefined;

  /** @throws ElectorateError `invalid-configuration` that lists every problem of the options at once. */
  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#settings = checkLeaderElection(options, callbackProblems(options));
    const { clock = systemClock, randomness = systemRandomness, telemetry = createTelemetry() } = options;
    this.#own = { clock, randomness, telemetry, trouble: new TroubleLog(telemetry.log) };
    this.identity = createIdentity(options.identity ?? process.env.POD_NAME ?? hostname(), randomness.uuid()).text;
    this.checks = new HealthChecks(clock);
    this.checks.addLiveCheck("leaderElection", () => this.check());
  }

  /** The term in which this process leads now; compare its gate before each effect, and hold on to nothing else. */
  get term(): Term | undefined {
    return this.#leadership?.term;
  }

  /** Identity of the leader as far as can be seen; empty while nobody is known to lead. */
  get leader(): string {
    return this.#leadership?.leader ?? "";
  }

  /** Resolves on becoming the leader, at once while leading. Rejects when the election has ended. */
  async elected(): Promise<Term> {
    await this.#condition.until(() => this.term !== undefined, this.#ended.signal);
    const { term } = this;
    if (term === undefined) throw new ElectorateError("gate-closed", "the term ended as it began");
    return term;
  }

  /**
   * Each term as it begins. The body of the loop is work of the term: the Lease is not given up before it asks for the next one or
   * leaves the loop, so that it must end when `term.signal` aborts. The loop ends with the election.
   */
  terms(): AsyncIterable<Term> {
    return this.#terms.iterate();
  }

  /**
   * client-go's health adaptor: fails only while work of a term goes on although its last renewal is older than the lease duration and
   * `timeoutMs`, by default 20,000. It is the live check `leaderElection` of {@link checks}.
   * @throws ElectorateError `timeout`
   */
  check(timeoutMs: number = HEALTH_TIMEOUT_MS): void {
    const gate = this.#leadership?.gate;
    if (gate === undefined) return;
    const { durationMs, renewDeadlineMs } = this.#settings.timings;
    const renewedAgoMs = renewDeadlineMs - gate.remainingMs();
    if (renewedAgoMs <= durationMs + timeoutMs) return;
    throw new ElectorateError(
      "timeout",
      `failed election to renew leadership on lease ${this.#options.name}: the last renewal was sent ${Math.round(renewedAgoMs)} ms ago`,
    );
  }

  /**
   * Contends and leads until `signal` aborts, then ends the work and frees the Lease. `clean` is false when work was still running at the
   * shutdown time-out: end the process then, its Lease expires. Call it once.
   * @throws ElectorateError `leadership-lost` after a loss, unless `onLost` is `continue`; `lease-name-refused` for a Lease that a
   * coordinator keeps; `api-server-restored`; or what `onStartedLeading` threw. No work runs any more then, unless it does not end.
   */
  async run(signal: AbortSignal): Promise<{ readonly clean: boolean }> {
    if (this.#started) throw new ElectorateError("misuse", "a leader elector runs once; make another one");
    this.#started = true;
    const scope = new Scope();
    try {
      const { http, connection: given } = this.#options;
      const component = this.#options.name;
      const connection = await obtainConnection({ ...this.#own, connection: given, component }, scope);
      const review = accessReviews(connection.objects);
      await serve({ ...this.#own, http, review, checks: this.checks, sample() {} }, scope);
      const leadership = await this.#contend(connection, scope);
      const clean = await this.#until(leadership, signal);
      if (this.#failure !== undefined) throw this.#failure.error;
      return { clean };
    } finally {
      this.#ended.abort(new ElectorateError("aborted", `the election of ${this.#options.name} has ended`));
      this.#terms.close();
      await scope.close();
    }
  }

  async #contend(connection: KubeConnection, scope: Scope): Promise<Leadership> {
    const { name, namespace = connection.namespace, terminate } = this.#options;
    const { timings, lock, onOverrun } = this.#settings;
    const { clock, telemetry } = this.#own;
    const api = new KubeClient(connection.coordination, this.#own);
    const watchdog = clock === systemClock ? await startWatchdog([name], { clock, onOverrun }) : noWatchdog;
    scope.defer(() => watchdog.close());
    const overrun = overrunPolicy(onOverrun, telemetry.log, terminate);
    const guard = new OverrunGuard({
      clock,
      quiesceMs: timings.quiesceMs,
      slot: watchdog.slot(name),
      overrun: () => overrun(name, []),
    });
    const where = { ...this.#own, ...timings, name, namespace, api, transport: connection.coordination };
    const leadership = new Leadership({
      ...this.#own,
      ...this.#settings,
      name,
      namespace,
      eventApi: new KubeClient(connection.objects, this.#own),
      ownPod: ownPod(),
      identity: this.identity,
      gateClock: new GateClock(clock),
      locks: openLocks({ ...where, kind: lock }),
      lifeOf: (owner) =>
        new LeaderWork({
          callbacks: this.#options,
          owner,
          guard,
          terms: this.#terms,
          began: () => this.#condition.changed(),
          failed: (error) => this.#fail(error),
        }),
      leaderSeen: (identity) => this.#sayLeader(identity),
      lost: () => this.#lose(),
    });
    this.#leadership = leadership;
    leadership.start();
    return leadership;
  }

  /** True when nothing names this process any more and nothing of it runs. */
  async #until(leadership: Leadership, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#own;
    const { shutdownTimeoutMs, timings } = this.#settings;
    await firstAborted(signal, leadership.signal, this.#ended.signal);
    // After a loss the API server may be out of reach, and what is left to do is to free what can be freed.
    const patienceMs = this.#lost ? timings.retryPeriodMs : shutdownTimeoutMs;
    const leave = (patience: AbortSignal) => leadership.leave(patience);
    if (await withPatience(clock, patienceMs, leadership.signal, leave)) return true;
    await leadership.end("shutdown-timeout");
    return false;
  }

  get #lost(): boolean {
    return this.#failure?.error instanceof ElectorateError && this.#failure.error.code === "leadership-lost";
  }

  #lose(): void {
    if (this.#settings.onLost === "continue" || this.#ended.signal.aborted) return;
    this.#fail(
      new ElectorateError(
        "leadership-lost",
        `leadership of ${this.#options.name} was lost, and its work has ended; end the process and start anew, or set onLost to "continue"`,
      ),
    );
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#ended.abort(error);
  }

  #sayLeader(identity: string): void {
    const { telemetry } = this.#own;
    telemetry.log.info({ leader: identity }, identity === "" ? "nobody is known to lead" : `new leader: ${identity}`);
    try {
      this.#options.onNewLeader?.(identity);
    } catch (error) {
      this.#fail(error);
    }
  }
}

function callbackProblems(options: LeaderElectionOptions): Problem[] {
  const callbacks = ["onStartedLeading", "onStoppedLeading", "onNewLeader"] as const;
  return callbacks.flatMap((path) => {
    const given: unknown = options[path];
    if (given === undefined || typeof given === "function") return [];
    return [{ path, message: `must be a function, but is ${typeof given}` }];
  });
}
