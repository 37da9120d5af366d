import type { Shard } from "../lease/names.ts";
import { isHeld } from "../lease/record.ts";
import { isLive, type Member, type Roster } from "../membership/roster.ts";
import type { PlanMember } from "../placement/fleet.ts";
import { plan, targetOf } from "../placement/plan.ts";
import type { PlanShard } from "../placement/standing.ts";
import type { Clock, Timer } from "../runtime/clock.ts";
import { type Elector, type Target, versionOf } from "./elector-state.ts";
import { isHeldNow } from "./observation.ts";

export interface TargetsOptions {
  readonly identity: string;
  readonly clock: Clock;
  readonly shards: readonly Shard[];
  readonly roster: () => Roster;
  readonly electorOf: (shard: Shard) => Elector | undefined;
  /** There is a new plan. */
  planned(): void;
}

/** Joins come in groups: they are planned once, this long after the last. Deaths and departures do not wait. */
const SETTLE_MS = 150;
/** Joins without end are planned this long after the first all the same. */
const MOST_SETTLE_MS = 250;
/** Holders change in groups too, while moves are under way. */
const HOLDERS_SETTLE_MS = 20;

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
  readonly #foreign = new Set<string>();

  constructor(options: TargetsOptions) {
    this.#options = options;
  }

  /** Something changed that the plan depends on. */
  note(what: "joined" | "left" | "holder"): void {
    this.#stale = true;
    if (what === "joined") this.#planJoins();
    else this.#planIn(what === "left" ? 0 : HOLDERS_SETTLE_MS);
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
  }

  /** The member that the plan names for a shard; `undefined` when it names none, or there is no plan yet. */
  wantedFor(shard: Shard): string | undefined {
    return this.#wanted?.get(shard.id);
  }

  /** Whom we are to hand a shard to; `undefined` when it is ours to keep, or there is nobody to take it. */
  targetFor(shard: Shard): Target | undefined {
    const wanted = this.wantedFor(shard);
    if (wanted === undefined || wanted === this.#options.identity) return undefined;
    const member = [...this.#options.roster().values()].find(({ identity }) => identity === wanted);
    // The plan is older than what we know of its member by now: nothing is handed to somebody who leaves.
    if (member === undefined || !this.#receives(member)) return undefined;
    return { identity: wanted, leaseDurationMs: member.lease.record.durationMs };
  }

  /** A shard of `holder` was waited out: it has died, whatever its member Lease still says. */
  expired(shard: Shard, holder: string): void {
    const member = [...this.#options.roster().values()].find(({ identity }) => identity === holder);
    if (member === undefined) {
      // It was none of the plan's business, and has become so.
      if (this.#wanted !== undefined && this.#foreign.delete(shard.id)) this.note("left");
      return;
    }
    const version = member.lease.resourceVersion;
    if (this.#suspects.get(holder) === version) return;
    this.#suspects.set(holder, version);
    this.note("left");
  }

  #replan(): void {
    this.#timer?.cancel();
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#joinsDueMs = Number.POSITIVE_INFINITY;
    this.#firstJoinMs = Number.POSITIVE_INFINITY;
    this.#stale = false;
    const { shards, electorOf, roster, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#clearSuspects();
    const known = [...roster().values()];
    const members = known.filter((member) => isLive(member, nowMs) && !this.#isSuspect(member.identity));
    const everKnown = new Set(known.map(({ identity }) => identity));
    const live = new Set(members.map(({ identity }) => identity));
    this.#live = live;
    this.#foreign.clear();
    const holders = new Map<string, string>();
    const inPlan: PlanShard[] = [];
    for (const shard of shards) {
      const elector = electorOf(shard);
      const record = elector === undefined ? undefined : versionOf(elector)?.record;
      const holds =
        elector !== undefined && record !== undefined && isHeld(record) && isHeldNow(elector.observation, nowMs);
      // Held by somebody who never was a member: none of the plan's business until it lets go.
      if (holds && !everKnown.has(record.holder)) {
        this.#foreign.add(shard.id);
        continue;
      }
      inPlan.push({ id: shard.id, resource: shard.resource, keyMap: shard.keyMap, weight: 1 });
      if (holds && live.has(record.holder)) holders.set(shard.id, record.holder);
    }
    const made = plan(
      members.map((member) => this.#planMember(member)),
      inPlan,
      holders,
    );
    const wanted = new Map<string, string>();
    for (const { id } of inPlan) {
      const target = targetOf(made, holders, id);
      if (target !== null) wanted.set(id, target);
    }
    this.#wanted = wanted;
    this.#options.planned();
  }

  #planMember(member: Member): PlanMember {
    const leaves = this.#leaving && member.identity === this.#options.identity;
    return { ...planMember(member), ...(leaves ? { state: "draining" } : {}) };
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
    return member.state === "ready" && member.understood && isLive(member, nowMs) && !this.#isSuspect(member.identity);
  }
}

function planMember(member: Member): PlanMember {
  const { identity, state, weight, zone, version, createdAtMs, resources, understood, seenToChange } = member;
  return {
    id: identity,
    state,
    weight,
    zone,
    version,
    createdAtMs,
    resources,
    seen: seenToChange,
    understood,
    probation: false,
  };
}
