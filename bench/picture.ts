/**
 * Picture: who owns which shard, over time, while one thing after the other happens to a fleet of three?
 *
 * Method. At 3/2/0.5 s, with 16 shards: the fullest replica is stopped gracefully, a new one joins, and the then fullest is killed. Each
 * contender goes through the same story on the same API server. Terms are from the gates that the replicas logged; where nobody's gate is
 * open a row is red. A gap of milliseconds is thinner than a pixel and drawn as one, so that none is hidden by the scale.
 */
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { milliseconds } from "../src/cli/demo/history.ts";
import { SHORT } from "./arena/profile.ts";
import { type Answered, question } from "./arena/question.ts";
import { CONTENDER_TITLES, type Setting, setting } from "./arena/setting.ts";
import type { Stage } from "./arena/stage.ts";
import { overlapsOf } from "./figures/ownership.ts";
import { overlapGoals, overlapText } from "./report/columns.ts";
import { type Section, table, text } from "./report/section.ts";
import { timeline } from "./report/timeline.ts";

/** Calm before the first event and after each. */
const CALM_MS = 2_000;

const figuresSchema = z.object({
  /** Milliseconds since the picture's left edge. */
  events: z.array(z.object({ ms: z.number(), what: z.string() })),
  endMs: z.number(),
  terms: z.array(
    z.object({ shard: z.string(), replica: z.string(), openedMs: z.number(), closedMs: z.number().nullable() }),
  ),
  overlaps: z.object({ count: z.number(), longestMs: z.number() }),
});

export type Story = z.output<typeof figuresSchema>;

async function measure(stage: Stage): Promise<Story> {
  await stage.startAll();
  const startNs = process.hrtime.bigint();
  const events: Story["events"] = [];
  const note = (what: string): void => {
    events.push({ ms: milliseconds(process.hrtime.bigint() - startNs), what });
  };
  const fullest = () => {
    const held = stage.held();
    return stage.running[held.indexOf(Math.max(...held))]!;
  };
  await delay(CALM_MS);
  const leaver = fullest();
  note(`${leaver.name} stops`);
  leaver.stop();
  await leaver.exited;
  await stage.allOwned();
  await delay(CALM_MS);
  note(`${stage.start().name} starts`);
  await stage.settled();
  await delay(CALM_MS);
  const victim = fullest();
  note(`${victim.name} is killed`);
  victim.kill();
  await victim.exited;
  await stage.allOwned();
  await delay(CALM_MS);
  const terms = stage.terms();
  return {
    events,
    endMs: milliseconds(process.hrtime.bigint() - startNs),
    terms: terms.map(({ shard, replica, openedNs, closedNs }) => ({
      shard,
      replica,
      openedMs: milliseconds(openedNs - startNs),
      closedMs: closedNs === undefined ? null : milliseconds(closedNs - startNs),
    })),
    overlaps: overlapsOf(terms),
  };
}

function settings(): readonly Setting[] {
  return (["per-shard", "client-go", "knative"] as const).map((contender) => setting(contender, 16, 3, SHORT));
}

function section(answered: readonly Answered<Story>[]): Section {
  return {
    title: "Who owns which shard, over time?",
    parts: [
      text(
        "The same story for everybody, at 3/2/0.5 s: the fullest of three replicas is stopped, another starts, the then fullest is killed.",
      ),
      {
        type: "chart",
        file: "picture.svg",
        caption:
          "Ownership over time, at 3/2/0.5 s: a stop, a join, a kill; one row per shard, one colour per replica, red where nobody owns the shard.",
        svg: () =>
          timeline(
            answered.map(({ setting: cell, figures }) => ({ title: CONTENDER_TITLES[cell.contender], story: figures })),
          ),
      },
      table(
        ["who", "two owners at once"],
        answered.map(({ setting: cell, figures }) => [CONTENDER_TITLES[cell.contender], overlapText(figures.overlaps)]),
      ),
    ],
    goals: overlapGoals("picture", answered),
  };
}

export const picture = question({
  name: "picture",
  settings,
  seconds: () => 22,
  measure,
  figures: figuresSchema,
  section,
});
