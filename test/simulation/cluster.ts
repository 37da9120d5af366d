import { type Coordinator, createCoordinator } from "../../src/coordinator.ts";
import type { Term } from "../../src/election/term.ts";
import { ApiServerCore } from "../../src/embedded/core.ts";
import type { Delivery, Message, Network } from "../../src/embedded/network.ts";
import { coreTransport } from "../../src/embedded/transport.ts";
import type { KubeConnection } from "../../src/kube/connection.ts";
import type { ReconcileContext, ReconcileRequest } from "../../src/reconcile/contract.ts";
import { sleep } from "../../src/runtime/clock.ts";
import { messageOf } from "../../src/runtime/errors.ts";
import type { Telemetry, Transition } from "../../src/runtime/telemetry.ts";
import { silentTelemetry } from "../../src/runtime/telemetry.ts";
import { Machine, SeededRandomness, type World } from "./world.ts";

const LEASE = { durationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000, clockRatio: 1.25 };

/** What the network does to one replica's messages. */
export interface LinkFaults {
  requestsLost: boolean;
  answersLost: boolean;
  eventsHeld: boolean;
  /** Part of the messages that is lost, and part that is late by up to `lateMs`. */
  lossRate: number;
  lateRate: number;
  lateMs: number;
}

const HEALTHY: LinkFaults = {
  requestsLost: false,
  answersLost: false,
  eventsHeld: false,
  lossRate: 0,
  lateRate: 0,
  lateMs: 0,
};

/** The line between one replica and the API server. A held message arrives when the line is healed, or dies with a cut. */
export class Link implements Network {
  readonly #world: World;
  readonly #machine: Machine;
  #faults: LinkFaults = HEALTHY;
  #held: Delivery[] = [];

  constructor(world: World, machine: Machine) {
    this.#world = world;
    this.#machine = machine;
  }

  break(faults: Partial<LinkFaults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  /** Everything works again; what was held arrives, or its connections are found dead. */
  heal(how: "deliver" | "cut"): void {
    this.#faults = HEALTHY;
    const held = this.#held;
    this.#held = [];
    for (const delivery of held) {
      this.#world.after(this.#latencyMs(), () =>
        this.#machine.deliver(() => (how === "cut" ? delivery.cut() : delivery.arrive())),
      );
    }
  }

  send(message: Message, delivery: Delivery): void {
    const { randomness } = this.#world;
    const faults = this.#faults;
    const toServer = message.kind === "request";
    const isEvent = message.kind === "event" || message.kind === "end";
    if (isEvent && (faults.eventsHeld || faults.answersLost)) return void this.#held.push(delivery);
    if (toServer ? faults.requestsLost : faults.answersLost) return void this.#held.push(delivery);
    // A lost segment of a watch is repeated by TCP; a lost request or answer is one that outlives its deadline.
    if (!isEvent && randomness.chance(faults.lossRate)) return;
    let latencyMs = this.#latencyMs();
    if (randomness.chance(faults.lateRate)) latencyMs += randomness.between(0, faults.lateMs);
    const arrive = (): void => delivery.arrive();
    this.#world.after(latencyMs, toServer ? arrive : () => this.#machine.deliver(arrive));
  }

  #latencyMs(): number {
    return this.#world.randomness.between(0.3, 6);
  }
}

/** Where handlers report, out of reach of whoever runs them. */
export class Sink {
  readonly #violate: (what: string) => void;
  readonly #running = new Map<string, { readonly replica: Replica; readonly epoch: string }>();
  reconciles = 0;

  constructor(violate: (what: string) => void) {
    this.#violate = violate;
  }

  begin(key: string, replica: Replica, epoch: string): void {
    const other = this.#running.get(key);
    // A process that stands still does nothing; what it does when it wakes is judged by its gates.
    if (other !== undefined && !other.replica.machine.isDead && !other.replica.machine.isResting) {
      this.#violate(
        `key ${key} is taken by ${replica.name} (${epoch}) while ${other.replica.name} (${other.epoch}) works on it`,
      );
    }
    this.#running.set(key, { replica, epoch });
  }

  end(key: string, epoch: string): void {
    if (this.#running.get(key)?.epoch === epoch) this.#running.delete(key);
    this.reconciles += 1;
  }
}

