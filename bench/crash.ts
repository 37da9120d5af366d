/**
 * Crash: how long until the shards of a replica that was killed are owned again?
 *
 * Method. Once all shards are owned and settled, the replica that owns most is killed with SIGKILL, at a random moment of its renewals.
 * The time of a shard runs from the kill to the next gate that opens for it. Nobody may take a Lease before its duration has passed
 * since its last renewal, which was up to a retry period before the kill: figures below the lease duration are right.
 *
 * Peers: their gate opens with the callback for started leading. Each shard's Lease is renewed on its own there, too.
 * Not shown: proof of death by a Pod's status (`lease.proofOfDeath`), which needs a kubelet.
 */
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { durationMs, LONG, SHORT, USUAL } from "./arena/profile.ts";
import { type Answered, question, type SetName } from "./arena/question.ts";
import { type ContenderName, isPeer, type Setting, setting } from "./arena/setting.ts";
import type { Stage } from "./arena/stage.ts";
import { overlapsOf, takeOvers } from "./figures/ownership.ts";
import { quantile } from "./figures/quantiles.ts";
import { columnsOf, highlightOf, overlapGoals, overlapText, titleOf } from "./report/columns.ts";
import { distribution } from "./report/distribution.ts";
import { atMost, number, numbers, type Section, table, text } from "./report/section.ts";

const figuresSchema = z.object({
  /** Kill to owned again, for each shard of each killed replica, in milliseconds. */
  takeOvers: z.array(z.number()),
  /** How many of the dead replicas' shards there were. */
  lost: z.number(),
  overlaps: z.object({ count: z.number(), longestMs: z.number() }),
});

type Figures = z.output<typeof figuresSchema>;

/** A quick profile can be asked more than once. */
function rounds({ profile }: Setting): number {
  return durationMs(profile.duration) <= 5_000 ? 3 : 1;
}

async function measure(stage: Stage): Promise<Figures> {
  const { setting: cell } = stage;
  const times: number[] = [];
  let lost = 0;
  await stage.startAll();
  for (let round = 0; round < rounds(cell); round += 1) {
    if (round > 0) {
      stage.start();
      await stage.settled();
    }
    await delay(Math.random() * durationMs(cell.profile.retryPeriod));
    const held = stage.held();
    const most = Math.max(...held);
    const victim = stage.running[held.indexOf(most)]!;
    const diedNs = victim.kill();
    await victim.exited;
    await stage.allOwned();
    lost += most;
    times.push(...takeOvers(stage.terms(), victim.name, diedNs));
  }
  return { takeOvers: times, lost, overlaps: overlapsOf(stage.terms()) };
}

function settings(set: SetName): readonly Setting[] {
  const usual: readonly (readonly [ContenderName, number])[] = [
    ["per-shard", 16],
    ["client-go", 16],
    ["knative", 16],
    ["per-shard", 256],
    ["per-member", 256],
    ["client-go", 256],
  ];
  const quick = usual.map(([contender, shards]) => setting(contender, shards, 3, USUAL));
  if (set === "default") return quick;
  return [
    ...quick,
    setting("per-member", 1_024, 3, USUAL),
    ...usual.map(([contender, shards]) => setting(contender, shards, 3, SHORT)),
    ...usual.map(([contender, shards]) => setting(contender, shards, 10, USUAL)),
    setting("per-shard", 16, 3, USUAL, { latencyMs: 50 }),
    setting("client-go", 16, 3, USUAL, { latencyMs: 50 }),
    // At its own defaults; those of client-go are the usual ones.
    setting("knative", 16, 3, LONG),
  ];
}

function section(answered: readonly Answered<Figures>[]): Section {
  return {
    title: "How long until the shards of a killed replica are owned again?",
    parts: [
      text(
        "SIGKILL to the fullest replica of a fleet, to the next open gate of each of its shards. Goal: the last shard within the lease " +
          "duration and half a second.",
      ),
      table(
        [
          "who",
          "shards x replicas",
          "lease",
          "first / median / last shard, s",
          "last - lease duration, s",
          "taken of lost",
          "two owners at once",
        ],
        answered.map(({ setting: cell, figures }) => {
          const seconds = [0, 0.5, 1].map((q) => quantile(figures.takeOvers, q) / 1_000);
          return [
            ...columnsOf(cell),
            numbers(seconds),
            number(seconds[2]! - durationMs(cell.profile.duration) / 1_000),
            `${figures.takeOvers.length} of ${figures.lost}`,
            overlapText(figures.overlaps),
          ];
        }),
      ),
      {
        type: "chart",
        file: "crash.svg",
        caption: "Share of a killed replica's shards that were owned again after so long.",
        svg: () =>
          distribution(
            "From SIGKILL to owned again, ms",
            answered.map((one) => ({ name: titleOf(one.setting), values: one.figures.takeOvers })),
          ),
      },
    ],
    goals: [
      ...answered.flatMap(({ setting: cell, figures }) => {
        if (isPeer(cell.contender)) return [];
        const beyond = (quantile(figures.takeOvers, 1) - durationMs(cell.profile.duration)) / 1_000;
        return [atMost(`crash, last shard - lease duration: ${titleOf(cell)}`, 0.5, beyond, " s")];
      }),
      ...overlapGoals("crash", answered),
    ],
    highlight: highlightOf("until the last shard of a killed replica is owned again, s", answered, ({ takeOvers }) =>
      number(quantile(takeOvers, 1) / 1_000),
    ),
  };
}

export const crash = question({
  name: "crash",
  settings,
  seconds: (cell) =>
    10 +
    rounds(cell) *
      (2 + 1.5 * (durationMs(cell.profile.retryPeriod) / 1_000) + durationMs(cell.profile.duration) / 1_000),
  measure,
  figures: figuresSchema,
  section,
});
