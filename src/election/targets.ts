import type { PlacementSettings } from "../config/settings.ts";
import type { Shard } from "../lease/names.ts";
import { NOBODY_YET, observeAttendance } from "../membership/attendance.ts";
import { NO_ROLLOUT, observeVersions } from "../membership/rollout.ts";
import { isFresh, isLive, type Member, memberOf, planStateOf, type Roster } from "../membership/roster.ts";
import { plan, targetOf } from "../placement/plan.ts";
import type { Clock, Timer } from "../runtime/clock.ts";
import type { Elector, Target } from "./elector-state.ts";
import { type PlanInput, type PlannedShard, planInput } from "./plan-input.ts";
import type { PlanNotices } from "./plan-notices.ts";

export interface TargetsOptions {
  readonly identity: string;
  readonly clock: Clock;
  readonly shards: readonly Shard[];
  readonly roster: () => Roster;
  readonly electorOf: (shard: PlannedShard) => Elector | undefined;
  /** True while somebody asks that nothing moves without need. */
  readonly isFrozen: () => boolean;
  readonly placement: PlacementSettings;
  readonly notices: PlanNotices;
  /** There is a new plan; `isNew` for shards of which it says something else than the one before. */
  planned(isNew: (shard: Shard) => boolean): void;
}

/** Joins come in groups: they are planned once, this long after the last. Deaths and departures do not wait. */
const SETTLE_MS = 150;
/** Joins without end are planned this long after the first all the same. */
const MOST_SETTLE_MS = 250;
/** Holders change in groups too. */
const HOLDERS_SETTLE_MS = 20;
/** What goes as planned is looked at seldom: only to see whether the plans of all replicas together have come to what each wanted. */
const MOVED_SETTLE_MS = 500;

/**
 * What the plan wants of every shard, as this replica sees members and holders now. It needs no leader: the same view gives the
 * same plan everywhere, and while views differ the Lease decides.
 */
export class Targets {
  readonly #options: TargetsOptions;
  /** Shard to the member that the plan names; undefined before the first plan. */
  #wanted: ReadonlyMap<string, string> | undefined;
  /** Monotonic; infinite for never. Joins wait for each other, and for nothing else. */
  #joinsDueMs = Number.POSITIVE_INFINITY;
  #firstJoinMs = Number.POSITIVE_INFINITY;
  #dueMs = Number.POSITIVE_INFINITY;
  #stale = true;
  #leaving = false;
  #timer: Timer | undefined;
  /** Members that let a shard Lease expire: dead for the plan, although their member Lease may have a moment left. */
  readonly #suspects = new Map<string, string>();
  /** Members that the plan counts with. */
  #live: ReadonlySet<string> = new Set();
  /** Shards that the plan leaves out. */
  #foreign: ReadonlySet<string> = new Set();
  /** By shard, those that the plan was made with. */
  #pins: ReadonlyMap<string, string> = new Map();
  /** By member, on the monotonic clock: when a shard was seen to come to it last. */
  #tookMs = new Map<string, number>();
  #attendance = NOBODY_YET;
  /** Monotonic: when a plan was made last without our own member Lease having been heard of lately. */
  #deafMs = Number.NEGATIVE_INFINITY;
  #rollout = NO_ROLLOUT;
  /** For when time alone changes what the plan is made of; it has nothing to do with what is due. */
  #horizon: Timer | undefined;

  constructor(options: TargetsOptions) {
    this.#options = options;
  }

  /** Something changed that the plan depends on. A wish is what somebody asks for by an intent, and takes back. */
  note(what: "joined" | "left" | "holder" | "wish"): void {
    this.#stale = true;
    if (what === "joined") this.#planJoins();
    else this.#planIn(what === "holder" ? HOLDERS_SETTLE_MS : 0);
  }

  /**
   * A shard Lease names somebody else than before. A move that the plan has asked for leaves the plan as it is: a new one in the middle
   * of a hundred moves would only choose other shards than those on their way.
   */
  noteHolder(shard: Shard, holder: string): void {
    if (holder !== "") this.#tookMs.set(holder, this.#options.clock.monotonicMs());
    if (holder !== "" && this.wantedFor(shard) === holder) this.#planIn(MOVED_SETTLE_MS);
    else this.note("holder");
  }

