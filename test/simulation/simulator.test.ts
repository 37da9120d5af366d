import { describe, expect, it } from "vitest";
import { calmChanges } from "./stories/calm-changes.ts";
import { randomFaults } from "./stories/random-faults.ts";
import { rollingUpdate } from "./stories/rolling-update.ts";
import { type Stage, tell } from "./story.ts";

/** An outsider writes under the name of a replica: what the replica itself would never do. */
function forgeRelease({ cluster }: Stage): void {
  const run = cluster.shards.flatMap((shard) => cluster.sink.actingFor(shard))[0];
  if (run === undefined) return;
  const path = `/apis/coordination.k8s.io/v1/namespaces/default/leases/sim-${run.shard}`;
  cluster.core.handle({
    method: "PATCH",
    path,
    contentType: "application/merge-patch+json",
    userAgent: run.replica.name,
    body: JSON.stringify({ spec: { holderIdentity: "", leaseDurationSeconds: 1 } }),
  });
}

describe("the simulator itself", () => {
  it.each([
    [randomFaults, 42],
    [rollingUpdate, 5],
  ])("replays a seed event by event, or a violation could not be looked into", async (story, seed) => {
    const first = await tell(story, seed);
    const second = await tell(story, seed);
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(40);
  });

  it("sees two gates open when somebody forges a release, which no Lease can survive", async () => {
    const outcome = await tell(randomFaults, 7, {
      sabotage: ({ world, cluster, outsider, join }) => {
        world.at(30_000, () => {
          for (const replica of cluster.running.slice(0, -1)) replica.link.break({ eventsHeld: true });
          join();
        });
        world.at(32_000, () => {
          for (let times = 0; times < 60; times += 1) {
            outsider.edit(outsider.anyLease("shard") ?? "", (spec) => ({
              ...spec,
              holderIdentity: "",
              leaseDurationSeconds: 1,
            }));
          }
        });
      },
    });
    expect(outcome.problem).toMatch(/gates open at once/);
  });

  it("sees a Lease that is freed while a handler works for it", async () => {
    const outcome = await tell(calmChanges, 3, {
      sabotage: (stage) => {
        for (let atMs = 2_000; atMs < 6_000; atMs += 1) stage.world.at(atMs, () => forgeRelease(stage));
      },
    });
    expect(outcome.problem).toMatch(/released by r\d+ while r\d+ .* works for it/);
  });

  it("sees a shard that nobody owns when the API server refuses every Lease", async () => {
    const outcome = await tell(randomFaults, 5, {
      sabotage: ({ world, cluster }) => {
        world.at(20_000, () => {
          cluster.core.authorize = ({ resource, verb }) => resource !== "leases" || verb === "list" || verb === "watch";
        });
      },
    });
    expect(outcome.problem).toMatch(/no owner/);
  });

  it("sees that shards move more than once in a rolling update whose replicas do not say their version", async () => {
    const outcome = await tell(rollingUpdate, 4, {
      sabotage: ({ cluster }) => {
        const join = cluster.join.bind(cluster);
        cluster.join = (options) => join({ ...options, version: "" });
      },
    });
    expect(outcome.problem).toMatch(/\d+ moves instead of 16 in the rolling update/);
  });

  it("sees a spread that stays uneven because who joins late is given nothing", async () => {
    const outcome = await tell(calmChanges, 9, {
      sabotage: ({ world, outsider }) => world.at(5_000, () => outsider.freeze(true)),
    });
    expect(outcome.problem).toMatch(/spread unevenly/);
  });
});
