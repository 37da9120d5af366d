import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { gateTerms, milliseconds } from "../../src/cli/demo/history.ts";
import { createObjects } from "../support/cluster-objects.ts";
import { adminKubeconfig } from "../support/control-plane-access.ts";
import { integration, type Scene, say } from "../support/integration.ts";
import { type ReplicaProcess, SHORT_LEASE_MS } from "../support/replica-process.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { msBetween, never, until } from "../support/waiting.ts";

/** A replica whose line to the API server fails: held back in both directions, in one, or reset again and again. */

const scene = integration();
const SHARDS = 8;
const BUSY = { "test/work": "sleep:20", "test/again": "5" };

/** A kubeconfig that goes through `proxy`. */
function through(on: Scene, proxy: TcpProxy, name: string): string {
  return on.fleet.write(`${name}.kubeconfig`, adminKubeconfig(on.plane.info, proxy.url));
}

/** `a` behind a proxy owns half of the shards; `b`, which is not behind it, owns the others and has known that for L. */
async function startCutOff(on: Scene, proxy: TcpProxy): Promise<{ a: ReplicaProcess; b: ReplicaProcess }> {
  const a = on.start("a", { kubeconfig: through(on, proxy, "a") });
  await on.allOwned(SHARDS);
  const b = on.start("b");
  await on.members(2);
  await on.balanced(SHARDS);
  await delay(SHORT_LEASE_MS);
  expect([...on.owners().values()].filter((owner) => owner === "a")).toHaveLength(SHARDS / 2);
  return { a, b };
}

/** Both sides of the change of owner, from the moment when the line was cut. */
async function expectTakeover(on: Scene, cutNs: bigint, how: string): Promise<void> {
  await until(
    "b to own everything",
    SHORT_LEASE_MS * 4,
    () => [...on.owners().values()].filter((owner) => owner === "b").length === SHARDS,
  );
  const terms = gateTerms(on.fleet.transitions(), on.fleet.deaths());
  const closed = terms
    .filter(({ replica, closedNs }) => replica === "a" && (closedNs === undefined || closedNs > cutNs))
    .map(({ closedNs }) => closedNs);
  const opened = terms
    .filter(({ replica, openedNs }) => replica === "b" && openedNs > cutNs)
    .map(({ openedNs }) => openedNs);
  expect(closed).toHaveLength(SHARDS / 2);
  expect(closed).not.toContain(undefined);
  expect(opened).toHaveLength(SHARDS / 2);
  const closedMs = closed.map((ns) => msBetween(cutNs, ns ?? 0n));
  const openedMs = opened.map((ns) => msBetween(cutNs, ns));
  say(
    `${how}, L 3 s, V 2 s: gates closed ${Math.min(...closedMs).toFixed(0)}-${Math.max(...closedMs).toFixed(0)} ms, ` +
      `others opened ${Math.min(...openedMs).toFixed(0)}-${Math.max(...openedMs).toFixed(0)} ms after the cut`,
  );
  expect(Math.max(...closedMs)).toBeLessThan(Math.min(...openedMs));
  expect(on.faults()).toEqual([]);
}

/** Once healed, `a` is a member like any other: it takes over when `b` stops. */
async function expectPartAgain(on: Scene, proxy: TcpProxy, b: ReplicaProcess): Promise<void> {
  const healedNs = process.hrtime.bigint();
  proxy.heal();
  await on.members(2);
  // Long enough for both to know each other again, and for late requests to arrive and do harm.
  await never("two owners after the line was healed", SHORT_LEASE_MS, () => on.faults()[0]);
  b.stop();
  expect(await b.exited).toEqual({ code: 0, signal: null });
  const terms = await until("a to own everything again", SHORT_LEASE_MS * 4, () => {
    const again = gateTerms(on.fleet.transitions(), on.fleet.deaths()).filter(
      ({ replica, openedNs, end }) => replica === "a" && end === "open" && openedNs > healedNs,
    );
    return again.length === SHARDS ? again : undefined;
  });
  const lastNs = terms.at(-1)?.openedNs ?? 0n;
  const ranAgain = await until("a's handlers to run again", 5_000, () =>
    on.fleet.sink().find((line) => line.pid !== b.pid && line.phase === "end" && line.ns > lastNs),
  );
  say(
    `healed: every shard with the replica again, handlers ran ${milliseconds(ranAgain.ns - lastNs).toFixed(0)} ms after that`,
  );
  expect(on.faults()).toEqual([]);
}

test("a replica that was cut off goes on while another one has opened its shards, or never comes back", async (context) => {
  const on = await scene(context, "cut-off");
  await createObjects(on.plane, "cut-off", "configmaps", 40, BUSY);
  await using proxy = await disposableProxy(on.plane.url);
  const { b } = await startCutOff(on, proxy.tcp);
  const cutNs = process.hrtime.bigint();
  proxy.tcp.blackhole();
  await expectTakeover(on, cutNs, "nothing passes");
  await expectPartAgain(on, proxy.tcp, b);
});

