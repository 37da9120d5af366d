import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { annotate, createObjects } from "../support/cluster-objects.ts";
import { integration, type Scene, say } from "../support/integration.ts";
import { type ReplicaProcess, SHORT_LEASE_MS } from "../support/replica-process.ts";
import { never, until } from "../support/waiting.ts";

/** Replicas that cut the keys of one resource differently: 8 buckets and 16. */

const scene = integration(2);
const KEYS = 48;

function startWith(on: Scene, name: string, buckets: number): ReplicaProcess {
  return on.start(name, { resources: [{ resource: "configmaps", buckets }], note: String(buckets) });
}

/** Keys that are worked on all the time, so that two owners of one cannot miss each other. */
function busyKeys(on: Scene): Promise<string[]> {
  return createObjects(on.plane, on.namespace, "configmaps", KEYS, { "test/work": "sleep:30", "test/again": "20" });
}

/** Every key is worked on by replicas with `buckets`, and by nobody else any more. */
async function workedOnBy(on: Scene, keys: readonly string[], buckets: number, round: string): Promise<void> {
  await annotate(on.plane, "configmaps", keys, { "test/round": round });
  await until(
    `every key with ${buckets} buckets`,
    SHORT_LEASE_MS * 5,
    () => {
      const lines = on.fleet.sink().filter((line) => line.round === round && line.phase === "end");
      const done = new Set(lines.flatMap((line) => (line.note === String(buckets) ? [line.key] : [])));
      return keys.every((key) => done.has(key));
    },
    () => on.faults().join("\n"),
  );
}

/**
 * Changes one of `keys` after the other until it is told to end, each time by a round of its own. Nobody looks at them for any other reason, so
 * that a change is seen by who works then, or never. Answers the last round of each.
 */
async function changeInTurn(
  on: Scene,
  keys: readonly string[],
  prefix: string,
  ending: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const rounds = new Map<string, string>();
  for (let count = 0; !ending.aborted; count += 1) {
    const key = keys[count % keys.length] ?? "";
    rounds.set(key, `${prefix}-${count}`);
    await annotate(on.plane, "configmaps", [key], { "test/round": `${prefix}-${count}` });
    await delay(50);
  }
  return rounds;
}

async function allSeen(on: Scene, rounds: ReadonlyMap<string, string>): Promise<void> {
  await until(
    "the last change of every key to be worked on",
    SHORT_LEASE_MS * 5,
    () => lostIn(on, rounds).length === 0,
    () => lostIn(on, rounds).join(", "),
  );
}

function lostIn(on: Scene, rounds: ReadonlyMap<string, string>): string[] {
  const done = new Set(
    on.fleet.sink().flatMap(({ phase, key, round }) => (phase === "end" ? [`${key} ${round}`] : [])),
  );
  return [...rounds].map((pair) => pair.join(" ")).filter((change) => !done.has(change));
}

/** Longest time in which no key was begun, from `fromNs` until now. */
function longestPauseMs(on: Scene, fromNs: bigint): number {
  const begins = on.fleet.sink().flatMap((line) => (line.phase === "begin" && line.ns > fromNs ? [line.ns] : []));
  return [...begins, process.hrtime.bigint()].reduce(
    (longest, ns, index) => Math.max(longest, Number(ns - (begins[index - 1] ?? fromNs)) / 1e6),
    0,
  );
}

for (const [first, second] of [
  [8, 16],
  [16, 8],
] as const) {
  test.concurrent(`one key in two hands: a replica with ${second} buckets joins one with ${first}`, async (context) => {
    const on = await scene(context, `map-${first}-${second}`);
    const keys = await busyKeys(on);
    const a = startWith(on, "a", first);
    await on.allOwned(first);
    startWith(on, "b", second);
    await on.members(2);
    await never("two owners", SHORT_LEASE_MS * 2, () => on.faults()[0]);
    expect(new Set(on.fleet.sink().map(({ note }) => note))).toEqual(new Set([String(first)]));
    const stoppedNs = a.stop();
    expect(await a.exited).toEqual({ code: 0, signal: null });
    await workedOnBy(on, keys, second, "after");
    say(
      `${first} -> ${second} buckets by a stop: nobody worked for ${longestPauseMs(on, stoppedNs).toFixed(0)} ms at most`,
    );
    expect(on.faults()).toEqual([]);
  });
}

test.concurrent("one key in two hands: replicas with 8 and with 16 buckets start in an empty namespace at once", async (context) => {
  const on = await scene(context, "map-race");
  const keys = await busyKeys(on);
  startWith(on, "a", 8);
  startWith(on, "b", 16);
  await on.members(2);
  await never("two owners", SHORT_LEASE_MS * 3, () => on.faults()[0]);
  await annotate(on.plane, "configmaps", keys, { "test/round": "race" });
  await until("every key to be worked on by one of them", SHORT_LEASE_MS * 5, () => {
    const done = new Set(
      on.fleet.sink().flatMap((line) => (line.round === "race" && line.phase === "end" ? [line.key] : [])),
    );
    return keys.every((key) => done.has(key));
  });
  const notes = new Set(on.fleet.sink().flatMap(({ round, note }) => (round === "race" ? [note] : [])));
  say(`8 and 16 at once: ${[...notes].join(" and ")} buckets won`);
  expect(notes.size).toBe(1);
  expect(on.faults()).toEqual([]);
});

test.concurrent("one key in two hands, or keys in none: a rolling replacement of 8 buckets by 16 and back", async (context) => {
  const on = await scene(context, "map-rolling");
  const keys = await busyKeys(on);
  const quiet = keys.slice(0, KEYS / 3);
  await annotate(on.plane, "configmaps", quiet, { "test/work": null, "test/again": null });
  let current = [startWith(on, "a8", 8), startWith(on, "b8", 8)];
  await on.allOwned(8);
  await on.members(2);
  await delay(SHORT_LEASE_MS);
  const pauses: string[] = [];
  for (const [buckets, round] of [
    [16, "up"],
    [8, "down"],
  ] as const) {
    const sinceNs = process.hrtime.bigint();
    const next: ReplicaProcess[] = [];
    const rolled = new AbortController();
    const changes = changeInTurn(on, quiet, round, rolled.signal);
    for (const old of current) {
      next.push(startWith(on, `${round}${next.length}`, buckets));
      await on.members(3);
      old.stop();
      expect(await old.exited).toEqual({ code: 0, signal: null });
    }
    rolled.abort();
    const rounds = await changes;
    await allSeen(on, rounds);
    await workedOnBy(on, keys, buckets, round);
    await on.allOwned(buckets, SHORT_LEASE_MS * 4);
    pauses.push(
      `to ${buckets}: ${longestPauseMs(on, sinceNs).toFixed(0)} ms (${rounds.size} keys changed meanwhile, 0 lost)`,
    );
    current = next;
  }
  say(`rolling replacement 8 -> 16 -> 8, longest time in which nobody worked: ${pauses.join(", ")}`);
  expect(on.faults()).toEqual([]);
});