export class Violation extends Error {
  override readonly name = "Violation";
}

export interface ResourceSetup {
  readonly resource: { group: string; version: string; plural: string; kind: string; namespaced: boolean };
  readonly buckets: number;
}

/** One replica: a real coordinator on a machine and a line of its own. */
export class Replica {
  readonly name: string;
  readonly machine: Machine;
  readonly link: Link;
  readonly coordinator: Coordinator;
  readonly #stop = new AbortController();
  outcome: "running" | "clean" | "unclean" | "failed" | "killed" | "overrun" = "running";

  constructor(name: string, cluster: Cluster, setup: readonly ResourceSetup[], seed: number) {
    const { world } = cluster;
    this.name = name;
    const randomness = new SeededRandomness(seed);
    // Rates within the ratio that the lease settings promise to survive.
    this.machine = new Machine(
      world,
      world.randomness.between(0.9, 0.9 * 1.24),
      Date.UTC(2026, 0, 1) + world.randomness.between(-5e6, 5e6),
    );
    this.link = new Link(world, this.machine);
    const transport = coreTransport(cluster.core, { clock: this.machine, network: this.link });
    const connection: KubeConnection = {
      namespace: "default",
      coordination: transport,
      objects: coreTransport(cluster.core, { clock: this.machine, network: this.link }),
      describe: () => name,
      close: () => Promise.resolve(),
    };
    this.coordinator = createCoordinator({
      coordinator: "sim",
      identity: name,
      connection,
      lease: LEASE,
      drainTimeoutMs: 4_000,
      shutdownTimeoutMs: 12_000,
      clock: this.machine,
      randomness,
      telemetry: this.#telemetry(cluster),
      terminate: () => this.kill("overrun"),
      resources: setup.map(({ resource, buckets }) => ({
        resource,
        buckets,
        workers: 2,
        reconcile: (request, context) => this.#reconcile(request, context, cluster, randomness),
      })),
    });
    world.note(`${name} starts`);
    this.coordinator.run(this.#stop.signal).then(
      ({ clean }) => this.#end(clean ? "clean" : "unclean", cluster),
      (error: unknown) => {
        world.note(`${name} failed: ${messageOf(error)}`);
        this.#end("failed", cluster);
      },
    );
  }

  /** Copies what is wanted to what is observed; some handlers are slow, and some do not listen when they are told to stop. */
  async #reconcile(
    request: ReconcileRequest,
    context: ReconcileContext,
    cluster: Cluster,
    randomness: SeededRandomness,
  ): Promise<void> {
    const key = `${request.resource} ${request.key}`;
    cluster.sink.begin(key, this, context.epoch);
    const deaf = randomness.chance(0.02);
    const takesMs = randomness.chance(0.05) ? randomness.between(500, 5_000) : randomness.between(0, 20);
    try {
      await sleep(this.machine, takesMs, deaf ? undefined : context.signal);
      const annotations = context.object?.metadata.annotations;
      if (context.object === undefined || annotations?.["sim/observed"] === annotations?.["sim/wanted"]) return;
      const patch = { metadata: { annotations: { "sim/observed": annotations?.["sim/wanted"] } } };
      await context.client.patch({ namespace: request.namespace, name: request.name }, patch, { of: context.object });
    } finally {
      cluster.sink.end(key, context.epoch);
    }
  }

  get isRunning(): boolean {
    return this.outcome === "running";
  }

  terminate(): void {
    this.machine.deliver(() => this.#stop.abort());
  }

  kill(outcome: "killed" | "overrun" = "killed"): void {
    this.machine.kill();
    this.outcome = outcome;
  }

  #end(outcome: Replica["outcome"], cluster: Cluster): void {
    cluster.world.note(`${this.name} ended: ${outcome}`);
    this.outcome = outcome;
    // The process exits; an unclean one leaves its Leases behind.
    this.machine.kill();
  }

  #telemetry(cluster: Cluster): Telemetry {
    return {
      ...silentTelemetry,
      transition: (transition: Transition) => {
        cluster.world.note(
          `${transition.event} ${transition.shard} ${this.name} ${transition.epoch} ${transition.reason}`,
        );
        if (transition.event === "gate-opened") cluster.opened(this, transition.shard);
      },
    };
  }
}

