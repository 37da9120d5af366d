import type { MemberTraits, PlacementSettings } from "../../src/config/settings.ts";
import type { LeaseTimings } from "../../src/config/timings.ts";
import { Acknowledged } from "../../src/election/acknowledged.ts";
import { Campaign } from "../../src/election/campaign.ts";
import type { LifeOwner, ShardLife } from "../../src/election/contender.ts";
import { Deaths } from "../../src/election/deaths.ts";
import { Desk } from "../../src/election/desk.ts";
import { shardMarks } from "../../src/election/marks.ts";
import type { Term } from "../../src/election/term.ts";
import { Upkeep } from "../../src/election/upkeep.ts";
import type { LeaseEvent } from "../../src/lease/events.ts";
import type { MemoryLeases } from "../../src/lease/memory.ts";
import { MemoryLeaseStore } from "../../src/lease/memory-store.ts";
import type { Identity, Shard } from "../../src/lease/names.ts";
import type { Renewal } from "../../src/lease/renewal.ts";
import { Fencing } from "../../src/membership/fencing.ts";
import { MemberKeeper } from "../../src/membership/keeper.ts";
import type { Clock, Timer } from "../../src/runtime/clock.ts";
import { GateClock } from "../../src/runtime/gate-clock.ts";
import type { Telemetry } from "../../src/runtime/telemetry.ts";
import { TroubleLog } from "../../src/runtime/trouble.ts";
import { LeaseLink } from "./lease-link.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export const TIMINGS: LeaseTimings = {
  durationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
  clockRatio: 1.25,
  quiesceMs: 2_000,
};

/** Of a replica that joins as `long`: 60/40/4 s. */
export const LONG_TIMINGS: LeaseTimings = {
  durationMs: 60_000,
  renewDeadlineMs: 40_000,
  retryPeriodMs: 4_000,
  clockRatio: 1.25,
  quiesceMs: 8_000,
};

export const PLACEMENT: PlacementSettings = { rolloutWindowMs: 600_000, respread: undefined };
export const PLAIN: MemberTraits = { weight: 1, zone: "", version: "" };
export const COORDINATOR = "shop";

/** A process that can die: nothing of it runs any more then. */
class MortalClock implements Clock {
  readonly #clock: VirtualClock;
  dead = false;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  monotonicNs(): bigint {
    return this.#clock.monotonicNs();
  }

  timer(delayMs: number, callback: () => void): Timer {
    return this.#clock.timer(delayMs, () => {
      if (!this.dead) callback();
    });
  }
}

/** The work of one shard: it ends at once, unless its replica is busy. */
class Work implements ShardLife {
  readonly #replica: { readonly busy: boolean };
  readonly #owner: LifeOwner;
  #isForsaken = false;
  ending = false;

  constructor(replica: { readonly busy: boolean }, owner: LifeOwner) {
    this.#replica = replica;
    this.#owner = owner;
  }

  open(_term: Term): void {}

  drain(_term: Term): void {
    this.ending = true;
    this.endIfIdle();
  }

  lose(_term: Term): void {
    this.ending = true;
    this.endIfIdle();
  }

  forsake(_term: Term): void {
    this.ending = false;
    this.#isForsaken = true;
  }

  endIfIdle(): void {
    if (this.#replica.busy) return;
    if (this.#isForsaken) {
      this.#isForsaken = false;
      this.#owner.relieved();
    }
    if (!this.ending) return;
    this.ending = false;
    this.#owner.vacated();
  }

  /** The drain time-out and the time after it have passed. */
  giveUp(): void {
    if (this.ending) this.#owner.stuck();
  }
}

/** One replica without its sources: desk, campaign, contenders and member keeper, on a line of its own. */
export class Replica {
  readonly identity: Identity;
  readonly link: LeaseLink;
  readonly campaign: Campaign;
  readonly keeper: MemberKeeper;
  readonly desk: Desk;
  /** Events that it sent. */
  readonly told: LeaseEvent[] = [];
  /** Those that are found at its Pod. */
  readonly toldAtPod: LeaseEvent[] = [];
  readonly #upkeep: Upkeep;
  readonly #clock: MortalClock;
  readonly #warm = new Set<string>();
  readonly #works: Work[] = [];
  readonly #ended = new AbortController();
  busy = false;

