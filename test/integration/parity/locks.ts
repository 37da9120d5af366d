import { expect } from "vitest";
import type { LockKind } from "../../../src/config/leader-election.ts";
import { ForeignElector } from "../../support/foreign-elector.ts";
import { say } from "../../support/integration.ts";
import { OwnCandidate, overlapsOf } from "../../support/own-candidate.ts";
import { msBetween, never, until } from "../../support/waiting.ts";
import type { ParityCase, ParityWorld } from "./world.ts";

/** A fleet of client-go's older electors is replaced step by step: on one object, on both, on the Lease. */

const LEASE_MS = 3_000;
/** Who takes what is held does so when it has not seen it change for the lease duration, or at its next poll after that. */
const LONG_ENOUGH_MS = LEASE_MS + 1_000;

type OldLock = "configmaps" | "endpoints";

class LockFleet {
  readonly #world: ParityWorld;
  readonly #own: OwnCandidate[] = [];
  readonly #old: ForeignElector[] = [];

  constructor(world: ParityWorld) {
    this.#world = world;
  }

  async start(lock: LockKind, identity: string): Promise<OwnCandidate> {
    const { plane, namespace } = this.#world;
    const candidate = await OwnCandidate.start({ plane, namespace, lock, identity });
    this.#own.push(candidate);
    this.#world.defer(() => candidate.stop());
    return candidate;
  }

  startOld(lock: OldLock, identity: string): ForeignElector {
    const elector = new ForeignElector(this.#world.plane, this.#world.namespace, "shop", { lock, identity });
    this.#old.push(elector);
    this.#world.defer(() => elector.die());
    elector.start();
    return elector;
  }

  faults(): string[] {
    return [...overlapsOf([...this.#own, ...this.#old]), ...this.#old.flatMap(({ troubles }) => troubles)];
  }

  /** For longer than anybody would wait who believes that the lock is free. */
  stays(what: string, leads: () => boolean): Promise<void> {
    return never(what, LONG_ENOUGH_MS, () => this.faults()[0] ?? (leads() ? "it leads" : undefined));
  }
}

async function migrate(world: ParityWorld, old: OldLock, both: `${OldLock}leases`): Promise<void> {
  const fleet = new LockFleet(world);
  const first = fleet.startOld(old, "old-1");
  await until("an old elector to lead", 10_000, () => first.holds);
  const second = fleet.startOld(old, "old-2");

  // Step 1: half of the fleet writes both objects. It waits for the old leader, however long that renews.
  const b1 = await fleet.start(both, "both-1");
  await fleet.stays("a second leader", () => b1.leads);
  await second.die();
  await first.release();
  const releasedNs = process.hrtime.bigint();
  await until("the first of the new fleet to lead", 4 * LEASE_MS, () => b1.leads);
  const ledNs = b1.tenancies.at(-1)!.fromNs;
  say(`${old}: the old elector released; led ${msBetween(releasedNs, ledNs).toFixed(0)} ms later`);

  // An old one that comes back, as in a rollback, gets nothing while the new one renews.
  const third = fleet.startOld(old, "old-3");
  await fleet.stays("an old leader beside a new one", () => third.holds);
  await b1.stop();
  await until("the old one to be given the lock back", 4 * LEASE_MS, () => third.holds);
  const b2 = await fleet.start(both, "both-2");
  await third.die();
  await until("the new one to take over from a dead old one", 6 * LEASE_MS, () => b2.leads);

  // Step 2: the Lease alone. Whoever holds both excludes them, until it goes.
  const l1 = await fleet.start("leases", "lease-1");
  await fleet.stays("a leader by the Lease alone beside one by both", () => l1.leads);
  await b2.cut();
  await until("the one on the Lease alone to take over from one that was cut off", 6 * LEASE_MS, () => l1.leads);
  const b3 = await fleet.start(both, "both-3");
  await fleet.stays("a leader by both beside one by the Lease alone", () => b3.leads);
  expect(fleet.faults()).toEqual([]);
}

export const lockCases: readonly ParityCase[] = [
  {
    title: "two lead while a fleet of old electors on configmaps is moved to leases over configmapsleases",
    boundMs: 240_000,
    run: (world) => migrate(world, "configmaps", "configmapsleases"),
  },
  {
    title: "two lead while a fleet of old electors on endpoints is moved to leases over endpointsleases",
    boundMs: 240_000,
    run: (world) => migrate(world, "endpoints", "endpointsleases"),
  },
];