  /** Monotonic: when the member that the plan names for a shard took anything last. It may have many to take, and comes to each in turn. */
  lastTookMs(shard: Shard): number {
    return this.#tookMs.get(this.wantedFor(shard) ?? "") ?? Number.NEGATIVE_INFINITY;
  }

  /** What a shard Lease says of its pin now, whether or not that is new. */
  notePin(shard: Shard, pin: string | undefined): void {
    if (this.#wanted !== undefined && this.#pins.get(shard.id) !== pin) this.note("wish");
  }

  /** A member Lease was seen: one that the plan took for dead may have renewed it after all, which changes nothing else about it. */
  recheck(): void {
    if (this.#wanted === undefined || this.#isDue) return;
    this.#clearSuspects();
    const nowMs = this.#options.clock.monotonicMs();
    const revived = [...this.#options.roster().values()].some(
      (member) => isLive(member, nowMs) && !this.#isSuspect(member.identity) && !this.#live.has(member.identity),
    );
    if (revived) this.note("joined");
  }

  get #isDue(): boolean {
    return Math.min(this.#dueMs, this.#joinsDueMs) < Number.POSITIVE_INFINITY;
  }

  /** Something that the plan was kept from is possible again in `delayMs`. */
  lookAgainIn(delayMs: number): void {
    // Never at once: what is possible a rounding error from now would be looked at for ever.
    if (!this.#isDue) this.#planIn(Math.max(1, delayMs));
  }

  /** False while what the current plan was made of has changed: nobody moves a shard on what is no longer so. */
  get isCurrent(): boolean {
    return this.#wanted !== undefined && !this.#stale;
  }

  /** This replica leaves: the plan is made without it now, before its member Lease says so to the others. */
  leave(): void {
    this.#leaving = true;
    this.#replan();
  }

  #planJoins(): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#firstJoinMs = Math.min(this.#firstJoinMs, nowMs);
    this.#joinsDueMs = Math.min(nowMs + SETTLE_MS, this.#firstJoinMs + MOST_SETTLE_MS);
    this.#arm(nowMs);
  }

  #planIn(delayMs: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs + delayMs >= this.#dueMs) return;
    this.#dueMs = nowMs + delayMs;
    this.#arm(nowMs);
  }

  #arm(nowMs: number): void {
    this.#timer?.cancel();
    const dueMs = Math.min(this.#dueMs, this.#joinsDueMs);
    this.#timer = this.#options.clock.timer(Math.max(0, dueMs - nowMs), () => this.#replan());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#horizon?.cancel();
  }

  /** The member that the plan names for a shard; `undefined` when it names none, or there is no plan yet. */
  wantedFor(shard: Shard): string | undefined {
    return this.#wanted?.get(shard.id);
  }

  /** Whom we are to hand a shard to; `undefined` when it is ours to keep, or there is nobody to take it. */
  targetFor(shard: Shard): Target | undefined {
    const wanted = this.wantedFor(shard);
    if (wanted === undefined || wanted === this.#options.identity) return undefined;
    const member = memberOf(this.#options.roster(), wanted);
    // The plan is older than what we know of its member by now: nothing is handed to somebody who leaves.
    if (member === undefined || !this.#receives(member)) return undefined;
    return { identity: wanted, leaseDurationMs: member.lease.record.durationMs };
  }

  /**
   * A shard of `holder` was waited out: it has died, although its member Lease may have a moment left, or for a slower clock much more. It
   * may also live and have lost that one shard to somebody's edit: others find that out when it renews its member Lease next, and until
   * then only leave it out; it itself must not plan without itself, and so give everything away.
   */
  expired(shard: Shard, holder: string): void {
    if (holder === this.#options.identity) return;
    const member = memberOf(this.#options.roster(), holder);
    if (member === undefined) {
      // It was none of the plan's business, and has become so.
      if (this.#wanted !== undefined && this.#foreign.has(shard.id)) this.note("left");
      return;
    }
    const version = member.lease.resourceVersion;
    if (this.#suspects.get(holder) === version) return;
    this.#suspects.set(holder, version);
    this.note("left");
  }

  /** The same, as the Lease is seen to have expired; one that is heard of at the same time has only that one Lease that it cannot write. */
  lapsed(shard: Shard, holder: string): void {
    const member = memberOf(this.#options.roster(), holder);
    if (member === undefined || !isFresh(member, this.#options.clock.monotonicMs())) this.expired(shard, holder);
  }

  #replan(): void {
    this.#timer?.cancel();
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#joinsDueMs = Number.POSITIVE_INFINITY;
    this.#firstJoinMs = Number.POSITIVE_INFINITY;
    this.#stale = false;
    this.#clearSuspects();
    const input = this.#input();
    const made = plan(input.members, input.shards, input.holders, input.options);
    const wanted = new Map<string, string>();
    for (const { id } of input.shards) {
      const target = targetOf(made, input.holders, id);
      if (target !== null) wanted.set(id, target);
    }
    const before = this.#wanted;
    this.#wanted = wanted;
    this.#foreign = input.foreign;
    this.#pins = input.options.pins;
    const { versions } = this.#rollout;
    this.#options.notices.tell({ ...input.options, voidPins: made.voidPins, versions });
    this.#lookAhead(input.changesAtMs);
    this.#options.planned(({ id }) => before === undefined || before.get(id) !== wanted.get(id));
  }

  #input(): PlanInput {
    const { shards, electorOf, roster, clock, identity, placement, isFrozen } = this.#options;
    const monotonicMs = clock.monotonicMs();
    const known = [...roster().values()];
    const there = known.filter((member) => isLive(member, monotonicMs));
    const live = there.filter((member) => !this.#isSuspect(member.identity));
    this.#live = new Set(live.map((member) => member.identity));
    this.#tookMs = new Map([...this.#tookMs].filter(([identity]) => this.#live.has(identity)));
    const own = memberOf(roster(), identity);
    // A replica that was cut off saw everybody go, itself among them; nobody did. Its own renewal may be the first that comes back.
    if (own === undefined || !isFresh(own, monotonicMs)) this.#deafMs = monotonicMs;
    else if (monotonicMs >= this.#deafMs + own.lease.record.durationMs) {
      this.#attendance = observeAttendance(this.#attendance, there, monotonicMs);
    }
    this.#rollout = observeVersions(this.#rollout, there, monotonicMs);
    return planInput({
      ...placement,
      monotonicMs,
      leaving: this.#leaving ? identity : undefined,
      live,
      known: new Set(known.map((member) => member.identity)),
      shards,
      observationOf: (shard) => electorOf(shard)?.observation,
      promisedTo: (shard) => (isOnItsWay(electorOf(shard)) ? this.#wanted?.get(shard.id) : undefined),
      isFrozen: isFrozen(),
      attendance: this.#attendance,
      rollout: this.#rollout,
    });
  }

  #lookAhead(changesAtMs: number): void {
    this.#horizon?.cancel();
    if (changesAtMs === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#options;
    this.#horizon = clock.timer(Math.max(1, changesAtMs - clock.monotonicMs()), () => this.note("wish"));
  }

  #isSuspect(identity: string): boolean {
    return this.#suspects.has(identity);
  }

  /** One that renews its member Lease after all was slow, not dead. */
  #clearSuspects(): void {
    const versions = new Map(
      [...this.#options.roster().values()].map(({ identity, lease }) => [identity, lease.resourceVersion]),
    );
    for (const [identity, version] of this.#suspects) {
      if (versions.get(identity) !== version) this.#suspects.delete(identity);
    }
  }

  #receives(member: Member): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    return (
      planStateOf(member) === "ready" && member.understood && isLive(member, nowMs) && !this.#isSuspect(member.identity)
    );
  }
}

/** It is closed here already, to be handed over. */
function isOnItsWay(elector: Elector | undefined): boolean {
  const name = elector?.phase.name;
  return name === "draining" || name === "releasing";
}
