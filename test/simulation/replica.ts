import type { CoordinatorOptions } from "../../src/config/options.ts";
import { type LeaseSettings, leaseTimings } from "../../src/config/timings.ts";
import { type Coordinator, createCoordinator } from "../../src/coordinator.ts";
import type { Term } from "../../src/election/term.ts";
import type { ApiServerCore } from "../../src/embedded/core.ts";
import { coreTransport } from "../../src/embedded/transport.ts";
import type { KubeConnection } from "../../src/kube/connection.ts";
import type { ReconcileContext, ReconcileRequest } from "../../src/reconcile/contract.ts";
import { sleep } from "../../src/runtime/clock.ts";
import { messageOf } from "../../src/runtime/errors.ts";
import { silentTelemetry, type Telemetry } from "../../src/runtime/telemetry.ts";
import { Link } from "./link.ts";
import type { Run, Sink } from "./sink.ts";
import { Machine, SeededRandomness, type World } from "./world.ts";

/** How shard Leases are kept alive. */
export type Renewal = "per-shard" | "per-member";

/** Durations of a Lease, and how it is renewed. */
export type ReplicaLease = LeaseSettings & { readonly renewal?: Renewal };

export const USUAL_LEASE = { durationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000, clockRatio: 1.25 };

/** The slowest clock, and the fastest one beside it that the lease settings promise to survive. */
export const SLOWEST_RATE = 0.9;
export const FASTEST_RATE = SLOWEST_RATE * 1.2499;

/** How long handlers take; some do not listen when they are told to stop. */
export interface HandlerManners {
  readonly slowRate: number;
  readonly slowestMs: number;
  readonly deafRate: number;
}

export interface ResourceSetup {
  readonly resource: { group: string; version: string; plural: string; kind: string; namespaced: boolean };
  readonly buckets: number;
}

export interface ReplicaOptions {
  /** Unlike all others. */
  readonly name: string;
  /** The part of the identity before `_`; replicas that come after each other may share it. Default: the name. */
  readonly podName?: string;
  readonly lease?: ReplicaLease;
  readonly version?: string;
  /** Its clocks' seconds in a true second. */
  readonly clockRate: number;
  readonly resources: readonly ResourceSetup[];
  readonly manners: HandlerManners;
  readonly seed: number;
}

/** Where a replica lives. */
export interface Surroundings {
  readonly world: World;
  readonly core: ApiServerCore;
  readonly sink: Sink;
  opened(replica: Replica, term: Term): void;
  /** The newest term of a shard that this replica was given. */
  newestOf(replica: Replica, shard: string): Term | undefined;
}

/** One replica: a real coordinator on a machine and a line of its own. */
export class Replica {
  readonly name: string;
  readonly machine: Machine;
  readonly link: Link;
  readonly coordinator: Coordinator;
  readonly lease: ReplicaLease;
  /** In how many buckets it has each resource. */
  readonly buckets: ReadonlyMap<string, number>;
  readonly #around: Surroundings;
  readonly #manners: HandlerManners;
  readonly #randomness: SeededRandomness;
  readonly #stop = new AbortController();
  outcome: "running" | "clean" | "unclean" | "failed" | "killed" | "overrun" = "running";