  constructor(
    identity: Identity,
    leases: MemoryLeases,
    clock: VirtualClock,
    shards: readonly Shard[],
    telemetry: Telemetry,
    traits: MemberTraits,
    timings: LeaseTimings = TIMINGS,
    renewal: Renewal = "per-shard",
    isStatic = false,
  ) {
    this.#clock = new MortalClock(clock);
    this.identity = identity;
    this.link = new LeaseLink(new MemoryLeaseStore(leases, COORDINATOR), this.#clock, timings.retryPeriodMs);
    const gateClock = new GateClock(this.#clock);
    const acknowledged = new Acknowledged(timings.renewDeadlineMs);
    const shared = {
      coordinator: COORDINATOR,
      namespace: "default",
      timings,
      renewal,
      isStatic,
      store: this.link,
      clock: this.#clock,
      gateClock,
      telemetry,
      trouble: new TroubleLog(telemetry.log),
    };
    const changed = (): void => {};
    this.keeper = new MemberKeeper({
      ...shared,
      identity: this.identity,
      traits,
      address: "",
      acknowledged: (resourceVersion, sentMs) => acknowledged.note(resourceVersion, sentMs),
      extended: () => this.campaign.extended(),
      relist: () => watch.relist(),
      died: () => this.campaign.abandon("identity-lost"),
    });
    const { durationMs: leaseDurationMs } = timings;
    const watch = this.link.watch();
    this.desk = new Desk({
      coordinator: COORDINATOR,
      watch,
      keeper: this.keeper,
      clock: this.#clock,
      leaseDurationMs,
      seen: (event) => this.#upkeep.apply(event),
      changed,
    });
    const isProven = (): boolean => false;
    const fencing = new Fencing({
      ...shared,
      identity: this.identity.text,
      roster: () => this.desk.roster,
      isProven,
      fenced: (version) => this.desk.fenced(version),
      failed: () => this.campaign.poke(),
    });
    this.campaign = new Campaign({
      ...shared,
      identity: this.identity.text,
      acknowledged,
      shards,
      marksOf: (shard) => shardMarks(COORDINATOR, shard),
      lifeOf: (_, owner) => {
        const work = new Work(this, owner);
        this.#works.push(work);
        return work;
      },
      roster: () => this.desk.roster,
      deaths: new Deaths({ coordinator: COORDINATOR, leaseDurationMs, presence: () => this.desk, fencing, isProven }),
      memberValidUntilMs: () => this.keeper.validUntilMs,
      isFrozen: () => this.desk.isFrozen,
      placement: PLACEMENT,
      isWarm: (resource) => this.#warm.has(resource),
      changed,
    });
    this.#upkeep = new Upkeep({
      ...shared,
      identity: this.identity.text,
      leaseDurationMs,
      shards,
      desk: this.desk,
      campaign: this.campaign,
      acknowledged,
      tell: (event, at) => {
        if (at !== "pod") this.told.push(event);
        else this.toldAtPod.push(event);
      },
    });
    void this.desk.run(this.campaign, this.#ended.signal);
    void this.#upkeep.run(this.#ended.signal).catch(() => {});
  }

  warm(keyMap: string): void {
    this.#warm.add("configmaps");
    this.keeper.announce("configmaps", keyMap);
    void this.keeper.run(this.#ended.signal);
    this.campaign.poke();
  }

  leave(): void {
    this.keeper.drain();
    this.campaign.leave();
  }

  becomes(busy: boolean): void {
    this.busy = busy;
    for (const work of this.#works) work.endIfIdle();
  }

  crash(): void {
    this.#clock.dead = true;
    this.link.state = "cut";
    this.#ended.abort();
    this.campaign.stop();
  }

  get shards(): string[] {
    return [...this.campaign.contenders].map(({ shard }) => shard.id);
  }

  /** Handlers that run now go on although they were told to stop. */
  getStuck(): void {
    for (const work of this.#works) work.giveUp();
  }

  /** Shards whose gate is open now. */
  get open(): string[] {
    if (this.#clock.dead) return [];
    return [...this.campaign.contenders]
      .filter(({ term }) => term?.gate.admits() ?? false)
      .map(({ shard }) => shard.id);
  }
}
