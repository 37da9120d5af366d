import type { MemberTraits, PlacementSettings, PodPlace } from "../config/settings.ts";
import type { LeaseTimings } from "../config/timings.ts";
import { LeaseEvents, type OwnPod } from "../lease/events.ts";
import { ANNOTATION_STATE, type Identity, type Shard } from "../lease/names.ts";
import { type OpenLeaseStoreOptions, openLeaseStore } from "../lease/open-store.ts";
import type { Renewal } from "../lease/renewal.ts";
import type { LeaseStore } from "../lease/store.ts";
import { shardNews, TransitionEvents } from "../lease/transition-events.ts";
import { DeathWatch } from "../membership/death-watch.ts";
import { Fencing } from "../membership/fencing.ts";
import { MemberKeeper } from "../membership/keeper.ts";
import { isLive } from "../membership/roster.ts";
import { sleep } from "../runtime/clock.ts";
import { Condition } from "../runtime/condition.ts";
import type { ElectorateError } from "../runtime/errors.ts";
import { GateClock, sampleClocks } from "../runtime/gate-clock.ts";
import { Scope } from "../runtime/scope.ts";
import { Acknowledged } from "./acknowledged.ts";
import { Campaign } from "./campaign.ts";
import { foreignName, type LifeOf } from "./contender.ts";
import { Deaths } from "./deaths.ts";
import { Desk } from "./desk.ts";
import { shardMarks } from "./marks.ts";
import type { Regime } from "./regime.ts";
import type { Term } from "./term.ts";
import { Upkeep } from "./upkeep.ts";

export interface TenureOptions extends Omit<OpenLeaseStoreOptions, "retryPeriodMs" | "renewDeadlineMs"> {
  readonly identity: Identity;
  readonly timings: LeaseTimings;
  readonly renewal: Renewal;
  /** Shard Leases are made and deleted by somebody else alone. */
  readonly isStatic: boolean;
  readonly traits: MemberTraits;
  readonly placement: PlacementSettings;
  /** Where this replica serves `/metrics`; empty when it serves nothing. */
  readonly address: string;
  /** Where this process runs, when deaths are to be proven by Pods. */
  readonly pod: PodPlace | undefined;
  /** At which things are told, where this process runs in one. */
  readonly ownPod: OwnPod | undefined;
  /** For Pods; the coordination traffic's own is for Leases alone. */
  readonly objects: OpenLeaseStoreOptions["transport"];
  /** Where Events are written: never in front of a renewal. */
  readonly eventApi: OpenLeaseStoreOptions["api"];
  readonly shards: readonly Shard[];
  readonly lifeOf: LifeOf;
  /** The identity has ended, and the tenure with it. Called once everything is closed. */
  died(cause: string): void;
}

/** The elected life of one replica, from its first list of Leases until none names it any more. */
export class Tenure implements Regime {
  readonly #options: TenureOptions;
  readonly #condition = new Condition();
  readonly #warm = new Set<string>();
  readonly #store: LeaseStore;
  readonly #keeper: MemberKeeper;
  readonly #desk: Desk;
  readonly #campaign: Campaign;
  readonly #gateClock: GateClock;
  readonly #upkeep: Upkeep;
  readonly #news: TransitionEvents;
  readonly #proofs: DeathWatch | undefined;
  /** Ends with the last release; renewals need it until then. */
  readonly #scope = new Scope();
  #isDead = false;

