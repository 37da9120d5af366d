import type { LifeOwner, ShardLife } from "../election/contender.ts";
import { OverrunGuard } from "../election/overrun-guard.ts";
import type { Term } from "../election/term.ts";
import type { ApiResource, KubeApi } from "../kube/api.ts";
import { resourceName } from "../kube/api.ts";
import type { Shard } from "../lease/names.ts";
import type { ShardQueues } from "../queue/driver.ts";
import type { RateLimiter } from "../queue/rate-limiter.ts";
import type { QueueStatistics, WorkQueue } from "../queue/work-queue.ts";
import type { Reconcile } from "../reconcile/contract.ts";
import { createGuardedClient } from "../reconcile/guarded-client.ts";
import { KeysInWork } from "../reconcile/keys-in-work.ts";
import type { ReconcileMetrics } from "../reconcile/metrics.ts";
import type { ReadCaches } from "../reconcile/read-caches.ts";
import type { ResourceFinder } from "../reconcile/resource-finder.ts";
import type { Source } from "../reconcile/source.ts";
import { runWorkers, type Workers } from "../reconcile/worker.ts";
import type { Clock, Timer } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import type { Labels, Telemetry } from "../runtime/telemetry.ts";
import type { WatchdogSlot } from "../runtime/watchdog.ts";
import { IDLE, type Life, type LifeEffect, type LifeEvent, stepLife } from "./life.ts";

/** What every shard of one resource on this replica shares. */
export interface RunnerContext {
  /** May change: see `lives.ts`. */
  readonly identity: () => string;
  readonly resource: ApiResource;
  readonly reconcile: Reconcile;
  readonly workers: number;
  /** Of a handler. `undefined`: there is none. */
  readonly reconcileTimeoutMs?: number | undefined;
  /** Of failed keys. `undefined`: the default. */
  readonly rateLimiter?: RateLimiter | undefined;
  readonly drainTimeoutMs: number;
  readonly quiesceMs: number;
  readonly api: KubeApi;
  readonly finder: ResourceFinder;
  readonly source: Source;
  /** Of all resources of this replica. */
  readonly caches: ReadCaches;
  /** Owns what handlers apply. */
  readonly fieldManager: string;
  readonly queues: ShardQueues;
  readonly metrics: ReconcileMetrics;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Work outlived its validity: ends the process, or only says so, as configured. */
  overrun(shard: string, keys: readonly string[]): void;
}

/** The work of one term: made when it opens, thrown away when its last handler has ended. */
interface Work {
  readonly term: Term;
  readonly queue: WorkQueue;
  readonly workers: Workers;
  /** Every key of the bucket, behind whatever is fresh. */
  refill(): void;
}

/**
 * The shell of one shard's life: queue and workers exist exactly while the replica leads it, and the gate's deadline plus the
 * quiesce time stands over whatever runs, on a timer here and in the watchdog's thread.
 */
export class ShardRunner implements ShardLife {
  readonly shard: Shard;
  readonly #context: RunnerContext;
  readonly #owner: LifeOwner;
  readonly #overruns: OverrunGuard;
  /** Over all terms: a handler may outlive its own. */
  readonly #keysInWork = new KeysInWork();
  readonly #writes = new WritesInFlight();
  #life: Life = IDLE;
  #work: Work | undefined;
  #running = 0;
  /** Of those, handlers of terms that were forsaken. */
  #late = 0;
  readonly #whenNoneRuns: (() => void)[] = [];
  /** Of the newest term: whatever runs must have ended with it, whichever term began it. */
  #gate: Term["gate"] | undefined;
  #drainedFromMs: number | undefined;
  #drainTimer: Timer | undefined;

