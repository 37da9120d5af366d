import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { gateTerms, milliseconds } from "../../src/cli/demo/history.ts";
import { annotate, createObjects } from "../support/cluster-objects.ts";
import { integration, type Scene, say } from "../support/integration.ts";
import { type ReplicaOptions, type ReplicaProcess, SHORT_LEASE_MS } from "../support/replica-process.ts";
import { msBetween, never, until } from "../support/waiting.ts";

/** A replica that does not run for a while: frozen from outside, or blocked by its own handler. */

const scene = integration(2);
const SHARDS = 8;
const HALF = SHARDS / 2;

/** Each owns half of the shards, and both have known that for L. */
async function startBoth(
  on: Scene,
  options: Partial<ReplicaOptions> = {},
): Promise<{ a: ReplicaProcess; b: ReplicaProcess }> {
  const a = on.start("a", options);
  await on.allOwned(SHARDS);
  const b = on.start("b", options);
  await on.members(2);
  await on.balanced(SHARDS);
  await delay(SHORT_LEASE_MS);
  return { a, b };
}

/** Stops `a` until `b` owns everything, and one second longer; answers when it was woken. */
async function freezeUntilLost(on: Scene, a: ReplicaProcess): Promise<bigint> {
  a.freeze();
  await until(
    "b to own everything",
    SHORT_LEASE_MS * 4,
    () => on.fleet.replicas[1]?.transitions.filter(({ event }) => event === "gate-opened").length === SHARDS,
  );
  await delay(1_000);
  const wokenNs = process.hrtime.bigint();
  a.thaw();
  return wokenNs;
}

test.concurrent("a replica that slept through its Leases works on for shards that it lost", async (context) => {
  const on = await scene(context, "slept");
  await createObjects(on.plane, "slept", "configmaps", 80, { "test/again": "50" });
  const { a } = await startBoth(on);
  const wokenNs = await freezeUntilLost(on, a);
  await until("a to notice", 5_000, () => a.transitions.filter(({ event }) => event === "lease-lost").length === HALF);
  // It is given its share again, in new terms; nothing may run in one of the old ones.
  const slept = new Set(
    a.transitions.flatMap(({ event, epoch, ns }) => (event === "gate-opened" && ns < wokenNs ? [epoch] : [])),
  );
  expect(slept.size).toBe(SHARDS);
  await never("the woken replica works", SHORT_LEASE_MS, () => {
    const late = on.fleet
      .sink()
      .find((line) => line.pid === a.pid && line.phase === "begin" && line.ns > wokenNs && slept.has(line.epoch));
    return late === undefined ? undefined : `${late.key} in term ${late.epoch}`;
  });
  const noticedMs = milliseconds((a.transitions.findLast(({ event }) => event === "lease-lost")?.ns ?? 0n) - wokenNs);
  const runs = on.fleet.sink().filter(({ phase, ns }) => phase === "begin" && ns > wokenNs).length;
  say(
    `woken after more than L: 0 runs for the ${HALF} lost shards (the new owner: ${runs}), all given up ${noticedMs.toFixed(0)} ms after SIGCONT`,
  );
  expect(a.exit).toBeUndefined();
  expect(on.faults()).toEqual([]);
});

test.concurrent("a handler that slept through its Lease still writes, or its process goes on as if nothing had happened", async (context) => {
  const on = await scene(context, "slept-at-work");
  const keys = await createObjects(on.plane, "slept-at-work", "configmaps", 20);
  const { a } = await startBoth(on);
  await annotate(on.plane, "configmaps", keys, { "test/work": "latewrite:400", "test/round": "late" });
  await until(
    "handlers at work",
    5_000,
    () =>
      on.fleet.sink().filter((line) => line.pid === a.pid && line.round === "late" && line.phase === "begin").length >
      1,
  );
  const wokenNs = await freezeUntilLost(on, a);
  const exit = await a.exited;
  // What it had begun before is cut short by the death of the process, which writes nothing about its gates.
  const late = on.fleet.sink().filter((line) => line.pid === a.pid && line.phase !== "end" && line.ns > wokenNs);
  say(
    `woken with handlers at work: ${late.length} runs began or wrote; the process ended by ${exit.signal ?? `code ${exit.code}`}`,
  );
  expect(late).toEqual([]);
  expect([exit.code, exit.signal].some((how) => how === 3 || how === "SIGKILL")).toBe(true);
  await until("the new owner to have written every key", 10_000, () => {
    const written = new Set(
      on.fleet.sink().flatMap((line) => (line.phase === "written" && line.pid !== a.pid ? [line.key] : [])),
    );
    return keys.every((key) => written.has(key));
  });
});

