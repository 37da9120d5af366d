import { endFaults, scheduleFaults } from "../faults.ts";
import type { ReplicaLease } from "../replica.ts";
import { SLOWEST_RATE, USUAL_LEASE } from "../replica.ts";
import { longestLifeMs, PROBATION_MS, type Story } from "../story.ts";

const FAULTS_FROM_MS = 6_000;
const FAULTS_UNTIL_MS = 40_000;
/** After the longest wait: a drain, a watch's back-off and some round trips. */
const ROUND_TRIPS_MS = 17_000;

/** Durations that members of one cluster may have beside each other, shorter and longer than usual. */
const LEASES: readonly ReplicaLease[] = [
  USUAL_LEASE,
  { durationMs: 8_000, renewDeadlineMs: 5_000, retryPeriodMs: 1_000 },
  { durationMs: 20_000, renewDeadlineMs: 13_000, retryPeriodMs: 2_500 },
];

/** Any faults at any time; then they stop, and everything must be well again in time, and stay so. */
export const randomFaults: Story = {
  name: "random-faults",
  manners: { slowRate: 0.05, slowestMs: 5_000, deafRate: 0.02 },
  clocks: "apart",

  async play(stage) {
    const { world } = stage;
    // A third of the clusters has members with different durations.
    const leases: readonly ReplicaLease[] = world.randomness.chance(1 / 3) ? LEASES : [USUAL_LEASE];
    const join = () => stage.join({ lease: world.randomness.pick(leases) });
    for (let replica = 0; replica < 3; replica += 1) world.at(world.randomness.between(0, 4_000), () => void join());
    const { cluster, outsider, later } = stage;
    world.at(FAULTS_FROM_MS, () => {
      const count = 3 + Math.floor(world.randomness.between(0, 6));
      scheduleFaults({ cluster, outsider, later, join }, count, FAULTS_UNTIL_MS - 1_000);
    });
    for (let atMs = 3_000; atMs < FAULTS_UNTIL_MS; atMs += 1_500) world.at(atMs, () => outsider.changeObject());
    await stage.advance(FAULTS_UNTIL_MS);
    const calmFromMs = endFaults(stage);
    while (cluster.running.length < 2) join();
    const boundMs = 2 * Math.max(...leases.map(longestLifeMs)) + ROUND_TRIPS_MS;
    cluster.limitGaps(boundMs, calmFromMs);
    const withinMs = calmFromMs - world.nowMs + boundMs;
    // Faults may have put somebody on probation.
    await stage.settle(withinMs, withinMs + PROBATION_MS / SLOWEST_RATE);
    await stage.expectRest(6_000);
  },
};
