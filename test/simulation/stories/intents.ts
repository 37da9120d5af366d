import { fewestMoves, loadsByLease } from "../fewest-moves.ts";
import type { Replica } from "../replica.ts";
import { CALM_MANNERS, SETTLES_WITHIN_MS, type Stage, type Story } from "../story.ts";

const OBEYED_WITHIN_MS = 8_000;

/** People drain, cordon, pin and freeze, and take it back: what they ask for is done with the fewest moves, and nothing else. */
export const intents: Story = {
  name: "intents",
  manners: CALM_MANNERS,
  clocks: "either",

  async play(stage) {
    const { world } = stage;
    stage.joinAll(3 + Math.floor(world.randomness.between(0, 2)), 3_000);
    stage.cluster.expectOpenings();
    stage.keepChanging(700);
    await stage.advance(3_000);
    await stage.settle(SETTLES_WITHIN_MS);
    // Every member has seen every other renew.
    await stage.advance(3_000);
    const acts = [drain, cordon, pin, freeze];
    for (let act = 0; act < 3; act += 1) {
      const before = stage.cluster.moves.length;
      await world.randomness.pick(acts)(stage, before);
      stage.outsider.withdrawIntents();
      await stage.settle(SETTLES_WITHIN_MS);
    }
    await stage.expectRest(10_000);
  },
};

async function drain(stage: Stage, before: number): Promise<void> {
  const { cluster, outsider } = stage;
  const one = anyOf(stage);
  const standing = loadsByLease(cluster);
  stage.world.note(`drain ${one.name}`);
  outsider.intend(one.name, "drain");
  await stage.advance(OBEYED_WITHIN_MS);
  const others = cluster.running.filter((replica) => replica !== one).map(({ name }) => name);
  stage.expectMoves(before, fewestMoves(standing, others), `when ${one.name} was drained by hand`);
  const left = loadsByLease(cluster).get(one.name) ?? 0;
  if (left > 0) stage.fail(`${one.name} has ${left} shards although it was drained`);
}

/** The cordoned member keeps what it has, also while others come and go. */
async function cordon(stage: Stage, before: number): Promise<void> {
  const { cluster, outsider } = stage;
  const one = anyOf(stage);
  const standing = loadsByLease(cluster).get(one.name) ?? 0;
  stage.world.note(`cordon ${one.name}`);
  outsider.intend(one.name, "cordon");
  await stage.advance(OBEYED_WITHIN_MS);
  stage.expectMoves(before, 0, `when ${one.name} was cordoned`);
  cluster.running.find((replica) => replica !== one)?.terminate();
  await stage.advance(OBEYED_WITHIN_MS);
  const gained = (loadsByLease(cluster).get(one.name) ?? 0) - standing;
  if (gained > 0) stage.fail(`${one.name} gained ${gained} shards although it is cordoned`);
  stage.join();
  await stage.advance(OBEYED_WITHIN_MS);
}

async function pin(stage: Stage): Promise<void> {
  const { world, cluster, outsider } = stage;
  const shard = world.randomness.pick(cluster.shards);
  const one = anyOf(stage);
  world.note(`pin ${shard} to ${one.name}`);
  outsider.pin(shard, one.name);
  await stage.advance(OBEYED_WITHIN_MS);
  stage.join();
  await stage.advance(OBEYED_WITHIN_MS);
  const holder = cluster.holderOf(shard);
  if (holder !== one.coordinator.identity) stage.fail(`${shard} is pinned to ${one.name} and held by ${holder}`);
}

/** Who joins gets nothing; who leaves gives everything. */
async function freeze(stage: Stage, before: number): Promise<void> {
  const { cluster, outsider } = stage;
  stage.world.note("freeze");
  outsider.freeze(true);
  await stage.advance(1_000);
  stage.join();
  await stage.advance(OBEYED_WITHIN_MS);
  stage.expectMoves(before, 0, "during a freeze");
  const one = anyOf(stage);
  const due = loadsByLease(cluster).get(one.name) ?? 0;
  one.terminate();
  await stage.advance(OBEYED_WITHIN_MS);
  stage.expectMoves(before, due, `when ${one.name} left during a freeze`);
}

function anyOf({ world, cluster }: Stage): Replica {
  return world.randomness.pick(cluster.running);
}
