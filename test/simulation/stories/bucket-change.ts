import { endFaults, scheduleFaults } from "../faults.ts";
import { SLOWEST_RATE, USUAL_LEASE } from "../replica.ts";
import { longestLifeMs, PROBATION_MS, type Stage, type Story } from "../story.ts";

const ROLLED_WITHIN_MS = 40_000;
const READY_WITHIN_MS = 5_000;
/** Leases under the old count, and those that outsiders made of them, are waited out; then the new ones are made. */
const SETTLES_WITHIN_MS = 3 * longestLifeMs(USUAL_LEASE) + 17_000;

/**
 * A rolling update to another number of buckets, under faults: the keys are divided in one way at a time, and all of them are
 * worked on in the end.
 */
export const bucketChange: Story = {
  name: "bucket-change",
  manners: { slowRate: 0.05, slowestMs: 5_000, deafRate: 0.02 },
  clocks: "either",

  async play(stage) {
    const { world, cluster } = stage;
    cluster.divide(world.randomness.pick([4, 9, 15]));
    stage.usually = { version: "v1" };
    stage.joinAll(2 + Math.floor(world.randomness.between(0, 2)), 3_000);
    stage.keepChanging(900);
    await stage.advance(3_000);
    await stage.settle(SETTLES_WITHIN_MS);
    cluster.divide(world.randomness.pick([5, 8, 16]));
    stage.usually = { version: "v2" };
    const faults = Math.floor(world.randomness.between(0, 4));
    if (faults === 0) cluster.expectOpenings();
    await roll(stage, faults);
    await stage.settle(SETTLES_WITHIN_MS, SETTLES_WITHIN_MS + PROBATION_MS / SLOWEST_RATE);
    await stage.expectRest(6_000);
  },
};

async function roll(stage: Stage, faults: number): Promise<void> {
  const { world, cluster } = stage;
  const untilMs = world.nowMs + ROLLED_WITHIN_MS;
  scheduleFaults(stage, faults, untilMs);
  for (const old of cluster.running) {
    await stage.becomesReady(stage.join(), READY_WITHIN_MS);
    if (old.isRunning) old.terminate();
  }
  if (world.nowMs < untilMs) await stage.advance(untilMs - world.nowMs);
  endFaults(stage);
  while (cluster.running.length < 2) stage.join();
}