test("renewals that are carried out but never answered keep a gate open, or the answers that come late open one", async (context) => {
  const on = await scene(context, "unanswered");
  await createObjects(on.plane, "unanswered", "configmaps", 40, BUSY);
  await using proxy = await disposableProxy(on.plane.url);
  const { b } = await startCutOff(on, proxy.tcp);
  const cutNs = process.hrtime.bigint();
  proxy.tcp.dropAnswers();
  await expectTakeover(on, cutNs, "answers are dropped");
  await expectPartAgain(on, proxy.tcp, b);
});

test("requests that never arrive while events still do keep a gate open", async (context) => {
  const on = await scene(context, "unheard");
  await createObjects(on.plane, "unheard", "configmaps", 40, BUSY);
  await using proxy = await disposableProxy(on.plane.url);
  const { b } = await startCutOff(on, proxy.tcp);
  const cutNs = process.hrtime.bigint();
  proxy.tcp.dropRequests();
  await expectTakeover(on, cutNs, "requests are dropped");
  await expectPartAgain(on, proxy.tcp, b);
});

test("connections that are reset again and again cost a shard, or give it two owners", async (context) => {
  const on = await scene(context, "reset");
  await createObjects(on.plane, "reset", "configmaps", 40, BUSY);
  await using proxy = await disposableProxy(on.plane.url);
  const kubeconfig = through(on, proxy.tcp, "both");
  on.start("a", { kubeconfig });
  await on.allOwned(SHARDS);
  on.start("b", { kubeconfig });
  await on.members(2);
  await on.balanced(SHARDS);
  await delay(SHORT_LEASE_MS);
  const sinceNs = process.hrtime.bigint();
  const acceptedBefore = proxy.tcp.accepted;
  const CUTS = 16;
  for (let cut = 0; cut < CUTS; cut += 1) {
    proxy.tcp.cutAll();
    // Not a period of the product's, so that every phase of a renewal is hit.
    await delay(370);
  }
  const lost = on.fleet.transitions().filter(({ event, ns }) => event === "gate-closed" && ns > sinceNs);
  say(
    `${CUTS} resets of all connections in ${CUTS * 0.37} s: ${lost.length} gates closed, ${proxy.tcp.accepted - acceptedBefore} connections made`,
  );
  expect(lost.map(({ shard, reason }) => `${shard} ${reason}`)).toEqual([]);
  expect(on.owners().size).toBe(SHARDS);
  const stillNs = process.hrtime.bigint();
  await until("handlers that run", 5_000, () =>
    on.fleet.sink().some(({ phase, ns }) => phase === "end" && ns > stillNs),
  );
  expect(on.faults()).toEqual([]);
});

test("a replica that is stopped while it is cut off hangs, or says that it gave everything back", async (context) => {
  const on = await scene(context, "stopped-cut-off");
  await createObjects(on.plane, "stopped-cut-off", "configmaps", 40, BUSY);
  await using proxy = await disposableProxy(on.plane.url);
  const { a } = await startCutOff(on, proxy.tcp);
  proxy.tcp.blackhole();
  const cutNs = process.hrtime.bigint();
  a.stop();
  const exit = await a.exited;
  const tookMs = msBetween(cutNs, process.hrtime.bigint());
  say(`SIGTERM while cut off, shutdownTimeout 6 s: exit ${exit.code} after ${tookMs.toFixed(0)} ms`);
  expect(exit).toEqual({ code: 1, signal: null });
  expect(tookMs).toBeLessThan(8_000);
  await on.allOwned(SHARDS, SHORT_LEASE_MS * 4);
  expect(on.faults()).toEqual([]);
});

test("a second signal is not obeyed while a handler is waited for", async (context) => {
  const on = await scene(context, "second-signal");
  await createObjects(on.plane, "second-signal", "configmaps", 4, { "test/work": "deaf:30000" });
  const a = on.start("a");
  await until("a handler at work", 20_000, () => on.fleet.sink().some(({ phase }) => phase === "begin"));
  a.stop();
  await until("the stop to begin", 5_000, () => a.transitions.some(({ event }) => event === "gate-closed"));
  // The same signal within half a second would be the same stop, sent twice by a wrapper.
  await delay(800);
  const againNs = a.stop();
  const exit = await a.exited;
  say(`second SIGTERM: exit ${exit.code} after ${msBetween(againNs, process.hrtime.bigint()).toFixed(0)} ms`);
  expect(exit).toEqual({ code: 1, signal: null });
  expect(a.lines.some(({ msg }) => String(msg).startsWith("second signal"))).toBe(true);
});

async function disposableProxy(url: string): Promise<{ readonly tcp: TcpProxy } & AsyncDisposable> {
  const tcp = await startTcpProxy(url);
  return { tcp, [Symbol.asyncDispose]: () => tcp.close() };
}
