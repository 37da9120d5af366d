import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { LockKind } from "../../../src/config/leader-election.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  requireControlPlane,
  startControlPlane,
} from "../../support/control-plane.ts";
import { ForeignElector } from "../../support/foreign-elector.ts";
import { say } from "../../support/integration.ts";
import { OwnCandidate, overlapsOf } from "../../support/own-candidate.ts";
import { msBetween, never, until } from "../../support/waiting.ts";

/** A fleet of client-go's older electors is replaced step by step: on one object, on both, on the Lease. */

const LEASE_MS = 3_000;

let plane: ControlPlane | undefined;
beforeAll(async () => {
  if (controlPlaneMissing() === undefined) plane = await startControlPlane();
});
afterAll(async () => {
  await plane?.stop();
});

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (let next = undo.pop(); next !== undefined; next = undo.pop()) await next();
});

function fleetOn(on: ControlPlane, namespace: string) {
  const own: OwnCandidate[] = [];
  const foreign: ForeignElector[] = [];
  return {
    own,
    async start(lock: LockKind, identity: string): Promise<OwnCandidate> {
      const candidate = await OwnCandidate.start({ plane: on, namespace, lock, identity });
      own.push(candidate);
      undo.push(() => candidate.stop());
      return candidate;
    },
    startOld(lock: "configmaps" | "endpoints", identity: string): ForeignElector {
      const elector = new ForeignElector(on, namespace, "shop", { lock, identity });
      foreign.push(elector);
      undo.push(() => elector.die());
      elector.start();
      return elector;
    },
    faults: (): string[] => [...overlapsOf([...own, ...foreign]), ...foreign.flatMap(({ troubles }) => troubles)],
  };
}

/** Most of it is waiting for what must not happen. */
const BOUND_MS = 240_000;

test.for([
  ["configmaps", "configmapsleases"],
  ["endpoints", "endpointsleases"],
] as const)(
  "two lead while a fleet of old electors on %s is moved to leases over %s",
  { timeout: BOUND_MS },
  async ([old, both], context) => {
    requireControlPlane(context);
    await runMigration(plane!, old, both);
  },
);

async function runMigration(
  on: ControlPlane,
  old: "configmaps" | "endpoints",
  both: "configmapsleases" | "endpointsleases",
) {
  const namespace = `migration-${old}`;
  await on.namespace(namespace);
  const fleet = fleetOn(on, namespace);
  const first = fleet.startOld(old, "old-1");
  await until("an old elector to lead", 10_000, () => first.holds);
  const second = fleet.startOld(old, "old-2");

  // Step 1: half of the fleet writes both objects. It waits for the old leader, however long that renews.
  const b1 = await fleet.start(both, "both-1");
  await never("a second leader", 2 * LEASE_MS, () => fleet.faults()[0] ?? (b1.leads ? "both-1 leads" : undefined));
  await second.die();
  await first.release();
  const releasedNs = process.hrtime.bigint();
  await until("the first of the new fleet to lead", 4 * LEASE_MS, () => b1.leads);
  say(
    `${old}: the old elector released; led ${msBetween(releasedNs, b1.tenancies.at(-1)!.fromNs).toFixed(0)} ms later`,
  );

  // An old one that comes back, as in a rollback, gets nothing while the new one renews.
  const third = fleet.startOld(old, "old-3");
  await never(
    "an old leader beside a new one",
    2 * LEASE_MS,
    () => fleet.faults()[0] ?? (third.holds ? "it holds" : undefined),
  );
  await b1.stop();
  await until("the old one to be given the lock back", 4 * LEASE_MS, () => third.holds);
  const b2 = await fleet.start(both, "both-2");
  await third.die();
  await until("the new one to take over from a dead old one", 6 * LEASE_MS, () => b2.leads);

  // Step 2: the Lease alone. Whoever holds both excludes them, until it goes.
  const l1 = await fleet.start("leases", "lease-1");
  await never(
    "a leader by the Lease alone beside one by both",
    2 * LEASE_MS,
    () => fleet.faults()[0] ?? (l1.leads ? "it leads" : undefined),
  );
  await b2.cut();
  await until("the one on the Lease alone to take over from one that was cut off", 6 * LEASE_MS, () => l1.leads);
  const b3 = await fleet.start(both, "both-3");
  await never(
    "a leader by both beside one by the Lease alone",
    2 * LEASE_MS,
    () => fleet.faults()[0] ?? (b3.leads ? "it leads" : undefined),
  );
  expect(fleet.faults()).toEqual([]);
}
