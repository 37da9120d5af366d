import { Registry } from "prom-client";
import { expect } from "vitest";
import { type Controller, type ControllerOptions, createController } from "../../../src/controller.ts";
import type { KubeConnection } from "../../../src/kube/connection.ts";
import { messageOf } from "../../../src/runtime/errors.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { createObjects, leaseOf, leasesOf } from "../../support/cluster-objects.ts";
import { SHORT_ELECTION } from "../../support/own-candidate.ts";
import { never, until } from "../../support/waiting.ts";
import type { ParityCase, ParityWorld } from "./world.ts";

/** Kooper's controller on real objects: one handler, with and without a leader election. */

const BOUND_MS = 20_000;
const OBJECTS = 5;

type Handler = ControllerOptions["handler"];

class Replica {
  /** Names of the objects that its handler was called for. */
  readonly handled: string[] = [];
  readonly metrics = new Registry();
  readonly controller: Controller;
  /** How its run ended: `clean`, `unclean`, or an error's message. */
  outcome: string | undefined;
  inWork = 0;
  mostInWork = 0;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(
    world: ParityWorld,
    connection: KubeConnection,
    options: Partial<ControllerOptions> & { readonly handler: Handler },
  ) {
    this.controller = createController({
      name: "shop",
      retriever: { resource: "configmaps", namespaces: [world.namespace] },
      connection,
      logger: silentTelemetry.log,
      metrics: this.metrics,
      ...options,
      handler: async (object, context) => {
        this.handled.push(object.metadata.name);
        this.inWork += 1;
        this.mostInWork = Math.max(this.mostInWork, this.inWork);
        try {
          return await options.handler(object, context);
        } finally {
          this.inWork -= 1;
        }
      },
    });
    this.#ended = this.controller.run(this.#stop.signal).then(
      ({ clean }) => {
        this.outcome = clean ? "clean" : "unclean";
      },
      (error: unknown) => {
        this.outcome = messageOf(error);
      },
    );
    world.defer(() => this.stop());
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return this.#ended;
  }

  /** Its source is warm and it contends. */
  async isReady(): Promise<boolean> {
    return (await this.controller.checks.run("ready")).every(({ problem }) => problem === undefined);
  }
}

const electionOf = ({ namespace }: ParityWorld) => ({ name: "shop", namespace, ...SHORT_ELECTION });

async function stopCleanly(world: ParityWorld): Promise<void> {
  const { plane, namespace } = world;
  await createObjects(plane, namespace, "configmaps", OBJECTS);
  const leaderElection = electionOf(world);
  const work = Promise.withResolvers<void>();
  const first = new Replica(world, await world.connect("first"), { leaderElection, handler: () => work.promise });
  await until("the first to work on as much as it may at once", BOUND_MS, () => first.inWork === 3);
  const second = new Replica(world, await world.connect("second"), { leaderElection, handler: async () => {} });
  await until("the standby to be warm", BOUND_MS, () => second.isReady());

  void first.stop();
  await never("handled by a standby while handlers run elsewhere", 1_500, () => second.handled[0]);
  expect(first.handled).toHaveLength(3);
  const held = await leaseOf(plane, namespace, "shop");
  expect(held?.spec?.holderIdentity).toBe(first.controller.identity);
  work.resolve();
  await first.stop();
  expect(first.outcome).toBe("clean");
  await until("the second to handle everything", BOUND_MS, () => new Set(second.handled).size === OBJECTS);
  await second.stop();
  expect(second.outcome).toBe("clean");
  const freed = await leaseOf(plane, namespace, "shop");
  expect(freed?.spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 });
}

async function loseLease(world: ParityWorld): Promise<void> {
  await createObjects(world.plane, world.namespace, "configmaps", OBJECTS);
  const leaderElection = electionOf(world);
  const ends: (string | undefined)[] = [];
  const { connection, cut } = await world.connectByLine("first");
  const first: Replica = new Replica(world, connection, {
    leaderElection,
    handler: async (_, { signal }) => {
      await new Promise((told) => signal.addEventListener("abort", told, { once: true }));
      ends.push(first.outcome);
    },
  });
  await until("the first to work", BOUND_MS, () => first.inWork === 3);
  const second = new Replica(world, await world.connect("second"), { leaderElection, handler: async () => {} });
  await until("the standby to be warm", BOUND_MS, () => second.isReady());
  cut();
  await until("the first to end", BOUND_MS, () => first.outcome);
  expect(first.outcome).toMatch(/^leadership of shop was lost/);
  expect(ends).toEqual([undefined, undefined, undefined]);
  await until("the second to handle everything", BOUND_MS, () => new Set(second.handled).size === OBJECTS);
}

async function workAlone(world: ParityWorld): Promise<void> {
  const { plane, namespace } = world;
  await createObjects(plane, namespace, "configmaps", 2);
  await createObjects(plane, namespace, "secrets", 2);
  const failures = new Map([["co-001", 2]]);
  const replica = new Replica(world, await world.connect("alone"), {
    retriever: [
      { resource: "configmaps", namespaces: [namespace] },
      { resource: "secrets", namespaces: [namespace] },
    ],
    concurrentWorkers: 1,
    processingJobRetries: 2,
    resyncInterval: "2s",
    handler: async ({ metadata: { name } }) => {
      const left = failures.get(name) ?? 0;
      failures.set(name, left - 1);
      if (left > 0) throw new Error("not yet");
    },
  });
  const times = (name: string): number => replica.handled.filter((handled) => handled === name).length;
  await until("the failure to be tried again until it succeeds", BOUND_MS, () => times("co-001") >= 3);
  await until("a resync of every object", BOUND_MS, () =>
    ["co-000", "co-001", "se-000", "se-001"].every((name) => times(name) >= (name === "co-001" ? 4 : 2)),
  );
  expect(replica.mostInWork).toBe(1);
  const errors = await replica.metrics.getSingleMetricAsString("controller_runtime_reconcile_errors_total");
  expect(errors).toMatch(/\{controller="shop"\} 2$/m);
  expect(await leasesOf(plane, namespace)).toEqual([]);
  await replica.stop();
  expect(replica.outcome).toBe("clean");
}

export const kooperCases: readonly ParityCase[] = [
  { title: "a clean stop frees the Lease while handlers run, or the standby has to warm up first", run: stopCleanly },
  { title: "a lost Lease leaves handlers running, or run() ends before they have stopped", run: loseLease },
  {
    title:
      "without an election, one after the other over two resources: a failure is forgotten, a resync left out, a Lease written",
    run: workAlone,
  },
];
