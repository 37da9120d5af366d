import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import type { Part } from "../../../src/shard/part.ts";
import { createObjects, leaseOf } from "../../support/cluster-objects.ts";
import { SHORT_LEASE_SETTINGS } from "../../support/own-candidate.ts";
import { until } from "../../support/waiting.ts";
import { CoordinatorReplica } from "./replica.ts";
import type { ParityCase, ParityWorld } from "./world.ts";

/** Runnables of a manager: those that need leader election and those that do not. */

const BOUND_MS = 20_000;
const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((told) => (signal.aborted ? told(undefined) : signal.addEventListener("abort", told, { once: true })));

/** A webhook of one replica: it answers with the replica's name. */
class Webhook {
  readonly #name: string;
  readonly #server: Server;

  constructor(name: string) {
    this.#name = name;
    this.#server = createServer((_, response) => response.end(name));
  }

  get part(): Part {
    return {
      name: "webhook",
      run: async ({ signal, ready }) => {
        this.#server.listen(0, "127.0.0.1", ready);
        await aborted(signal);
        await new Promise((closed) => this.#server.close(closed));
      },
    };
  }

  async answers(): Promise<boolean> {
    const { port } = this.#server.address() as AddressInfo;
    return (await (await fetch(`http://127.0.0.1:${port}/`)).text()) === this.#name;
  }
}

async function runParts(world: ParityWorld): Promise<void> {
  const { plane, namespace } = world;
  await createObjects(plane, namespace, "configmaps", 4);
  /** `begin a`, `end a`: what the leader's runnable did where. */
  const diary: string[] = [];
  const webhooks: Webhook[] = [];
  const start = async (name: string): Promise<CoordinatorReplica> => {
    const replica = await CoordinatorReplica.make(world, name, {
      lease: SHORT_LEASE_SETTINGS,
      resources: [{ resource: "configmaps", namespaces: [namespace], reconcile: async () => {} }],
    });
    const webhook = new Webhook(name);
    webhooks.push(webhook);
    replica.coordinator.add(webhook.part, { runsOn: "every-replica", stage: "webhooks" });
    const run: Part["run"] = async ({ signal, term }) => {
      diary.push(`begin ${name} ${term?.shard}`);
      await aborted(signal);
      diary.push(`end ${name}`);
    };
    replica.coordinator.add({ name: "writer", run }, { runsOn: "leader" });
    return replica.run();
  };
  const replicas = [await start("a"), await start("b")];
  const allAnswer = async (): Promise<boolean> =>
    (await Promise.all(webhooks.map((webhook) => webhook.answers().catch(() => false)))).every(Boolean);
  await until("a webhook on every replica", BOUND_MS, allAnswer);
  const begun = await until("the leader's runnable", BOUND_MS, () => diary[0]);
  const leader = replicas.find(({ name }) => begun === `begin ${name} leader-00`)!;
  const other = replicas.find((replica) => replica !== leader)!;
  const lease = await leaseOf(plane, namespace, "shop-leader-00");
  expect(lease?.spec?.holderIdentity).toBe(leader.coordinator.identity);
  expect(diary).toHaveLength(1);

  expect(await leader.stop()).toEqual({ clean: true });
  await until("the runnable on the other replica", BOUND_MS, () => diary.length === 3);
  expect(diary.slice(1)).toEqual([`end ${leader.name}`, `begin ${other.name} leader-00`]);
  expect(await webhooks[replicas.indexOf(other)]!.answers()).toBe(true);
  expect(await other.stop()).toEqual({ clean: true });
  expect(diary.at(-1)).toBe(`end ${other.name}`);
}

export const controllerRuntimeCases: readonly ParityCase[] = [
  {
    title: "a webhook waits for the election, or a runnable that needs it runs on two replicas or on none after a stop",
    run: runParts,
  },
];
