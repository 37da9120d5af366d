/**
 * Scale-out: how long until the shards are spread evenly over one replica more, and how many of them move?
 *
 * Method. Once the fleet has settled, one replica (or nine, from 1 to 10) is started. Time counts from when the API server acknowledged
 * the new member's Lease - its `creationTimestamp` is in whole seconds, so the event of its creation on a watch of the benchmark's own
 * stands for it - to the last gate that opened in the new spread; starting a process is not placement, but is told too. The fewest moves
 * are those that make all members floor or ceil of shards / members. Objects, where there are some, are ConfigMaps with nothing to do;
 * the last of those that moved is reconciled by its new owner when the sink of the handlers says so.
 *
 * Peers: client-go and Knative race for Leases and keep what they have, so that a newcomer gets nothing: there is nothing to measure.
 * kubernetes-controller-sharding moved 1,000 objects over 3 to 4 replicas in 2.0 to 3.2 s on such a machine (measured once, not in this run).
 */
import { z } from "zod";
import { watchLeases } from "./arena/lease-watch.ts";
import { createObjects } from "./arena/objects.ts";
import { USUAL } from "./arena/profile.ts";
import { type Answered, question, type SetName } from "./arena/question.ts";
import { type Setting, setting } from "./arena/setting.ts";
import type { Stage } from "./arena/stage.ts";
import { fewestMoves, movementSince, overlapsOf } from "./figures/ownership.ts";
import { summaryOf } from "./figures/quantiles.ts";
import { columnsOf, overlapGoals, overlapText, titleOf } from "./report/columns.ts";
import { distribution } from "./report/distribution.ts";
import { atMost, type Highlight, number, numbers, type Section, table, text } from "./report/section.ts";

const figuresSchema = z.object({
  joined: z.number(),
  /** From the newest member Lease to the last gate that opened, in milliseconds. */
  balancedMs: z.number(),
  /** From the start of the first new process. */
  sinceStartMs: z.number(),
  /** From the first gate that closed for a move to the last that opened. */
  movingMs: z.number(),
  /** To the first reconcile of the last object that moved; `null` where there are no objects. */
  reconciledMs: z.number().nullable(),
  moves: z.number(),
  fewestMoves: z.number(),
  gaps: z.array(z.number()),
  /** Shards of each replica in the end. */
  held: z.array(z.number()),
  overlaps: z.object({ count: z.number(), longestMs: z.number() }),
});

type Figures = z.output<typeof figuresSchema>;

function newcomers({ replicas }: Setting): number {
  return replicas === 1 ? 9 : 1;
}

async function measure(stage: Stage): Promise<Figures> {
  const { setting: cell } = stage;
  if (cell.objects > 0) await createObjects(stage, cell.objects);
  await stage.startAll();
  if (cell.objects > 0)
    await stage.until("every object to be reconciled", () => keysSince(stage, 0n).size >= cell.objects);
  const before = stage.held();
  const joined = newcomers(cell);
  const firstSeenNs = new Map<string, bigint>();
  const { coordination } = stage.server.connection;
  const members = await watchLeases(coordination, stage.namespace, "member", ({ name, ns }) => {
    if (!firstSeenNs.has(name)) firstSeenNs.set(name, ns);
  });
  const startedNs = process.hrtime.bigint();
  for (let count = 0; count < joined; count += 1) stage.start();
  await stage.settled();
  members.stop();
  const newest = [...firstSeenNs.values()].filter((ns) => ns > startedNs).toSorted(ascending);
  // With several newcomers, the fleet is whole when the last of them has joined.
  const joinedNs = newest.at(-1);
  if (joinedNs === undefined || newest.length !== joined)
    throw new Error(`${newest.length} of ${joined} members were seen`);
  const terms = stage.terms();
  const movement = movementSince(terms, startedNs);
  const shiftMs = Number(joinedNs - startedNs) / 1e6;
  const reconciledNs = cell.objects > 0 ? lastReconcile(stage, startedNs) : undefined;
  return {
    joined,
    balancedMs: Math.max(0, movement.untilLastMs - shiftMs),
    sinceStartMs: movement.untilLastMs,
    movingMs: movement.movingMs,
    reconciledMs: reconciledNs === undefined ? null : Number(reconciledNs - joinedNs) / 1e6,
    moves: movement.moves,
    fewestMoves: fewestMoves([...before, ...Array.from({ length: joined }, () => 0)], cell.replicas + joined),
    gaps: [...movement.gaps],
    held: stage.held(),
    overlaps: overlapsOf(terms),
  };
}

function ascending(one: bigint, other: bigint): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function keysSince(stage: Stage, sinceNs: bigint): ReadonlySet<string> {
  return new Set(stage.fleet.sink().flatMap(({ key, ns }) => (ns > sinceNs ? [key] : [])));
}

/** The last of the first reconciles that the newcomers' processes made. */
function lastReconcile(stage: Stage, sinceNs: bigint): bigint | undefined {
  const old = new Set(stage.fleet.replicas.slice(0, stage.setting.replicas).map(({ pid }) => pid));
  const first = new Map<string, bigint>();
  for (const { key, ns, pid, phase } of stage.fleet.sink()) {
    if (phase === "end" && ns > sinceNs && !old.has(pid) && !first.has(key)) first.set(key, ns);
  }
  return [...first.values()].toSorted(ascending).at(-1);
}

