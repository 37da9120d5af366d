import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import { z } from "zod";
import type { PartContext } from "../../../src/shard/part.ts";
import { createObjects } from "../../support/cluster-objects.ts";
import { SHORT_ELECTION } from "../../support/own-candidate.ts";
import { never, until } from "../../support/waiting.ts";
import { CoordinatorReplica } from "./replica.ts";
import type { ParityCase, ParityWorld } from "./world.ts";

/** Every replica reads and serves, the leader writes status; who becomes leader computes the status of every object anew. */

const BOUND_MS = 20_000;
const OBJECTS = 12;

/** Serves the names of what its replica has seen until it is told to stop. */
async function serveNames(
  { signal, ready }: PartContext,
  names: ReadonlySet<string>,
  listening: (port: number) => void,
) {
  const server = createServer((_, response) => response.end(JSON.stringify([...names])));
  server.listen(0, "127.0.0.1", () => {
    listening((server.address() as AddressInfo).port);
    ready();
  });
  await new Promise((told) => signal.addEventListener("abort", told, { once: true }));
  await new Promise((closed) => server.close(closed));
}

const listSchema = z.object({
  items: z.array(z.object({ metadata: z.object({ annotations: z.record(z.string(), z.string()).optional() }) })),
});

/** Who wrote the status of each object. */
async function writersIn({ plane, namespace }: ParityWorld): Promise<Set<string | undefined>> {
  const { items } = listSchema.parse(JSON.parse(await plane.must("GET", `/api/v1/namespaces/${namespace}/configmaps`)));
  expect(items).toHaveLength(OBJECTS);
  return new Set(items.map(({ metadata: { annotations } }) => annotations?.["status"]));
}

async function startReplica(world: ParityWorld, name: string) {
  const { namespace } = world;
  /** What it reads on every replica, whoever leads: the cache keeps this of each object as it is seen. */
  const names = new Set<string>();
  let port = 0;
  const replica = await CoordinatorReplica.make(world, name, {
    leaderElection: { name: "shop", namespace, ...SHORT_ELECTION },
    resources: [
      {
        resource: "configmaps",
        namespaces: [namespace],
        transform(object) {
          names.add(object.metadata.name);
          return object;
        },
        async reconcile(request, { object, client }) {
          if (object === undefined || object.metadata.annotations?.["status"] === name) return;
          await client.patch(request, { metadata: { annotations: { status: name } } }, { of: object });
        },
      },
    ],
  });
  replica.coordinator.add(
    { name: "read-endpoint", run: (context) => serveNames(context, names, (bound) => (port = bound)) },
    { runsOn: "every-replica", stage: "webhooks" },
  );
  replica.run();
  const served = async (): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    return z.array(z.string()).parse(await answer.json()).length;
  };
  await until(`${name} to serve what it reads`, BOUND_MS, async () => (await served().catch(() => 0)) === OBJECTS);
  return replica;
}

async function writeStatus(world: ParityWorld): Promise<void> {
  await createObjects(world.plane, world.namespace, "configmaps", OBJECTS);
  const only = async (name: string): Promise<boolean> => {
    const writers = await writersIn(world);
    return writers.size === 1 && writers.has(name);
  };
  const first = await startReplica(world, "first");
  await until("the first to write every status", BOUND_MS, () => only("first"));
  const second = await startReplica(world, "second");
  await never("a standby that leads", 1_000, () => second.coordinator.terms()[0]?.shard);
  expect(await only("first")).toBe(true);

  // Nothing has changed but the leader.
  expect(await first.stop()).toEqual({ clean: true });
  await until("every status to be computed anew", BOUND_MS, () => only("second"));
}

export const contourCases: readonly ParityCase[] = [
  {
    title: "a standby serves nothing or writes status, or a new leader computes only what changes after its election",
    run: writeStatus,
  },
];
