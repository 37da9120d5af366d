import { fewestMoves, loadsByLease } from "../fewest-moves.ts";
import type { Replica } from "../replica.ts";
import {
  CALM_MANNERS,
  LONGEST_HANDOFF_MS,
  longestLifeMs,
  SETTLES_WITHIN_MS,
  type Stage,
  type Story,
} from "../story.ts";

/** Replicas come, go, and die, one change at a time: each moves no more shards than arithmetic demands. */
export const calmChanges: Story = {
  name: "calm-changes",
  manners: CALM_MANNERS,
  clocks: "either",

  async play(stage) {
    const { world } = stage;
    stage.joinAll(2 + Math.floor(world.randomness.between(0, 4)), 3_000);
    stage.cluster.expectOpenings();
    stage.keepChanging(700);
    await stage.advance(3_000);
    await stage.settle(SETTLES_WITHIN_MS);
    // The first change comes while the first Leases are still young.
    for (let change = 0; change < 4; change += 1) {
      await changeMembers(stage);
      await stage.advance(world.randomness.between(100, 3_000));
    }
    await stage.expectRest(10_000);
  },
};

/** Some join at once, or one leaves or dies. */
async function changeMembers(stage: Stage): Promise<void> {
  const { cluster } = stage;
  const { randomness } = stage.world;
  const before = cluster.moves.length;
  const standing = loadsByLease(cluster);
  if (cluster.running.length < 3 || randomness.chance(0.4)) {
    cluster.limitGaps(LONGEST_HANDOFF_MS);
    const count = 1 + Math.floor(randomness.between(0, 3));
    for (let number = 0; number < count; number += 1) stage.join();
    await settle(stage, standing, before);
    return;
  }
  const gone = randomness.pick(cluster.running);
  if (randomness.chance(0.7)) await leave(stage, gone, standing, before);
  else await die(stage, gone, standing, before);
}

async function leave(
  stage: Stage,
  gone: Replica,
  standing: ReadonlyMap<string, number>,
  before: number,
): Promise<void> {
  stage.cluster.limitGaps(LONGEST_HANDOFF_MS);
  gone.terminate();
  await settle(stage, standing, before);
  if (gone.outcome !== "clean") stage.fail(`${gone.name} ended ${gone.outcome}`);
}

async function die(stage: Stage, gone: Replica, standing: ReadonlyMap<string, number>, before: number): Promise<void> {
  stage.cluster.limitGaps(longestLifeMs(gone.lease) + LONGEST_HANDOFF_MS);
  gone.kill();
  // Whose clock is faster may take a shard before the wait of whom the plan names is over, and hands it on then: twice at most.
  if (stage.clocks === "alike") await settle(stage, standing, before);
  else await settle(stage, standing, before, 2);
}

async function settle(
  stage: Stage,
  standing: ReadonlyMap<string, number>,
  before: number,
  timesAtMost = 1,
): Promise<void> {
  await stage.settle(SETTLES_WITHIN_MS);
  const names = stage.cluster.running.map(({ name }) => name);
  const least = fewestMoves(standing, names);
  const why = `when ${[...standing.keys()].join(" ")} became ${names.join(" ")}`;
  stage.expectMoves(before, least, why, timesAtMost * least);
}
