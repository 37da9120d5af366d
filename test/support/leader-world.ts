import { ApiServerCore, coreTransport, type Delivery, type Message } from "../../src/embedded/index.ts";
import type { KubernetesObject } from "../../src/kube/api.ts";
import type { KubeConnection } from "../../src/kube/connection.ts";
import { type LeaderElectionOptions, LeaderElector } from "../../src/leader-election.ts";
import { messageOf } from "../../src/runtime/errors.ts";
import type { Meter } from "../../src/runtime/telemetry.ts";
import { silentTelemetry } from "../../src/runtime/telemetry.ts";
import { VirtualClock } from "./virtual-clock.ts";

const LEADER_NAMESPACE = "default";

/** Candidates for one leadership around one embedded API server, under virtual time. */
export class LeaderWorld {
  readonly clock = new VirtualClock();
  readonly randomness = countingRandomness();
  readonly core = new ApiServerCore({ clock: this.clock, randomness: this.randomness });
  /** Who leads now, by the name of the candidate. */
  readonly leading = new Set<string>();
  /** Every moment at which two led. */
  readonly overlaps: string[] = [];

  candidate(name: string, options: Partial<LeaderElectionOptions> = {}): CandidateProcess {
    return new CandidateProcess(this, name, options, this.randomness);
  }

  begins(name: string): void {
    this.leading.add(name);
    if (this.leading.size > 1) this.overlaps.push([...this.leading].join(" and "));
  }

  /** The object of the lock as it is stored. */
  stored(plural = "leases", name = "shop"): KubernetesObject | undefined {
    const group = plural === "leases" ? "/apis/coordination.k8s.io/v1" : "/api/v1";
    const path = `${group}/namespaces/${LEADER_NAMESPACE}/${plural}/${name}`;
    const answer = this.#handle("GET", path);
    return answer.status === 200 ? (JSON.parse(answer.body) as KubernetesObject) : undefined;
  }

  events(): readonly KubernetesObject[] {
    const answer = this.#handle("GET", `/apis/events.k8s.io/v1/namespaces/${LEADER_NAMESPACE}/events`);
    return (JSON.parse(answer.body) as { readonly items: readonly KubernetesObject[] }).items;
  }

  remove(name = "shop", plural = "leases"): void {
    const group = plural === "leases" ? "/apis/coordination.k8s.io/v1" : "/api/v1";
    this.#handle("DELETE", `${group}/namespaces/${LEADER_NAMESPACE}/${plural}/${name}`);
  }

  /** Puts an object there, or in the place of one that is. */
  put(plural: string, body: KubernetesObject): void {
    const group = plural === "leases" ? "/apis/coordination.k8s.io/v1" : "/api/v1";
    const path = `${group}/namespaces/${LEADER_NAMESPACE}/${plural}`;
    const known = this.stored(plural, body.metadata.name);
    const metadata = { ...body.metadata, resourceVersion: known?.metadata.resourceVersion };
    const answer =
      known === undefined
        ? this.#handle("POST", path, JSON.stringify(body))
        : this.#handle("PUT", `${path}/${body.metadata.name}`, JSON.stringify({ ...body, metadata }));
    if (answer.status > 201) throw new Error(`the API server refused ${plural}: ${answer.body}`);
  }

  /** Time passes until `holds`, at most `boundMs`; answers how much did. */
  async until(what: string, boundMs: number, holds: () => boolean): Promise<number> {
    for (let passedMs = 0; passedMs <= boundMs; passedMs += 50) {
      if (holds()) return passedMs;
      await this.clock.advance(50);
    }
    throw new Error(`waited ${boundMs} ms of virtual time for ${what}`);
  }

  #handle(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: string) {
    const answer = this.core.handle({ method, path, query: {}, ...(body === undefined ? {} : { body }) });
    if (answer.kind !== "body") throw new Error("a watch is no answer");
    return answer;
  }
}

/** The line between one process and the API server. */
export class Line {
  readonly connection: KubeConnection;
  #isCut = false;

  constructor({ core, clock }: LeaderWorld) {
    const network = {
      // A message that is lost is missed when its deadline has passed.
      send: (_: Message, delivery: Delivery) => {
        if (!this.#isCut) queueMicrotask(() => delivery.arrive());
      },
    };
    const transport = coreTransport(core, { clock, network });
    this.connection = {
      namespace: LEADER_NAMESPACE,
      coordination: transport,
      objects: transport,
      describe: () => "a line of a test",
      close: () => transport.close(),
    };
  }

  cut(): void {
    this.#isCut = true;
  }

  heal(): void {
    this.#isCut = false;
  }
}

/** One process that contends, and the line between it and the API server. */
export class CandidateProcess {
  readonly name: string;
  readonly elector: LeaderElector;
  /** What was called, in order. */
  readonly calls: string[] = [];
  readonly newLeaders: string[] = [];
  readonly metrics = new Map<string, number>();
  /** How the run ended: `clean`, `unclean`, or an error's message. */
  outcome: string | undefined;
  readonly #stop = new AbortController();
  readonly #line: Line;

  constructor(
    world: LeaderWorld,
    name: string,
    options: Partial<LeaderElectionOptions>,
    randomness: { next(): number; uuid(): string },
  ) {
    this.name = name;
    this.#line = new Line(world);
    this.elector = new LeaderElector({
      name: "shop",
      identity: name,
      connection: this.#line.connection,
      clock: world.clock,
      randomness,
      telemetry: { ...silentTelemetry, meter: this.#meter() },
      terminate: (reason) => this.calls.push(`terminate: ${reason}`),
      onNewLeader: (identity) => this.newLeaders.push(identity.split("_")[0] ?? ""),
      ...options,
      onStartedLeading: async (term) => {
        world.begins(name);
        this.calls.push("started");
        await options.onStartedLeading?.(term);
      },
      onStoppedLeading: async (term) => {
        this.calls.push("stopped");
        await options.onStoppedLeading?.(term);
        world.leading.delete(name);
      },
    });
  }

  start(): this {
    this.elector.run(this.#stop.signal).then(
      ({ clean }) => {
        this.outcome = clean ? "clean" : "unclean";
      },
      (error: unknown) => {
        this.outcome = messageOf(error);
      },
    );
    return this;
  }

  stop(): void {
    this.#stop.abort();
  }

  cut(): void {
    this.#line.cut();
  }

  heal(): void {
    this.#line.heal();
  }

  get leads(): boolean {
    return this.elector.term?.gate.admits() === true;
  }

  #meter(): Meter {
    const add = (name: string, by: number): void => void this.metrics.set(name, (this.metrics.get(name) ?? 0) + by);
    return {
      increment: (name, _, by = 1) => add(name, by),
      set: (name, _, value) => void this.metrics.set(name, value),
      observe() {},
      forget() {},
    };
  }
}

function countingRandomness(): { next(): number; uuid(): string } {
  let count = 0;
  return {
    next: () => 0.5,
    uuid: () => `00000000-0000-4000-8000-${String(++count).padStart(12, "0")}`,
  };
}
