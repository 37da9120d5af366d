import type { Replica } from "../replica.ts";
import { CALM_MANNERS, LONGEST_HANDOFF_MS, SETTLES_WITHIN_MS, type Stage, type Story } from "../story.ts";

/** Who is asked to stop reads of the others late, and is read late by them. */
const LATE = { lateRate: 0.5, lateMs: 700 };

/** A shard may be handed to somebody who stops, too, and be handed on: so many times the longest lateness, both ways. */
const LONGEST_PASSING_ON_MS = LONGEST_HANDOFF_MS + 6 * LATE.lateMs;

/**
 * Several replicas are told to stop within a moment of each other, as a Deployment does that is scaled in, on lines that are late: what one of them
 * hands to another, because it does not know yet that this one stops, too, is handed on, and waits for no Lease to expire.
 */
export const scaleIn: Story = {
  name: "scale-in",
  manners: CALM_MANNERS,
  clocks: "alike",

  async play(stage) {
    const { world, cluster } = stage;
    const replicas = 4 + Math.floor(world.randomness.between(0, 4));
    stage.joinAll(replicas, 3_000);
    stage.keepChanging(700);
    await stage.advance(3_000);
    await stage.settle(SETTLES_WITHIN_MS);
    for (const { link } of cluster.running) link.break(LATE);
    cluster.limitGaps(LONGEST_PASSING_ON_MS);
    const gone = stopMost(stage);
    await stage.settle(SETTLES_WITHIN_MS);
    const unclean = gone.filter(({ outcome }) => outcome !== "clean");
    if (unclean.length > 0) stage.fail(`${unclean.map(({ name, outcome }) => `${name} ended ${outcome}`).join(", ")}`);
    for (const { link } of cluster.running) link.heal("deliver");
    await stage.expectRest(10_000);
  },
};

/** All but two, some within a round trip of each other. */
function stopMost({ world, cluster }: Stage): readonly Replica[] {
  const gone = cluster.running.slice(2);
  const withinMs = world.randomness.pick([20, 300, 1_500] as const);
  for (const one of gone) world.after(world.randomness.between(0, withinMs), () => one.terminate());
  return gone;
}
