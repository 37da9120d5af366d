import { USUAL_LEASE } from "../replica.ts";
import { CALM_MANNERS, LONGEST_HANDOFF_MS, longestLifeMs, SETTLES_WITHIN_MS, type Story } from "../story.ts";

const FLAPS = 10;
/** Comings and goings that cost moves: with the third going it is on probation. A death is known only one expiry later. */
const FLAPS_THAT_MOVE = { leaves: 3, dies: 6 };

/** It has seen every other member renew by then, and knows whom it may hand its shards to when it leaves. */
const SEES_OTHERS_AFTER_MS = USUAL_LEASE.retryPeriodMs + 500;

/** One member comes and goes and comes again: the others do not thrash for it, and are never without work. */
export const flappingMember: Story = {
  name: "flapping-member",
  manners: CALM_MANNERS,
  clocks: "alike",

  async play(stage) {
    const { world, cluster } = stage;
    const steady = 2 + Math.floor(world.randomness.between(0, 3));
    stage.joinAll(steady, 3_000);
    cluster.expectOpenings();
    stage.keepChanging(700);
    await stage.advance(3_000);
    await stage.settle(SETTLES_WITHIN_MS);
    const way = world.randomness.chance(0.3) ? "dies" : "leaves";
    cluster.limitGaps(LONGEST_HANDOFF_MS + (way === "dies" ? longestLifeMs({}) : 0));
    const before = cluster.moves.length;
    for (let flap = 1; flap <= FLAPS; flap += 1) {
      const member = stage.join({ name: `flap${flap}`, podName: "flap" });
      await stage.advance(world.randomness.between(SEES_OTHERS_AFTER_MS, 8_000));
      if (way === "dies") member.kill();
      else member.terminate();
      await stage.advance(world.randomness.between(200, 6_000));
    }
    await stage.settle(SETTLES_WITHIN_MS);
    // What it gets is the floor or the ceil of an even share, and the same shards come back.
    const share = Math.ceil(cluster.shards.length / (steady + 1));
    const moves = cluster.moves.length - before;
    const most = 2 * share * FLAPS_THAT_MOVE[way];
    if (moves > most)
      stage.fail(
        `${moves} moves, and at most ${most} are due, when one member of ${steady + 1} ${way} and comes back ${FLAPS} times`,
      );
    await stage.expectRest(10_000);
  },
};
