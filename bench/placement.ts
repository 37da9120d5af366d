/**
 * How long does a plan take, how even is it, and how much does it move? Members join and leave one by one, with random departures
 * from a seed; every way of placing shards sees the same fleets.
 *
 * Time is of `plan` alone, in this process, after a warm-up, beside a loop of one Map look-up per shard as a measure of the machine.
 * `moves / minimum` divides by the fewest moves that keep each way's own placement as even as it can be: the share of a newcomer on a
 * join, what the departed held on a leave. Not shown: the time from a decision to a moved shard.
 *
 * Writes `bench/results/placement.json` and `placement.svg` (a plain SVG of bars); `--samples` says how many joins and leaves are timed.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import type { PlanMember } from "../src/placement/fleet.ts";
import { plan, targetOf } from "../src/placement/plan.ts";
import type { PlanShard } from "../src/placement/standing.ts";
import { barChart } from "./placement/chart.ts";
import { type Rival, rivals } from "./placement/rivals.ts";

interface Setting {
  readonly shards: number;
  readonly members: number;
  readonly resources: number;
  readonly zones: number;
}

const SETTINGS: readonly Setting[] = [
  { shards: 256, members: 10, resources: 8, zones: 1 },
  { shards: 1_024, members: 10, resources: 16, zones: 1 },
  { shards: 4_096, members: 100, resources: 16, zones: 1 },
  { shards: 4_096, members: 100, resources: 64, zones: 1 },
  { shards: 4_096, members: 100, resources: 64, zones: 3 },
  { shards: 4_096, members: 100, resources: 4_096, zones: 1 },
];
const COMPARED = SETTINGS.filter(({ zones, resources, shards }) => zones === 1 && (resources === 64 || shards < 4_096));
const WARM_UP = 50;
const COMPARED_STEPS = 10;

function nameOf({ shards, members, resources, zones }: Setting): string {
  return `${shards} x ${members}, ${resources} resources, ${zones === 1 ? "1 zone" : `${zones} zones`}`;
}

function shardsOf({ shards, resources }: Setting): readonly PlanShard[] {
  const each = shards / resources;
  return Array.from({ length: shards }, (_, index) => {
    const resource = `kind${String(Math.floor(index / each)).padStart(4, "0")}.example.com`;
    return { id: `${resource}-${String(index % each).padStart(2, "0")}`, resource, weight: 1 };
  });
}

/** Members that list their resources as those of a real fleet do, in maps of their own. */
function memberOf(setting: Setting, shards: readonly PlanShard[], index: number): PlanMember {
  const suffix = (Math.imul(index + 1, 2_654_435_761) >>> 0).toString(36);
  return {
    id: `controller-7d9c5b-${suffix}_${suffix}-${index}`,
    state: "ready",
    weight: 1,
    zone: `zone-${index % setting.zones}`,
    version: "7d9c5b",
    createdAtMs: index,
    resources: new Map(shards.map(({ resource }) => [resource, "hashring-1/64"])),
    seen: true,
    understood: true,
    probation: false,
  };
}

