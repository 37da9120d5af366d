import { expect, it } from "vitest";
import { coordinatorOptions } from "../../../src/config/coordinator-options.ts";
import { loadConfiguration } from "../../../src/config/load.ts";

it("keys that the YAML leaves out are in the options all the same, or those that it has are not", () => {
  const handler = async (): Promise<void> => {};
  const configuration = loadConfiguration(
    "coordinator: shop\nhttp: {address: none}\nresources:\n  - { resource: pods, handler: h.js#a }\n",
    "e.yaml",
  );
  expect(coordinatorOptions(configuration, [{ reconcile: handler, maps: [] }])).toStrictEqual({
    coordinator: "shop",
    lease: configuration.lease,
    drainTimeoutMs: 20_000,
    shutdownTimeoutMs: 25_000,
    onOverrun: "exit",
    leaderElection: "shards",
    rolloutWindowMs: 600_000,
    weight: 1,
    resources: [{ resource: "pods", metadataOnly: false, buckets: 1, workers: 1, reconcile: handler }],
  });
  const said = loadConfiguration(
    "coordinator: shop\nweight: 3\nzone: eu-1a\nversion: v2\nresources:\n  - { resource: pods, handler: h.js#a }\n",
    "e.yaml",
  );
  expect(coordinatorOptions(said, [{ reconcile: handler, maps: [] }])).toMatchObject({
    weight: 3,
    zone: "eu-1a",
    version: "v2",
  });
  expect(() => coordinatorOptions(configuration, [])).toThrow(/no handler for resource "pods"/);
});
