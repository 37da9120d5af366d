import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createCoordinator } from "../../src/coordinator.ts";
import { ApiServerCore } from "../../src/embedded/core.ts";
import { coreTransport } from "../../src/embedded/transport.ts";
import { EVENTS, type KubernetesObject } from "../../src/kube/api.ts";
import { KubeClient } from "../../src/kube/client.ts";
import { silentTelemetry } from "../../src/runtime/telemetry.ts";
import { SeededRandomness } from "../simulation/world.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

/** What whole replicas tell people, as it is stored. */

const POD = { POD_NAME: "shop-0", POD_NAMESPACE: "default", POD_UID: "pod-uid" };

function inPod(): void {
  for (const [name, value] of Object.entries(POD)) vi.stubEnv(name, value);
}
afterEach(() => vi.unstubAllEnvs());

function world() {
  const clock = new VirtualClock();
  const randomness = new SeededRandomness(1);
  const transport = coreTransport(new ApiServerCore({ clock, randomness }), { clock });
  const client = new KubeClient(transport, { clock, randomness });
  const pass = async (ms: number): Promise<void> => {
    for (let passedMs = 0; passedMs < ms; passedMs += 250) {
      await clock.advance(250);
      await setImmediate();
    }
  };
  return {
    pass,
    start() {
      const stop = new AbortController();
      const coordinator = createCoordinator({
        coordinator: "shop",
        connection: {
          namespace: "default",
          coordination: transport,
          objects: transport,
          describe: () => "",
          close: async () => {},
        },
        resources: [{ resource: "configmaps", reconcile: async () => {} }],
        telemetry: silentTelemetry,
        clock,
        randomness,
      });
      const ended = coordinator.run(stop.signal);
      return {
        identity: coordinator.identity,
        async stop() {
          stop.abort();
          await pass(5_000);
          return ended;
        },
      };
    },
    /** Reason, what it is found at, and what else is named. */
    async told(reason: string) {
      const list = client.list(EVENTS, { namespace: "default" });
      await pass(250);
      const { objects } = await list;
      return objects
        .filter((event) => event["reason"] === reason)
        .map((event) => [kindOf(event, "regarding"), kindOf(event, "related"), event["note"]])
        .toSorted(([one = ""], [other = ""]) => (String(one) < String(other) ? -1 : 1));
    },
  };
}

function kindOf(event: KubernetesObject, field: "regarding" | "related"): string | undefined {
  return (event[field] as { readonly kind: string } | undefined)?.kind;
}

describe("Events of whole replicas", () => {
  it("what a replica does is told at its Leases alone, and nobody looks there", async () => {
    inPod();
    const on = world();
    const replica = on.start();
    await on.pass(20_000);
    const acquired = `${replica.identity} leads shard configmaps-00`;
    expect(await on.told("ShardAcquired")).toEqual([
      ["Lease", "Pod", acquired],
      ["Pod", "Lease", acquired],
    ]);
    expect(await replica.stop()).toEqual({ clean: true });
    const freed = `${replica.identity} has freed shard configmaps-00`;
    expect(await on.told("ShardReleased")).toEqual([
      ["Lease", "Pod", freed],
      ["Pod", "Lease", freed],
    ]);
    expect(await on.told("DuplicateIdentity")).toEqual([]);
  });

  it("outside of a Pod something is told at one that does not exist", async () => {
    const on = world();
    const replica = on.start();
    await on.pass(20_000);
    expect(await on.told("ShardAcquired")).toEqual([
      ["Lease", undefined, `${replica.identity} leads shard configmaps-00`],
    ]);
    await replica.stop();
  });

  it("two replicas of one name are told of by both, or by none", async () => {
    inPod();
    const on = world();
    const replicas = [on.start(), on.start()];
    await on.pass(20_000);
    const both = replicas.map(({ identity }) => identity).sort();
    const first = await on.told("DuplicateIdentity");
    expect(first.map(([regarding, related]) => [regarding, related])).toEqual([
      ["Lease", "Pod"],
      ["Pod", "Lease"],
    ]);
    for (const [, , note] of first) expect(note).toContain(`Two members are called shop-0: ${both.join(" and ")}`);
    await on.pass(60_000);
    expect(await on.told("DuplicateIdentity")).toHaveLength(2);
    for (const replica of replicas) await replica.stop();
  });
});