/** Replicas, their API server, the objects they work on, and what must never happen. */
export class Cluster {
  readonly world: World;
  readonly core: ApiServerCore;
  readonly sink: Sink;
  readonly replicas: Replica[] = [];
  readonly shards: readonly string[];
  readonly #setup: readonly ResourceSetup[];
  readonly #terms = new Map<string, { readonly replica: Replica; readonly term: Term }[]>();
  readonly #opened: { readonly replica: Replica; readonly shard: string }[] = [];
  #violation: string | undefined;
  #born = 0;

  constructor(world: World, setup: readonly ResourceSetup[]) {
    this.world = world;
    this.#setup = setup;
    this.sink = new Sink((what) => {
      this.#violation ??= what;
    });
    const clock = new Machine(world, 1, Date.UTC(2026, 0, 1));
    this.core = new ApiServerCore({ clock, randomness: new SeededRandomness(world.randomness.next() * 1e9) });
    this.shards = setup.flatMap(({ resource, buckets }) =>
      Array.from({ length: buckets }, (_, bucket) => `${resource.plural}-${String(bucket).padStart(2, "0")}`),
    );
  }

  get running(): readonly Replica[] {
    return this.replicas.filter((replica) => replica.isRunning);
  }

  join(setup: readonly ResourceSetup[] = this.#setup): Replica {
    this.#born += 1;
    const replica = new Replica(`r${this.#born}`, this, setup, this.world.randomness.next() * 1e9);
    this.replicas.push(replica);
    return replica;
  }

  opened(replica: Replica, shard: string): void {
    this.#opened.push({ replica, shard });
  }

  /** After every event: nobody takes keys for a shard for which somebody else may still act. */
  check(): void {
    for (const { replica, shard } of this.#opened.splice(0)) {
      const term = replica.coordinator.terms().find((candidate) => candidate.shard === shard);
      if (term === undefined) continue;
      const others = (this.#terms.get(shard) ?? []).filter(
        (one) => !one.replica.machine.isDead && !one.term.signal.aborted,
      );
      this.#terms.set(shard, [...others, { replica, term }]);
    }
    for (const [shard, terms] of this.#terms) {
      if (terms.length < 2) continue;
      const acting = terms.filter(({ replica, term }) => !replica.machine.isDead && term.gate.permitsWrite());
      if (acting.length < 2 || !acting.some(({ term }) => term.gate.admits())) continue;
      this.#violation ??= `shard ${shard} has ${acting.length} gates open at once: ${acting
        .map(({ replica, term }) => `${replica.name} (${term.epoch})`)
        .join(", ")}`;
    }
    if (this.#violation !== undefined) throw new Violation(this.#violation);
  }

  /** Open gates of each running replica. */
  loads(): ReadonlyMap<string, number> {
    const loads = new Map(this.running.map(({ name }) => [name, 0]));
    for (const terms of this.#terms.values()) {
      for (const { replica, term } of terms) {
        if (replica.machine.isDead || !term.gate.admits()) continue;
        loads.set(replica.name, (loads.get(replica.name) ?? 0) + 1);
      }
    }
    return loads;
  }

  /** Shards without exactly one open gate. */
  unowned(): readonly string[] {
    return this.shards.filter((shard) => {
      const open = (this.#terms.get(shard) ?? []).filter(
        ({ replica, term }) => !replica.machine.isDead && term.gate.admits(),
      );
      return open.length !== 1;
    });
  }
}
