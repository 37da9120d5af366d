import { configDefaults, defineConfig } from "vitest/config";

/** Waits inside a test have bounds of their own; these only end a test that hangs, on a machine as busy as it likes. */
const bounds = { testTimeout: 180_000, hookTimeout: 120_000 };

/**
 * One project per kind of test, run one kind after the other, the cheapest first.
 * Two workers at most: replicas as processes and a real API server share the machine with them.
 */
function project(name: string, groupOrder: number, include: readonly string[], maxWorkers: number) {
  return { test: { name, include: [...include], ...bounds, maxWorkers, sequence: { groupOrder } } };
}

export default defineConfig({
  test: {
    projects: [
      project("structure", 1, ["test/*.test.ts"], 2),
      project("unit", 2, ["test/unit/**/*.test.ts"], 2),
      project("scenario", 3, ["test/scenario/**/*.test.ts"], 2),
      project("simulation", 4, ["test/simulation/**/*.test.ts"], 2),
      project("chart", 5, ["test/chart/**/*.test.ts"], 1),
      // One file at a time: a real API server, its etcd and several replicas fill two cores already.
      project("integration", 6, ["test/integration/**/*.test.ts"], 1),
      // Fleets of up to ten replicas with a thousand shards, for figures; `npm test` leaves them out.
      project("scale", 7, ["test/scale/**/*.test.ts"], 1),
      // A real node with a kubelet, on which the chart is deployed with the image that is built here.
      project("cluster", 8, ["test/cluster/**/*.test.ts"], 1),
    ],
    exclude: [...configDefaults.exclude],
    reporters: ["default", "./test/support/totals-reporter.ts"],
  },
});