  constructor(shard: Shard, context: RunnerContext, watchdog: WatchdogSlot, owner: LifeOwner) {
    this.shard = shard;
    this.#context = context;
    this.#overruns = new OverrunGuard({
      clock: context.clock,
      quiesceMs: context.quiesceMs,
      slot: watchdog,
      overrun: () => {
        context.telemetry.meter.increment("electorate_overruns_total", { resource: shard.resource });
        context.overrun(shard.id, this.keysInWork);
      },
    });
    this.#owner = owner;
  }

  get phase(): Life["name"] {
    return this.#life.name;
  }

  get statistics(): QueueStatistics {
    return this.#work?.queue.statistics ?? { depth: 0, delayed: 0, inWork: 0, oldestAgeMs: 0 };
  }

  /** Keys whose handlers run now, of any term. */
  get keysInWork(): readonly string[] {
    return this.#keysInWork.list().map(({ key }) => key);
  }

  /** A fresh key of this shard's bucket; of no interest unless this replica leads it. */
  add(key: string): void {
    this.#work?.queue.add(key);
  }

  /** Looks at every key again, if this replica leads the shard. */
  resync(): void {
    this.#work?.refill();
  }

  /** Brings the gauges that change with time alone up to date. */
  sample(): void {
    this.#work?.queue.sample();
    const labels = { shard: this.shard.id };
    const { meter } = this.#context.telemetry;
    this.#sampleQueue(labels);
    const gate = this.#work?.term.gate;
    if (gate === undefined || !Number.isFinite(gate.deadlineMs))
      meter.forget("electorate_shard_gate_margin_seconds", labels);
    else meter.set("electorate_shard_gate_margin_seconds", labels, gate.remainingMs() / 1000);
  }

  #sampleQueue(labels: Labels): void {
    const { meter } = this.#context.telemetry;
    const { delayed, inWork, oldestAgeMs } = this.statistics;
    const gauges = { delayed, in_work: inWork, oldest_age_seconds: oldestAgeMs / 1000 };
    for (const [what, value] of Object.entries(gauges)) {
      if (this.#work === undefined) meter.forget(`electorate_queue_${what}`, labels);
      else meter.set(`electorate_queue_${what}`, labels, value);
    }
  }

  open(term: Term): void {
    this.#dispatch({ type: "open", epoch: term.epoch }, term);
  }

  drain(term: Term): void {
    this.#drainedFromMs = this.#context.clock.monotonicMs();
    this.#dispatch({ type: "drain" }, term);
    this.#armDrain();
  }

  lose(term: Term): void {
    this.#dispatch({ type: "lose" }, term);
    this.#guard();
  }

  forsake(term: Term): void {
    this.#dispatch({ type: "forsake" }, term);
    this.#drainTimer?.cancel();
    this.#work = undefined;
    this.#late = this.#running;
    if (this.#late === 0) this.#owner.relieved();
    this.#say("queue-stopped", term.epoch, "stuck");
  }

  #dispatch(event: LifeEvent, term: Term): void {
    const { clock, drainTimeoutMs } = this.#context;
    const { life, effects } = stepLife(this.#life, event, clock.monotonicMs(), drainTimeoutMs);
    this.#life = life;
    for (const effect of effects) this.#perform(effect, term);
  }

  #perform(effect: LifeEffect, term: Term): void {
    switch (effect.type) {
      case "start":
        this.#start(term);
        return;
      case "finish":
        void this.#finish(term);
        return;
      case "abort":
        term.abort(
          new ElectorateError("aborted", `shard ${this.shard.id} is drained and the drain time-out has passed`),
        );
        return;
      case "vacated":
        this.#end(term);
        return;
      case "stuck":
        this.#owner.stuck();
        return;
      default:
        effect satisfies never;
    }
  }

  #start(term: Term): void {
    const { clock, telemetry, source, metrics, resource, workers, queues, rateLimiter } = this.#context;
    const { id, leaseName, bucket } = this.shard;
    const refill = (): void => {
      for (const key of source.keysOf(bucket)) queue.add(key, "resync");
    };
    const admits = (): boolean => term.gate.admits();
    const queue = queues.open({ shard: id, leaseName, epoch: term.epoch, workers, rateLimiter, admits, refill });
    const run = runWorkers({
      clock,
      log: telemetry.log,
      metrics,
      queue,
      workers,
      resource: resourceName(resource),
      shard: id,
      epoch: term.epoch,
      signal: term.signal,
      client: this.#clientOf(term),
      keysInWork: this.#keysInWork,
      reconcile: this.#context.reconcile,
      timeoutMs: this.#context.reconcileTimeoutMs,
      began: () => this.#noteBegin(term),
      admits,
      // A worker that was refused has ended for good: the term must not go on without it.
      refused: () => this.#owner.look(),
      objectOf: (key) => source.objectOf(key),
    });
    this.#work = { term, queue, workers: run, refill };
    this.#gate = term.gate;
    term.gate.whenMoved(() => this.#guard());
    this.#guard();
    // What happened while nobody looked.
    refill();
    this.#say("queue-started", term.epoch, "opened");
  }

  #clientOf(term: Term) {
    return createGuardedClient({
      ...this.#context,
      resources: this.#context.finder,
      gate: {
        permitsWrite: () => term.gate.permitsWrite(),
        remainingMs: () => term.gate.remainingMs(),
        signal: term.signal,
      },
      onWrite: (sent) => this.#writes.track(sent),
    });
  }

  /** The watchdog is armed exactly while a handler runs; the answer says that it has ended. */
  #noteBegin(term: Term): () => void {
    this.#running += 1;
    if (this.#running === 1) this.#guard();
    return () => this.#noteEnd(term);
  }

  #noteEnd(term: Term): void {
    this.#running -= 1;
    if (this.#running === 0) {
      this.#guard();
      for (const tell of this.#whenNoneRuns.splice(0)) tell();
    }
    if (term === this.#work?.term || this.#late === 0) return;
    this.#late -= 1;
    if (this.#late === 0) this.#owner.relieved();
  }

  /** Waits for handlers of forsaken terms too: they work for this shard, whose Lease must not go before they end. */
  async #finish(term: Term): Promise<void> {
    await this.#work?.workers.stop();
    while (this.#running > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#whenNoneRuns.push(resolve);
      await promise;
    }
    // A handler may end without waiting for what it has sent; what it writes must not land after the Lease was freed.
    await this.#writes.settled();
    this.#dispatch({ type: "ended", epoch: term.epoch }, term);
  }

  #end(term: Term): void {
    this.#drainTimer?.cancel();
    this.#guard();
    this.#work = undefined;
    this.#noteDrain();
    this.#say("queue-stopped", term.epoch, "no work left");
    this.#owner.vacated();
  }

  #noteDrain(): void {
    if (this.#drainedFromMs === undefined) return;
    const tookMs = this.#context.clock.monotonicMs() - this.#drainedFromMs;
    this.#drainedFromMs = undefined;
    const labels = { resource: this.shard.resource };
    this.#context.telemetry.meter.observe("electorate_drain_duration_seconds", labels, tookMs / 1000);
  }

  #armDrain(): void {
    this.#drainTimer?.cancel();
    const { clock } = this.#context;
    const life = this.#life;
    const term = this.#work?.term;
    const dueMs = life.name === "draining" ? life.abortAtMs : life.name === "aborted" ? life.stuckAtMs : Infinity;
    if (term === undefined || dueMs === Infinity) return;
    this.#drainTimer = clock.timer(Math.max(0, dueMs - clock.monotonicMs()), () => {
      this.#dispatch({ type: "tick" }, term);
      this.#armDrain();
    });
  }

  /** Running work must have ended with the newest term's validity and the quiesce time. */
  #guard(): void {
    if (this.#gate === undefined || this.#running === 0) this.#overruns.rest();
    else this.#overruns.watch(this.#gate);
  }

  #say(event: "queue-started" | "queue-stopped", epoch: string, reason: string): void {
    this.#context.telemetry.transition({
      event,
      shard: this.shard.id,
      identity: this.#context.identity(),
      epoch,
      reason,
    });
  }
}

/** Guarded writes that were sent and not answered. */
class WritesInFlight {
  readonly #sent = new Set<Promise<unknown>>();

  track(sent: Promise<unknown>): void {
    const forget = (): void => void this.#sent.delete(settled);
    const settled: Promise<void> = sent.then(forget, forget);
    this.#sent.add(settled);
  }

  /** Resolves when none is left; whoever waits has seen to it that no handler sends any more. */
  async settled(): Promise<void> {
    while (this.#sent.size > 0) await Promise.all(this.#sent);
  }
}