function settings(set: SetName): readonly Setting[] {
  const quick = [
    setting("per-shard", 16, 3, USUAL),
    setting("per-shard", 64, 3, USUAL, { objects: 1_000 }),
    setting("per-shard", 256, 3, USUAL),
    setting("per-member", 256, 3, USUAL),
    setting("per-member", 1_000, 3, USUAL),
  ];
  if (set === "default") return quick;
  return [
    ...quick,
    setting("per-shard", 16, 1, USUAL),
    setting("per-shard", 256, 1, USUAL),
    setting("per-member", 256, 1, USUAL),
    setting("per-member", 1_000, 1, USUAL),
    setting("per-shard", 64, 3, USUAL, { objects: 1_000, latencyMs: 5 }),
    setting("per-shard", 64, 3, USUAL, { objects: 1_000, latencyMs: 50 }),
  ];
}

/** From 3 to 4 replicas, without added latency. */
function goalSeconds({ shards, objects, replicas, latencyMs }: Setting): number | undefined {
  if (replicas !== 3 || latencyMs > 0) return undefined;
  return shards === 64 && objects === 1_000 ? 0.3 : shards === 1_000 ? 1 : undefined;
}

function newcomerHighlight(answered: readonly Answered<Figures>[]): Highlight | undefined {
  const cell = answered.find(
    ({ setting: { objects, latencyMs, replicas } }) => objects > 0 && latencyMs === 0 && replicas === 3,
  );
  if (cell === undefined) return undefined;
  const { balancedMs, moves, fewestMoves: fewest } = cell.figures;
  return {
    what: "until a newcomer has its share of 1,000 objects in 64 shards, s",
    figures: [`${number(balancedMs / 1_000)} (${moves} moves, ${fewest} needed)`, "never", "never"],
  };
}

function section(answered: readonly Answered<Figures>[]): Section {
  const rows = answered.map(({ setting: cell, figures }) => {
    const [who, , lease] = columnsOf(cell);
    const gaps = summaryOf(figures.gaps);
    return [
      who,
      `${cell.shards.toLocaleString("en-US")}${cell.objects > 0 ? ` (${cell.objects.toLocaleString("en-US")} objects)` : ""}`,
      `${cell.replicas} to ${cell.replicas + figures.joined}`,
      lease,
      number(figures.balancedMs / 1_000),
      figures.reconciledMs === null ? "" : number(figures.reconciledMs / 1_000),
      `${figures.moves} / ${figures.fewestMoves}`,
      number(figures.moves / (figures.movingMs / 1_000)),
      gaps === undefined ? "-" : numbers([gaps.p50, gaps.p99]),
      overlapText(figures.overlaps),
    ];
  });
  const none = ["client-go", "Knative"].map((who) => [
    who,
    "any",
    "",
    "",
    "no such operation",
    "",
    "none: a newcomer gets nothing",
    "",
    "",
    "",
  ]);
  return {
    title: "How long until a replica that joins has its share?",
    parts: [
      text(
        "From the new member's Lease (of the last one, where several join) to the last gate that opens in the even spread. Goals: 0.3 s for " +
          "1,000 objects in 64 shards, where kubernetes-controller-sharding took 2.0 to 3.2 s on such a machine; 1 s for 1,000 shards; no move " +
          "above the fewest.",
      ),
      table(
        [
          "who",
          "shards",
          "replicas",
          "lease",
          "until balanced, s",
          "until reconciled, s",
          "moves / fewest",
          "handoffs per s",
          "gap, ms p50 / p99",
          "two owners at once",
        ],
        [...rows, ...none],
      ),
      {
        type: "chart",
        file: "scale-out.svg",
        caption: "Share of the moved shards that were without an owner for at most so long.",
        svg: () =>
          distribution(
            "Time without an owner of a shard that moves to a newcomer, ms",
            answered.map(({ setting: cell, figures }) => ({ name: titleOf(cell), values: figures.gaps })),
          ),
      },
    ],
    goals: [
      ...answered.flatMap(({ setting: cell, figures }) => {
        const fewest = atMost(`scale-out, moves / fewest: ${titleOf(cell)}`, 1, figures.moves / figures.fewestMoves);
        const fullest = atMost(
          `scale-out, fullest member: ${titleOf(cell)}`,
          Math.ceil(cell.shards / figures.held.length),
          Math.max(...figures.held),
          " shards",
        );
        const seconds = goalSeconds(cell);
        if (seconds === undefined) return [fewest, fullest];
        return [
          atMost(`scale-out, until balanced: ${titleOf(cell)}`, seconds, figures.balancedMs / 1_000, " s"),
          fewest,
          fullest,
        ];
      }),
      ...overlapGoals("scale-out", answered),
    ],
    highlight: newcomerHighlight(answered),
  };
}

export const scaleOut = question({
  name: "scale-out",
  settings,
  seconds: ({ shards, replicas }) => 15 + shards / 100 + (replicas === 1 ? 15 : 0),
  measure,
  figures: figuresSchema,
  section,
});