test.concurrent("with onOverrun: report, a write of a term that is over passes", async (context) => {
  const on = await scene(context, "slept-reported");
  const keys = await createObjects(on.plane, "slept-reported", "configmaps", 20);
  const { a } = await startBoth(on, { configuration: { onOverrun: "report" } });
  await annotate(on.plane, "configmaps", keys, { "test/work": "latewrite:400", "test/round": "late" });
  await until(
    "handlers at work",
    5_000,
    () =>
      on.fleet.sink().filter((line) => line.pid === a.pid && line.round === "late" && line.phase === "begin").length >
      1,
  );
  const wokenNs = await freezeUntilLost(on, a);
  await until("the woken handlers to end", 5_000, () =>
    on.fleet.sink().some((line) => line.pid === a.pid && line.phase === "end" && line.ns > wokenNs),
  );
  await until(
    "a to notice",
    5_000,
    () => a.transitions.filter(({ event, ns }) => event === "queue-stopped" && ns > wokenNs).length === HALF,
  );
  const late = on.fleet.sink().filter((line) => line.pid === a.pid && line.ns > wokenNs);
  const overruns = a.lines.filter((line) => "overrun" in line);
  say(
    `the same, reported only: ${late.filter(({ phase }) => phase === "written").length} writes passed, ${overruns.length} overruns reported`,
  );
  expect(late.filter(({ phase }) => phase === "written" || phase === "begin")).toEqual([]);
  expect(overruns.length).toBeGreaterThan(0);
  expect(a.exit).toBeUndefined();
});

test.concurrent("a handler that never yields holds up the very timer that would end it", async (context) => {
  const on = await scene(context, "blocked");
  const keys = await createObjects(on.plane, "blocked", "configmaps", 20);
  await startBoth(on);
  await annotate(on.plane, "configmaps", keys.slice(0, 1), { "test/work": "block:30000", "test/round": "block" });
  const begun = await until("the blocking handler", 5_000, () =>
    on.fleet.sink().find(({ round }) => round === "block"),
  );
  const a = on.fleet.replicas.find(({ pid }) => pid === begun.pid);
  if (a === undefined) throw new Error("the blocking handler runs nowhere");
  // The next owner must not be blocked by the same order.
  const exited = a.exited;
  await annotate(on.plane, "configmaps", keys.slice(0, 1), { "test/work": "quick", "test/round": "after" });
  const exit = await exited;
  const diedNs = a.diedNs ?? 0n;
  await on.allOwned(SHARDS, SHORT_LEASE_MS * 4);
  const opened = gateTerms(on.fleet.transitions(), on.fleet.deaths()).filter(
    ({ replica, openedNs }) => replica !== a.name && openedNs > begun.ns,
  );
  const firstMs = Math.min(...opened.map(({ openedNs }) => msBetween(diedNs, openedNs)));
  say(
    `blocked event loop, V + Q = 2.4 s: dead ${msBetween(begun.ns, diedNs).toFixed(0)} ms after it began, ` +
      `${firstMs.toFixed(0)} ms before another replica opened a shard`,
  );
  expect(exit.signal).toBe("SIGKILL");
  expect(opened).toHaveLength(HALF);
  expect(firstMs).toBeGreaterThan(0);
  expect(a.lines.some((line) => line["overrun"] === begun.shard)).toBe(true);
  await until("the key at its new owner", 5_000, () =>
    on.fleet.sink().some(({ round, phase }) => round === "after" && phase === "end"),
  );
  expect(on.faults()).toEqual([]);
});
