import { expect } from "vitest";
import { z } from "zod";
import type { KubeConnection } from "../../../src/kube/connection.ts";
import { LeaderElector } from "../../../src/leader-election.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { createTelemetry, type ProcessTelemetry } from "../../../src/telemetry/telemetry.ts";
import { leaseOf } from "../../support/cluster-objects.ts";
import { SHORT_ELECTION } from "../../support/own-candidate.ts";
import { until } from "../../support/waiting.ts";
import type { ParityCase, ParityWorld } from "./world.ts";

/** What a program that calls client-go's `leaderelection` package relies on, through one whole change of the leader. */

const BOUND_MS = 20_000;
const LEASE = "shop";

class Candidate {
  readonly elector: LeaderElector;
  readonly telemetry: ProcessTelemetry = createTelemetry({ log: silentTelemetry.log, strict: true });
  /** What was called, in order. */
  readonly calls: string[] = [];
  readonly epochs: string[] = [];
  readonly #stop = new AbortController();
  #ended: Promise<{ readonly clean: boolean }> = Promise.resolve({ clean: true });

  constructor(world: ParityWorld, identity: string, connection: KubeConnection) {
    this.elector = new LeaderElector({
      name: LEASE,
      namespace: world.namespace,
      identity,
      ...SHORT_ELECTION,
      connection,
      telemetry: this.telemetry,
      onStartedLeading: async ({ signal }) => {
        this.calls.push("started");
        await new Promise((told) => signal.addEventListener("abort", told, { once: true }));
        this.calls.push("told to stop");
      },
      onStoppedLeading: () => void this.calls.push("stopped"),
      onNewLeader: (leader) => void this.calls.push(`new leader: ${leader.split("_")[0]}`),
    });
    world.defer(() => this.stop().catch(() => {}));
  }

  run(): this {
    this.#ended = this.elector.run(this.#stop.signal);
    void this.#collect();
    return this;
  }

  /** How its run ends. */
  get ended(): Promise<{ readonly clean: boolean }> {
    return this.#ended;
  }

  stop(): Promise<{ readonly clean: boolean }> {
    this.#stop.abort();
    return this.#ended;
  }

  /** What was called but for the leaders that were named. */
  get ownCalls(): string[] {
    return this.calls.filter((call) => !call.startsWith("new leader"));
  }

  get leadersNamed(): string[] {
    return this.calls.filter((call) => call.startsWith("new leader"));
  }

  metrics(name: string): Promise<string> {
    return this.telemetry.registry.getSingleMetricAsString(name);
  }

  async #collect(): Promise<void> {
    for await (const term of this.elector.terms()) this.epochs.push(term.epoch);
  }
}

const eventsSchema = z.object({
  items: z.array(z.object({ reason: z.string(), note: z.string(), regarding: z.object({ name: z.string() }) })),
});

async function eventsIn({ plane, namespace }: ParityWorld): Promise<string[]> {
  const { items } = eventsSchema.parse(
    JSON.parse(await plane.must("GET", `/apis/events.k8s.io/v1/namespaces/${namespace}/events`)),
  );
  return items
    .filter(({ regarding }) => regarding.name === LEASE)
    .map(({ reason, note, regarding }) => `${regarding.name}: ${reason}: ${note}`);
}

async function changeLeader(world: ParityWorld): Promise<void> {
  const { plane, namespace } = world;
  const first = new Candidate(world, "first", await world.connect("first")).run();
  const term = await first.elector.elected();
  expect(first.elector.identity).toMatch(/^first_[0-9a-f-]{36}$/);
  const held = await leaseOf(plane, namespace, LEASE);
  expect(held?.spec).toMatchObject({ holderIdentity: first.elector.identity, leaseDurationSeconds: 3 });
  expect(term.gate.permitsWrite()).toBe(true);
  expect(await first.metrics("leader_election_master_status")).toMatch(/\{name="shop"\} 1$/m);
  expect(() => first.elector.check()).not.toThrow();

  const second = new Candidate(world, "second", await world.connect("second")).run();
  await until("the standby to see the leader", BOUND_MS, () => second.elector.leader === first.elector.identity);
  expect(second.elector.term).toBeUndefined();
  expect(() => second.elector.check()).not.toThrow();
  expect(await second.metrics("leader_election_master_status")).not.toMatch(/ 1$/m);

  expect(await first.stop()).toEqual({ clean: true });
  await second.elector.elected();
  expect(first.ownCalls).toEqual(["started", "told to stop", "stopped"]);
  await until("the callbacks of the new leader", BOUND_MS, () => second.calls.includes("new leader: second"));
  expect(second.leadersNamed).toEqual(["new leader: first", "new leader: ", "new leader: second"]);
  expect([first.epochs, second.epochs]).toEqual([[term.epoch], [second.elector.term?.epoch]]);
  expect(await first.metrics("leader_election_master_status")).toMatch(/\{name="shop"\} 0$/m);
  const taken = await leaseOf(plane, namespace, LEASE);
  expect(taken?.spec?.leaseTransitions).toBe((held?.spec?.leaseTransitions ?? 0) + 1);

  expect(await second.stop()).toEqual({ clean: true });
  const freed = await leaseOf(plane, namespace, LEASE);
  expect(freed?.spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 });
  const wanted = [first, second].flatMap(({ elector: { identity } }) => [
    `shop: LeaderElection: ${identity} became leader`,
    `shop: LeaderElection: ${identity} stopped leading`,
  ]);
  expect((await eventsIn(world)).sort()).toEqual(wanted.sort());
}

async function loseLease(world: ParityWorld): Promise<void> {
  const { connection, cut } = await world.connectByLine("first");
  const first = new Candidate(world, "first", connection);
  const { ended } = first.run();
  await first.elector.elected();
  const second = new Candidate(world, "second", await world.connect("second")).run();
  await until("the standby to see the leader", BOUND_MS, () => second.elector.leader === first.elector.identity);
  cut();
  await expect(ended).rejects.toThrow(/^leadership of shop was lost/);
  expect(first.ownCalls).toEqual(["started", "told to stop", "stopped"]);
  await second.elector.elected();
}

export const clientGoCases: readonly ParityCase[] = [
  {
    title:
      "a stop and the next leader: a callback, elected(), terms(), the Lease, a metric or an Event says something else",
    run: changeLeader,
  },
  {
    title: "a candidate that is cut off is not told that it has lost, or its run() goes on",
    run: loseLease,
  },
];