  constructor(options: TenureOptions) {
    this.#options = options;
    const { identity, clock, timings, shards, lifeOf } = options;
    const events = eventsOf(options);
    this.#news = new TransitionEvents({
      ...options,
      identity: identity.text,
      inPod: options.ownPod !== undefined,
      say: shardNews(options.coordinator),
      tell: (event, at) => events.tell(event, at),
    });
    this.#gateClock = new GateClock(clock);
    const changed = (): void => this.#condition.changed();
    this.#store = openLeaseStore({ ...options, ...timings });
    const acknowledged = new Acknowledged(timings.renewDeadlineMs);
    this.#keeper = new MemberKeeper({
      ...options,
      store: this.#store,
      gateClock: this.#gateClock,
      acknowledged: (resourceVersion, sentMs) => acknowledged.note(resourceVersion, sentMs),
      extended: () => this.#campaign.extended(),
      relist: () => watch.relist(),
      died: (cause) => this.#die(cause),
    });
    const watch = this.#store.watch();
    this.#desk = new Desk({
      coordinator: options.coordinator,
      watch,
      keeper: this.#keeper,
      clock,
      leaseDurationMs: timings.durationMs,
      seen: (event) => this.#upkeep.apply(event),
      changed,
    });
    this.#campaign = new Campaign({
      ...options,
      telemetry: this.#news.heardBy(options.telemetry),
      marksOf: (shard) => shardMarks(options.coordinator, shard),
      identity: identity.text,
      store: this.#store,
      gateClock: this.#gateClock,
      acknowledged,
      shards,
      lifeOf,
      roster: () => this.#desk.roster,
      deaths: this.#deathsOf(),
      memberValidUntilMs: () => this.#keeper.validUntilMs,
      isFrozen: () => this.#desk.isFrozen,
      announce: (event) => void events.tell(event),
      isWarm: (resource) => this.#warm.has(resource),
      changed,
    });
    this.#upkeep = new Upkeep({
      ...options,
      identity: identity.text,
      leaseDurationMs: timings.durationMs,
      desk: this.#desk,
      campaign: this.#campaign,
      acknowledged,
      store: this.#store,
      gateClock: this.#gateClock,
      tell: (event, at) => void events.tell(event, at),
    });
    this.#proofs = this.#watchPods(options);
  }

  /** Where deaths are to be proven by Pods. */
  #watchPods({ pod, objects, ...options }: TenureOptions): DeathWatch | undefined {
    if (pod === undefined) return undefined;
    return new DeathWatch({
      ...options,
      pod,
      transport: objects,
      roster: () => this.#desk.roster,
      claimed: (container) => this.#keeper.claim(container),
      changed: () => this.#campaign.poke(),
    });
  }

  /** True once the identity has ended: see `membership.ts`. */
  get isDead(): boolean {
    return this.#isDead;
  }

  get identity(): string {
    return this.#options.identity.text;
  }

  get terms(): readonly Term[] {
    return [...this.#campaign.contenders].flatMap(({ term }) => term ?? []);
  }

  sample(): void {
    const { clock, telemetry } = this.#options;
    const nowMs = clock.monotonicMs();
    const live = [...this.#desk.roster.values()].filter((member) => isLive(member, nowMs));
    for (const state of ["ready", "draining"] as const) {
      telemetry.meter.set("electorate_members", { state }, live.filter((member) => member.state === state).length);
    }
    this.#campaign.sample();
    this.#upkeep.sample();
  }

  /** Aborts when the tenure cannot go on; `end` then says why. */
  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  start(): void {
    this.#scope.run((signal) => sampleClocks(this.#options.clock, this.#gateClock, signal));
    this.#scope.run(async (signal) => {
      const collision = await this.#lookForCollision(signal);
      await this.#desk.run(this.#campaign, signal, collision);
    });
    this.#scope.run(async (signal) => {
      await this.#condition.until(() => this.#desk.isListed, signal);
      await this.#keeper.run(signal);
    });
    const proofs = this.#proofs;
    if (proofs !== undefined) this.#scope.run((signal) => proofs.run(signal));
    this.#scope.run(async (signal) => {
      await this.#condition.until(() => this.#desk.isListed, signal);
      await this.#upkeep.run(signal);
    });
  }

  /** The source of `resource` is warm: its shards may be taken, and the others may count on it. */
  prepare(resource: string, keyMap: string): void {
    this.#warm.add(resource);
    this.#keeper.announce(resource, keyMap);
    this.#campaign.poke();
  }

  requireKnown(): void {
    const said = this.#desk.roster.get(this.#keeper.leaseName)?.resources;
    if (this.#options.shards.every(({ resource }) => said?.has(resource))) return;
    throw new Error("the member Lease does not say yet what this replica serves");
  }

  /**
   * Stop, drain, release: nothing is taken any more, every shard is drained and released, and the member Lease goes last. False when
   * `patience` aborted first, as it does when the tenure cannot go on: what still runs keeps its Leases, which are left to expire.
   */
  async leave(patience: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    this.#keeper.drain();
    this.#campaign.leave();
    try {
      await this.#condition.until(() => this.#isDead || this.#isMarked(), patience);
      const settledMs = clock.monotonicMs() + this.#settleMs;
      await this.#condition.until(() => this.#isDead || this.#campaign.isQuiet, patience);
      if (!this.#isDead) await sleep(clock, Math.max(0, settledMs - clock.monotonicMs()), patience);
      await this.#condition.until(() => this.#isDead || this.#campaign.isQuiet, patience);
    } catch {
      // Nothing names us: that somebody may still do so is no reason to leave the member Lease behind.
      if (!this.#campaign.isQuiet || !this.#isMarked()) return false;
    }
    if (this.#isDead) return false;
    await this.#scope.close();
    this.#campaign.stop();
    await this.#keeper.remove();
    await this.#news.close();
    return true;
  }

  /** Nothing goes on: closes every gate at once, and rejects with the reason where there is one. */
  async end(reason: string): Promise<void> {
    this.#campaign.abandon(reason);
    this.#news.stop();
    await this.#scope.close();
  }

  #deathsOf(): Deaths {
    const { coordinator, identity, timings } = this.#options;
    const isProven = (dead: string): boolean => this.#proofs?.isDead(dead) ?? false;
    const fencing = new Fencing({
      ...this.#options,
      identity: identity.text,
      store: this.#store,
      roster: () => this.#desk.roster,
      isProven,
      fenced: (version) => this.#desk.fenced(version),
      failed: () => this.#campaign.poke(),
    });
    const presence = (): Desk => this.#desk;
    return new Deaths({ coordinator, leaseDurationMs: timings.durationMs, presence, fencing, isProven });
  }

  #die(cause: string): void {
    this.#isDead = true;
    this.#campaign.abandon("identity-lost");
    this.#condition.changed();
    this.#options.died(cause);
  }

  #isMarked(): boolean {
    if (!this.#desk.isListed) return true;
    return this.#desk.own?.annotations[ANNOTATION_STATE] === "draining";
  }

  /**
   * How long after our draining mark has come back somebody may still hand us a shard, because he has not seen it: the deadline of a request.
   * Several may leave at once and choose each other. What arrives is handed on; what came after our end would be left to expire.
   */
  get #settleMs(): number {
    const nowMs = this.#options.clock.monotonicMs();
    const others = [...this.#desk.roster.values()].filter(({ leaseName }) => leaseName !== this.#keeper.leaseName);
    return others.some((member) => isLive(member, nowMs)) ? this.#options.timings.retryPeriodMs : 0;
  }

  /** A Lease of ours by name that is another coordinator's by its label; asked until there is an answer. */
  async #lookForCollision(signal: AbortSignal): Promise<ElectorateError | undefined> {
    const { coordinator, shards, clock, timings, trouble } = this.#options;
    for (;;) {
      try {
        const foreign = await this.#store.foreignCoordinators(coordinator);
        trouble.clear("lease-names");
        const collision = shards.find(({ leaseName }) => foreign.has(leaseName));
        return collision && foreignName(collision.leaseName, foreign.get(collision.leaseName) ?? "");
      } catch (error) {
        trouble.report("lease-names", "looking for Leases of other coordinators", error);
      }
      await sleep(clock, timings.retryPeriodMs, signal);
    }
  }
}

function eventsOf({ eventApi: api, identity, timings, ...options }: TenureOptions): LeaseEvents {
  return new LeaseEvents({ ...options, api, identity: identity.text, deadlineMs: timings.retryPeriodMs });
}
