import type { Renewal } from "../replica.ts";
import { CALM_MANNERS, LONGEST_HANDOFF_MS, SETTLES_WITHIN_MS, type Stage, type Story } from "../story.ts";

/** How long an image and a process take to start. */
const SLOWEST_START_MS = 3_000;
const READY_WITHIN_MS = 30_000;
/** Who starts has a busy machine: what it says may come to the others long after it is ready to work. */
const STARTS_LATE = { lateRate: 0.5, lateMs: 1_500 };

/** A Deployment rolls over to a new version with one replica more and none less: each shard moves once, and none waits for an expiry. */
export const rollingUpdate: Story = {
  name: "rolling-update",
  manners: CALM_MANNERS,
  clocks: "alike",

  async play(stage) {
    const { world, cluster } = stage;
    const replicas = 2 + Math.floor(world.randomness.between(0, 4));
    stage.usually = { version: "v1", lease: { renewal: stage.renewal === "per-member" ? "per-member" : "per-shard" } };
    stage.joinAll(replicas, 4_000);
    cluster.expectOpenings();
    stage.keepChanging(700);
    await stage.advance(4_000);
    await stage.settle(SETTLES_WITHIN_MS);
    cluster.limitGaps(LONGEST_HANDOFF_MS);
    for (const { version, renewal } of versionsOf(stage)) {
      stage.usually = { version, lease: { renewal } };
      await roll(stage, version);
    }
    await stage.expectRest(10_000);
  },
};

/** One update; in a mixed story one to the other way of renewal, and one back. */
function versionsOf({ renewal }: Stage): readonly { readonly version: string; readonly renewal: Renewal }[] {
  if (renewal !== "mixed") return [{ version: "v2", renewal }];
  return [
    { version: "v2", renewal: "per-member" },
    { version: "v3", renewal: "per-shard" },
  ];
}

async function roll(stage: Stage, version: string): Promise<void> {
  const { world, cluster } = stage;
  const before = cluster.moves.length;
  const old = cluster.running;
  world.note(`rolling update to ${version}`);
  for (const one of old) {
    await stage.advance(world.randomness.between(200, SLOWEST_START_MS));
    const replica = stage.join();
    replica.link.break(STARTS_LATE);
    if (!(await stage.becomesReady(replica, READY_WITHIN_MS))) stage.fail(`${replica.name} does not become ready`);
    replica.link.heal("deliver");
    one.terminate();
  }
  await stage.settle(SETTLES_WITHIN_MS);
  stage.expectMoves(before, cluster.shards.length, `in the rolling update to ${version} of ${old.length} replicas`);
  const moved = new Set(cluster.moves.slice(before).map(({ shard }) => shard));
  if (moved.size < cluster.shards.length) stage.fail(`only ${moved.size} shards moved, some of them twice`);
  const unclean = old.filter(({ outcome }) => outcome !== "clean");
  if (unclean.length > 0) stage.fail(`${unclean.map(({ name, outcome }) => `${name} ended ${outcome}`).join(", ")}`);
}