/** A small generator with a seed: the same departures in every run. */
function randomness(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Times {
  readonly setting: string;
  readonly join: readonly number[];
  readonly leave: readonly number[];
  readonly unchanged: readonly number[];
  readonly lookUps: readonly number[];
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function timesOf(setting: Setting, samples: number): Times {
  const shards = shardsOf(setting);
  const random = randomness(7);
  let members = Array.from({ length: setting.members }, (_, index) => memberOf(setting, shards, index));
  let holders: ReadonlyMap<string, string> = new Map();
  let created = setting.members;
  let made = plan(members, shards, holders);
  const carryOut = () => {
    const before = holders;
    holders = new Map(shards.map(({ id }) => [id, targetOf(made, before, id) ?? ""]));
  };
  carryOut();
  const times = { join: [] as number[], leave: [] as number[], unchanged: [] as number[], lookUps: [] as number[] };
  for (let round = -WARM_UP; round < samples; round += 1) {
    members = members.concat(memberOf(setting, shards, created));
    created += 1;
    const join = timed(() => {
      made = plan(members, shards, holders);
    });
    carryOut();
    let found = 0;
    const lookUps = timed(() => {
      for (const { id } of shards) if (holders.get(id) !== undefined) found += 1;
    });
    if (found !== shards.length) throw new Error(`${shards.length - found} shards were left without a holder`);
    const unchanged = timed(() => {
      made = plan(members, shards, holders);
    });
    if (made.moves.size > 0) throw new Error(`${made.moves.size} shards moved although nothing changed`);
    members = members.toSpliced(random(members.length), 1);
    const leave = timed(() => {
      made = plan(members, shards, holders);
    });
    carryOut();
    if (round < 0) continue;
    times.join.push(join);
    times.leave.push(leave);
    times.unchanged.push(unchanged);
    times.lookUps.push(lookUps);
  }
  return { setting: nameOf(setting), ...times };
}

interface Compared {
  readonly setting: string;
  readonly rival: string;
  readonly fullestToMean: number;
  readonly joinMovesToMinimum: number;
  readonly leaveMovesToMinimum: number;
}

function compare(setting: Setting, rival: Rival): Compared {
  const shards = shardsOf(setting);
  const random = randomness(7);
  let members = Array.from({ length: setting.members }, (_, index) => memberOf(setting, shards, index));
  let holders = rival.place(members, shards, new Map());
  const fullest: number[] = [];
  const joins: number[] = [];
  const leaves: number[] = [];
  const step = (next: readonly PlanMember[]): number => {
    const before = holders;
    holders = rival.place(next, shards, before);
    fullest.push((Math.max(...loadsOf(holders).values()) / shards.length) * next.length);
    return shards.filter(({ id }) => before.get(id) !== holders.get(id)).length;
  };
  for (let round = 0; round < COMPARED_STEPS; round += 1) {
    members = members.concat(memberOf(setting, shards, setting.members + round));
    joins.push(step(members) / Math.floor(shards.length / members.length));
    const going = members[random(members.length)]!;
    const held = loadsOf(holders).get(going.id) ?? 0;
    members = members.filter((member) => member !== going);
    const moved = step(members);
    if (held > 0) leaves.push(moved / held);
  }
  return {
    setting: `${setting.shards} x ${setting.members}`,
    rival: rival.name,
    fullestToMean: Math.max(...fullest),
    joinMovesToMinimum: mean(joins),
    leaveMovesToMinimum: mean(leaves),
  };
}

function loadsOf(holders: ReadonlyMap<string, string>): ReadonlyMap<string, number> {
  const loads = new Map<string, number>();
  for (const member of holders.values()) loads.set(member, (loads.get(member) ?? 0) + 1);
  return loads;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((one, other) => one - other)[Math.min(values.length - 1, Math.floor(values.length * share))]!;
}

function inMs(values: readonly number[]): string {
  return `${quantile(values, 0.5).toFixed(3)} / ${quantile(values, 0.99).toFixed(3)}`;
}

function show(times: readonly Times[], compared: readonly Compared[]): void {
  const speed = new Table({
    head: ["plan, ms p50 / p99", "join", "leave", "unchanged", "one look-up each", "unchanged / look-ups"],
  });
  for (const { setting, join: joined, leave, unchanged, lookUps } of times) {
    const ratio = quantile(unchanged, 0.5) / quantile(lookUps, 0.5);
    speed.push([setting, inMs(joined), inMs(leave), inMs(unchanged), inMs(lookUps), ratio.toFixed(2)]);
  }
  const quality = new Table({ head: ["shards x members", "way", "fullest / mean", "moves / minimum: join", "leave"] });
  for (const { setting, rival, fullestToMean, joinMovesToMinimum, leaveMovesToMinimum } of compared) {
    quality.push([
      setting,
      rival,
      fullestToMean.toFixed(2),
      joinMovesToMinimum.toFixed(2),
      leaveMovesToMinimum.toFixed(2),
    ]);
  }
  process.stdout.write(`${speed.toString()}\n${quality.toString()}\n`);
}

const { values } = parseArgs({ options: { samples: { type: "string", default: "200" } } });
const samples = Number(values.samples);
if (!Number.isInteger(samples) || samples < 1) {
  process.stderr.write(`--samples must be a whole number, 1 or more, but is ${values.samples}\n`);
  process.exit(2);
}
const times = SETTINGS.map((setting) => timesOf(setting, samples));
const compared = COMPARED.flatMap((setting) => rivals().map((rival) => compare(setting, rival)));
show(times, compared);

const results = join(import.meta.dirname, "results");
mkdirSync(results, { recursive: true });
const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model, loadAverage: loadavg() };
writeFileSync(
  join(results, "placement.json"),
  `${JSON.stringify({ machine, samples, times, compared }, undefined, 1)}\n`,
);
const bars = (read: (row: Compared) => number) => (setting: string) => ({
  title: setting,
  bars: compared.filter((row) => row.setting === setting).map((row) => ({ series: row.rival, value: read(row) })),
});
const settings = [...new Set(compared.map(({ setting }) => setting))];
writeFileSync(
  join(results, "placement.svg"),
  barChart(
    "Left: fullest member / mean. Right: moves / minimum on a join. 1.00 is the optimum; each group has its own scale, of square roots.",
    [...settings.map(bars((row) => row.fullestToMean)), ...settings.map(bars((row) => row.joinMovesToMinimum))],
  ),
);
process.stdout.write("written: bench/results/placement.json, bench/results/placement.svg\n");
