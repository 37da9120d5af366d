import { setImmediate } from "node:timers/promises";
import { afterEach, expect, it, vi } from "vitest";
import { createCoordinator } from "../../src/coordinator.ts";
import { ApiServerCore } from "../../src/embedded/core.ts";
import { coreTransport } from "../../src/embedded/transport.ts";
import { LEASES, PODS } from "../../src/kube/api.ts";
import { KubeClient } from "../../src/kube/client.ts";
import { silentTelemetry } from "../../src/runtime/telemetry.ts";
import { SeededRandomness } from "../simulation/world.ts";
import { pod } from "../support/pods.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

afterEach(() => vi.unstubAllEnvs());

it("a replica does not say where its metrics are, or by which container it can be known as dead", async () => {
  vi.stubEnv("POD_NAME", "shop-0");
  vi.stubEnv("POD_NAMESPACE", "default");
  vi.stubEnv("CONTAINER_NAME", "manager");
  vi.stubEnv("POD_IP", "10.0.0.7");
  const clock = new VirtualClock();
  const randomness = new SeededRandomness(1);
  const transport = coreTransport(new ApiServerCore({ clock, randomness }), { clock });
  const client = new KubeClient(transport, { clock, randomness });
  const until = async <Answer>(wanted: () => Promise<Answer | undefined>): Promise<Answer> => {
    for (let turn = 0; turn < 200; turn += 1) {
      const found = wanted();
      await clock.advance(500);
      await setImmediate();
      const answer = await found;
      if (answer !== undefined) return answer;
    }
    throw new Error("it did not come to that");
  };
  const startedAt = new Date(clock.wallMs() - process.uptime() * 1_000).toISOString();
  const { metadata, spec, status } = pod({ running: startedAt });
  const { name, namespace = "" } = metadata;
  const made = await until(() =>
    client.create(PODS, { apiVersion: "v1", kind: "Pod", metadata: { name, namespace }, spec }),
  );
  await until(() => client.updateStatus(PODS, { ...made, status }));
  const stop = new AbortController();
  const ended = createCoordinator({
    coordinator: "shop",
    connection: {
      namespace: "default",
      coordination: transport,
      objects: transport,
      describe: () => "",
      close: async () => {},
    },
    http: { address: "0.0.0.0:0" },
    lease: { proofOfDeath: true },
    resources: [{ resource: "configmaps", reconcile: async () => {} }],
    telemetry: silentTelemetry,
    clock,
    randomness,
  }).run(stop.signal);
  const said = await until(async () => {
    const { objects } = await client.list(LEASES, { namespace: "default" });
    return objects.map((lease) => lease.metadata.annotations).find((all) => all?.["electorate.dev/container"]);
  });
  expect(said["electorate.dev/container"]).toBe(`${made.metadata.uid}/manager/containerd://1`);
  expect(said["electorate.dev/address"]).toMatch(/^10\.0\.0\.7:\d+$/);
  stop.abort();
  await until(async () => (await Promise.race([ended, setImmediate()])) ?? undefined);
});
