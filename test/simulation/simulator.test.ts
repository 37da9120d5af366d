import { describe, expect, it } from "vitest";
import { play } from "./story.ts";

describe("the simulator itself", () => {
  it("replays a seed event by event, or a violation could not be looked into", async () => {
    const first = await play(42);
    const second = await play(42);
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(40);
  });

  it("sees two gates open when somebody forges a release, which no Lease can survive", async () => {
    const outcome = await play(3, {
      sabotage: (cluster, objects) => {
        cluster.world.at(30_000, () => {
          for (const replica of cluster.running.slice(0, -1)) replica.link.break({ eventsHeld: true });
          cluster.join();
        });
        cluster.world.at(32_000, () => {
          for (let times = 0; times < 60; times += 1) {
            objects.onLease("PUT", (spec) => ({ ...spec, holderIdentity: "", leaseDurationSeconds: 1 }));
          }
        });
      },
    });
    expect(outcome.problem).toMatch(/gates open at once/);
  });

  it("sees a shard that nobody owns when the API server refuses every Lease", async () => {
    const outcome = await play(5, {
      sabotage: (cluster) => {
        cluster.world.at(20_000, () => {
          cluster.core.authorize = ({ resource, verb }) => resource !== "leases" || verb === "list" || verb === "watch";
        });
      },
    });
    expect(outcome.problem).toMatch(/have no owner/);
  });
});