  constructor(around: Surroundings, options: ReplicaOptions) {
    const { world } = around;
    this.name = options.name;
    this.lease = options.lease ?? USUAL_LEASE;
    this.buckets = new Map(options.resources.map(({ resource, buckets }) => [resource.plural, buckets]));
    this.#around = around;
    this.#manners = options.manners;
    this.#randomness = new SeededRandomness(options.seed);
    const wallMs = Date.UTC(2026, 0, 1) + world.randomness.between(-5e6, 5e6);
    this.machine = new Machine(world, options.clockRate, wallMs);
    this.link = new Link(world, this.machine);
    this.coordinator = createCoordinator(this.#coordinatorOptions(options));
    world.note(`${this.name} starts${options.version === undefined ? "" : ` as ${options.version}`}`);
    this.coordinator.run(this.#stop.signal).then(
      ({ clean }) => this.#end(clean ? "clean" : "unclean"),
      (error: unknown) => {
        world.note(`${this.name} failed: ${messageOf(error)}`);
        this.#end("failed");
      },
    );
  }

  get isRunning(): boolean {
    return this.outcome === "running";
  }

  /** True once it was told to stop. */
  get isLeaving(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Ready as the kubelet sees it. */
  async isReady(): Promise<boolean> {
    const results = await this.coordinator.checks.run("ready");
    return results.every(({ problem }) => problem === undefined);
  }

  terminate(): void {
    this.#around.world.note(`${this.name} is told to stop`);
    this.machine.deliver(() => this.#stop.abort());
  }

  kill(outcome: "killed" | "overrun" = "killed"): void {
    this.#around.world.note(`${this.name} ${outcome}`);
    this.machine.kill();
    this.outcome = outcome;
  }

  pause(forMs: number): void {
    this.machine.pause(forMs);
    this.#watchAfterRest();
  }

  suspend(forMs: number): void {
    this.machine.suspend(forMs);
    this.#watchAfterRest();
  }

  /**
   * The watchdog's thread, which the coordinator starts under the system's clock only: after a rest the timers of the process
   * may be late by all of it, and the thread ends the process for work that has outlived its validity.
   */
  #watchAfterRest(): void {
    const { world } = this.#around;
    const checked = leaseTimings(this.lease);
    if ("problems" in checked) throw new Error(checked.problems.map(({ message }) => message).join("; "));
    const { quiesceMs, renewDeadlineMs } = checked.timings;
    const firstMs = this.machine.resumesAtMs + WATCHDOG_EVERY_MS;
    const lastMs = firstMs + (renewDeadlineMs + quiesceMs) / SLOWEST_RATE;
    for (let atMs = firstMs; atMs <= lastMs; atMs += WATCHDOG_EVERY_MS)
      world.at(atMs, () => this.#endOverrun(quiesceMs));
  }

  #endOverrun(quiesceMs: number): void {
    if (!this.isRunning || this.machine.isResting) return;
    for (const { shard } of this.#around.sink.on(this.machine)) {
      const gate = this.#around.newestOf(this, shard)?.gate;
      if (gate !== undefined && gate.remainingMs() + quiesceMs <= 0) {
        this.kill("overrun");
        return;
      }
    }
  }

  #end(outcome: Replica["outcome"]): void {
    this.#around.world.note(`${this.name} ended: ${outcome}`);
    this.outcome = outcome;
    // The process exits; an unclean one leaves its Leases behind.
    this.machine.kill();
  }

  #coordinatorOptions({ name, podName = name, version, resources }: ReplicaOptions): CoordinatorOptions {
    const { core } = this.#around;
    const way = { clock: this.machine, network: this.link, userAgent: name };
    const connection: KubeConnection = {
      namespace: "default",
      coordination: coreTransport(core, way),
      objects: coreTransport(core, way),
      describe: () => name,
      close: () => Promise.resolve(),
    };
    return {
      coordinator: "sim",
      identity: podName,
      connection,
      lease: this.lease,
      ...(version === undefined ? {} : { version }),
      drainTimeoutMs: 4_000,
      shutdownTimeoutMs: 12_000,
      clock: this.machine,
      randomness: this.#randomness,
      telemetry: this.#telemetry(),
      terminate: () => this.kill("overrun"),
      resources: resources.map(({ resource, buckets }) => ({
        resource,
        buckets,
        workers: 2,
        reconcile: (request, context) => this.#reconcile(request, context),
      })),
    };
  }

  /** Copies what is wanted to what is observed. */
  async #reconcile(request: ReconcileRequest, context: ReconcileContext): Promise<void> {
    const { sink } = this.#around;
    const { slowRate, slowestMs, deafRate } = this.#manners;
    const { shard, epoch } = context;
    const run: Run = { key: `${request.resource} ${request.key}`, shard, epoch, replica: this };
    sink.begin(run);
    const deaf = this.#randomness.chance(deafRate);
    const slow = this.#randomness.chance(slowRate);
    const takesMs = slow ? this.#randomness.between(slowestMs / 10, slowestMs) : this.#randomness.between(0, 20);
    try {
      await sleep(this.machine, takesMs, deaf ? undefined : context.signal);
      const annotations = context.object?.metadata.annotations;
      if (context.object === undefined || annotations?.["sim/observed"] === annotations?.["sim/wanted"]) return;
      const patch = { metadata: { annotations: { "sim/observed": annotations?.["sim/wanted"] } } };
      await context.client.patch({ namespace: request.namespace, name: request.name }, patch, { of: context.object });
    } finally {
      sink.end(run);
    }
  }

  #telemetry(): Telemetry {
    const { world } = this.#around;
    return {
      ...silentTelemetry,
      transition: ({ event, shard, epoch, reason }) => {
        world.note(`${event} ${shard} ${this.name} ${epoch} ${reason}`);
        if (event !== "gate-opened") return;
        const term = this.coordinator.terms().find((candidate) => candidate.shard === shard);
        if (term !== undefined) this.#around.opened(this, term);
      },
    };
  }
}

const WATCHDOG_EVERY_MS = 100;
