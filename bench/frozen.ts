/**
 * Frozen: what does a replica do for shards that it no longer holds, after it stood still for longer than its Leases?
 *
 * Method. All replicas work without a pause: every object is due again 200 ms after it was reconciled. The replica that owns most is
 * stopped by SIGSTOP - a machine that hangs, a paused virtual machine - for two lease durations, so that others own its shards, and is
 * woken by SIGCONT under that load. Counted at the sink, which all handlers write to: reconciles that the woken process *began* for
 * a shard whose next owner's gate had opened by then. Reconciles that it had begun before it was frozen are no such ones.
 *
 * Peers. client-go has a work queue and a worker for each shard that end with the context of its term, as controllers are written;
 * Knative's worker asks before each key whether it leads the key's bucket. Their keys are made up and their work is the same two lines
 * to the sink. A client-go leader that wakes goes on for up to its renew deadline and a retry period, longer than is counted here.
 * None of them fences a write, so that each such reconcile could have been a write beside the new owner's.
 */
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { createObjects } from "./arena/objects.ts";
import { durationMs, SHORT, USUAL } from "./arena/profile.ts";
import { type Answered, question, type SetName } from "./arena/question.ts";
import { isPeer, type Setting, setting } from "./arena/setting.ts";
import type { Stage } from "./arena/stage.ts";
import { overlapsOf } from "./figures/ownership.ts";
import { workForOthers } from "./figures/sink.ts";
import { columnsOf, highlightOf, overlapGoals, titleOf } from "./report/columns.ts";
import { atMost, number, type Section, table, text } from "./report/section.ts";

/** Reconciles are counted for so long after the process was woken; who still works for others then is said to go on. */
const AFTER_MS = 4_000;
/** Nearer to the end of the count than the time between two looks at a key. */
const GOING_ON_MS = AFTER_MS - 500;
const AGAIN_MS = 200;

const figuresSchema = z.object({
  frozenMs: z.number(),
  lostShards: z.number(),
  /** Reconciles that all replicas made per second before the freeze. */
  reconcilesPerSecond: z.number(),
  /** Reconciles begun for shards of others, and how long after the process was woken the last of them was. */
  forOthers: z.number(),
  objectsForOthers: z.number(),
  lastAfterMs: z.number().nullable(),
  /** Times in which two replicas had an open gate for one shard, by what they say themselves. */
  overlaps: z.object({ count: z.number(), longestMs: z.number() }),
});

type Figures = z.output<typeof figuresSchema>;

async function measure(stage: Stage): Promise<Figures> {
  const { setting: cell } = stage;
  await createObjects(stage, cell.objects, { "test/again": String(AGAIN_MS) });
  await stage.startAll();
  await stage.until("every object to be reconciled", () => {
    return new Set(stage.fleet.sink().map(({ key }) => key)).size >= cell.objects;
  });
  const countedNs = process.hrtime.bigint();
  await delay(2_000);
  const begun = stage.fleet.sink().filter(({ phase, ns }) => phase === "begin" && ns > countedNs).length;
  const reconcilesPerSecond = begun / (Number(process.hrtime.bigint() - countedNs) / 1e9);
  const held = stage.held();
  const most = Math.max(...held);
  const victim = stage.running[held.indexOf(most)]!;
  const frozenNs = process.hrtime.bigint();
  victim.freeze();
  await delay(2 * durationMs(cell.profile.duration));
  const wokenNs = process.hrtime.bigint();
  victim.thaw();
  await delay(AFTER_MS);
  const terms = stage.terms();
  const late = workForOthers(stage.fleet.sink(), terms, victim, wokenNs);
  const lastNs = late.at(-1)?.ns;
  return {
    frozenMs: Number(wokenNs - frozenNs) / 1e6,
    lostShards: most,
    reconcilesPerSecond,
    forOthers: late.length,
    objectsForOthers: new Set(late.map(({ key }) => key)).size,
    lastAfterMs: lastNs === undefined ? null : Number(lastNs - wokenNs) / 1e6,
    overlaps: overlapsOf(terms),
  };
}

function settings(set: SetName): readonly Setting[] {
  const load = { objects: 320 };
  const quick = [
    setting("per-shard", 16, 3, USUAL, load),
    setting("client-go", 16, 3, USUAL, load),
    setting("knative", 16, 3, USUAL, load),
  ];
  if (set === "default") return quick;
  return [
    ...quick,
    setting("per-member", 16, 3, USUAL, load),
    setting("per-shard", 256, 3, USUAL, { objects: 1_000 }),
    setting("per-shard", 16, 3, SHORT, load),
    setting("per-member", 16, 3, SHORT, load),
    setting("client-go", 16, 3, SHORT, load),
  ];
}

function lastText(ms: number | null): string {
  if (ms === null) return "";
  return ms >= GOING_ON_MS ? "still going on" : number(ms);
}

function section(answered: readonly Answered<Figures>[]): Section {
  return {
    title: "What does a replica do after it was frozen?",
    parts: [
      text(
        "A replica is frozen by SIGSTOP for two lease durations and woken while everybody works. Its reconciles for shards that others own by " +
          "then are counted at the sink. Goal: none. kubernetes-controller-sharding: 24 to 28 objects (measured once, not in this run).",
      ),
      table(
        [
          "who",
          "shards x replicas",
          "lease",
          "reconciles per s before",
          "shards lost",
          "reconciles for others' shards in 4 s",
          "objects",
          "the last after, ms",
          "gates open at once",
        ],
        answered.map(({ setting: cell, figures }) => [
          ...columnsOf(cell),
          number(figures.reconcilesPerSecond),
          String(figures.lostShards),
          figures.forOthers === 0 ? "0" : `**${figures.forOthers}**`,
          String(figures.objectsForOthers),
          lastText(figures.lastAfterMs),
          `${figures.overlaps.count}`,
        ]),
      ),
    ],
    goals: [
      ...answered
        .filter(({ setting: cell }) => !isPeer(cell.contender))
        .map(({ setting: cell, figures }) =>
          atMost(`frozen, reconciles for shards of others: ${titleOf(cell)}`, 0, figures.forOthers),
        ),
      ...overlapGoals("frozen", answered),
    ],
    highlight: highlightOf("reconciles for shards of others in 4 s after a freeze", answered, ({ forOthers }) =>
      forOthers.toLocaleString("en-US"),
    ),
  };
}

export const frozen = question({
  name: "frozen",
  settings,
  seconds: (cell) => 10 + (2 * durationMs(cell.profile.duration) + AFTER_MS) / 1_000,
  measure,
  figures: figuresSchema,
  section,
});
