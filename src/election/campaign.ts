import type { PlacementSettings } from "../config/settings.ts";
import type { LeaseEvent } from "../lease/events.ts";
import { pinOf } from "../lease/intents.ts";
import {
  ANNOTATION_KEY_MAP,
  controlLeaseName,
  LABEL_RESOURCE,
  LABEL_ROLE,
  resourceLabel,
  type Shard,
} from "../lease/names.ts";
import type { LeaseVersion } from "../lease/record.ts";
import { renewalOf } from "../lease/renewal.ts";
import type { LeaseFeedEvent } from "../lease/store.ts";
import { isLive, liveIdentities, memberOf, nextExpiryMs, type Roster } from "../membership/roster.ts";
import type { Timer } from "../runtime/clock.ts";
import type { Instant } from "../runtime/gate-clock.ts";
import { Absences } from "./absences.ts";
import { Claims } from "./claims.ts";
import { Contender, type ContenderContext, type LifeOf } from "./contender.ts";
import { type Deaths, wasWaitedOut } from "./deaths.ts";
import { type Elector, type Standing, versionOf } from "./elector.ts";
import { heldByOther, heldLeases } from "./held-leases.ts";
import { KeyMaps } from "./key-maps.ts";
import { Moves } from "./moves.ts";
import { isHeldNow, type Observation, observeAbsence, observeVersion, takeableFromMs, UNSEEN } from "./observation.ts";
import { OtherLeases } from "./other-leases.ts";
import { hasLiveOwner } from "./outages.ts";
import { PlanNotices } from "./plan-notices.ts";
import { rankOf, rankStepMs } from "./ranking.ts";
import { Targets } from "./targets.ts";

export interface CampaignOptions extends Omit<ContenderContext, "standingOf" | "changed"> {
  /** Something that others may wait for has changed. */
  changed(): void;
  readonly shards: readonly Shard[];
  readonly lifeOf: LifeOf;
  /** Live members, as the watch has shown them so far. */
  readonly roster: () => Roster;
  readonly deaths: Deaths;
  /** True while somebody asks that nothing moves without need. */
  readonly isFrozen: () => boolean;
  readonly placement: PlacementSettings;
  /** Told of what should be an Event. */
  announce?(event: LeaseEvent): void;
  /** True once the resource's source has its first list complete: no shard is opened on a cold cache. */
  readonly isWarm: (resource: string) => boolean;
}

/**
 * All contenders of one coordinator behind its one list+watch of Leases: hands each what concerns it, and tells each where it
 * stands among members, ranks and key maps.
 */
export class Campaign {
  readonly #options: CampaignOptions;
  readonly #contenders = new Map<string, Contender>();
  readonly #keyMaps = new Map<string, KeyMaps>();
  readonly #resourceOfLabel = new Map<string, string>();
  readonly #others = new OtherLeases();
  readonly #targets: Targets;
  readonly #moves: Moves;
  /** Monotonic. Until then deaths are known. */
  #judgedMs = Number.NEGATIVE_INFINITY;
  readonly #absences: Absences;
  readonly #claims: Claims;
  #leaving = false;
  #ended = false;
  #timer: Timer | undefined;
  #horizonMs = Number.POSITIVE_INFINITY;

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#absences = new Absences({
      ...options,
      leaseDurationMs: options.timings.durationMs,
      contenders: () => this.contenders,
    });
    this.#targets = new Targets({
      ...options,
      electorOf: ({ leaseName }) => this.#contenders.get(leaseName)?.elector,
      notices: new PlanNotices({
        controlLease: controlLeaseName(options.coordinator),
        log: options.telemetry.log,
        announce: (event) => options.announce?.(event),
      }),
      planned: (isNew) => this.#follow(isNew),
    });
    this.#moves = new Moves({
      retryPeriodMs: options.timings.retryPeriodMs,
      clock: options.clock,
      targets: this.#targets,
    });
    const shared: ContenderContext = {
      ...options,
      standingOf: (...about) => this.#standingOf(...about),
      changed: (contender) => {
        this.#claims.note(contender);
        this.#moves.note(contender);
        options.changed();
      },
    };
    for (const shard of options.shards) {
      this.#resourceOfLabel.set(resourceLabel(shard.resource), shard.resource);
      if (!this.#keyMaps.has(shard.resource)) this.#keyMaps.set(shard.resource, new KeyMaps(shard.keyMap));
      this.#contenders.set(shard.leaseName, new Contender(shard, shared, options.lifeOf));
    }
    this.#claims = new Claims([...this.#contenders.values()]);
  }

  get contenders(): Iterable<Contender> {
    return this.#contenders.values();
  }

  /** True when no shard Lease names this replica and nothing is on its way that could. */
  get isQuiet(): boolean {
    return [...this.#contenders.values()].every((contender) => contender.isQuiet);
  }

  /** Takes in one event of the feed; member Leases in it are passed over. */
  apply(event: LeaseFeedEvent, firstInstall: boolean): void {
    switch (event.type) {
      case "snapshot":
        this.#applySnapshot(event.versions, firstInstall);
        return;
      case "changed":
        this.#see(event.version, "watch");
        if (event.version.labels[LABEL_ROLE] === "member") this.#targets.recheck();
        return;
      case "deleted":
        this.#miss(event.version.name, "watch", false);
        return;
      case "bookmark":
        return;
      default:
        event satisfies never;
    }
  }

  /** Something about members, sources or key maps has changed: every contender looks again. */
  poke(): void {
    if (this.#ended) return;
    for (const contender of this.#contenders.values()) contender.dispatch({ type: "tick" });
    this.#armHorizon();
  }

  /** There is a new plan: whoever it says something new of looks again, and what is to go from here goes in turn. */
  #follow(isNew: (shard: Shard) => boolean): void {
    const waiting: Contender[] = [];
    for (const contender of this.#contenders.values()) {
      const { shard, elector } = contender;
      const stays = this.#targets.wantedFor(shard) === this.#options.identity && !this.#leaving;
      if (elector.phase.name === "leading" && !stays) waiting.push(contender);
      else if (isNew(shard)) contender.dispatch({ type: "tick" });
    }
    this.#moves.offer(waiting);
  }

  /** Leases that stand by our member Lease stand longer, or no longer. */
  extended(): void {
    for (const contender of this.#contenders.values()) {
      const version = versionOf(contender.elector);
      if (version?.record.holder !== this.#options.identity || renewalOf(version) === "per-shard") continue;
      contender.dispatch({ type: "tick" });
    }
  }

  /** Members came, left, or say something else; or somebody asks for something else. */
  note(what: "joined" | "left" | "wish"): void {
    this.#targets.note(what);
    this.poke();
  }

  /** From now on everything is drained and released, and nothing is taken. */
  leave(): void {
    this.#leaving = true;
    this.#moves.leave();
    // Whom each shard goes to must be known before the first of them is drained: one without a target is released.
    this.#targets.leave();
    this.poke();
  }

  /** Ends timers; Leases that still name us are left to expire. */
  stop(): void {
    this.#end();
    for (const contender of this.#contenders.values()) contender.stop();
  }

  /** Closes every gate now, without a write. */
  abandon(reason: string): void {
    this.#end();
    for (const contender of this.#contenders.values()) contender.abandon(reason);
  }

  /** Nothing wakes it any more, whoever still tells it something. */
  #end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#targets.stop();
    this.#moves.stop();
  }

  /** Brings the gauges that change with time alone up to date. */
  sample(): void {
    const { clock, identity, telemetry, roster } = this.#options;
    const nowMs = clock.monotonicMs();
    const live = liveIdentities(roster(), nowMs);
    for (const resource of this.#keyMaps.keys()) {
      const contenders = [...this.#contenders.values()].filter(({ shard }) => shard.resource === resource);
      const unowned = contenders.filter((contender) => !hasLiveOwner(contender, identity, live, nowMs)).length;
      telemetry.meter.set("electorate_shards_unowned", { resource }, unowned);
      const blocked = this.isBlocked(resource) ? unowned : 0;
      telemetry.meter.set("electorate_shards_blocked", { resource }, blocked);
    }
  }

  /** True while shards of the resource wait for those who hold its keys under another key map. */
  isBlocked(resource: string): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    return (this.#keyMaps.get(resource)?.freeFromMs(nowMs) ?? nowMs) > nowMs;
  }

  #applySnapshot(versions: readonly LeaseVersion[], firstInstall: boolean): void {
    const listed = new Set(versions.map((version) => version.name));
    const missing = [...this.#contenders.keys(), ...this.#others.names].filter((leaseName) => !listed.has(leaseName));
    // A snapshot speaks of one moment: before anything opens by one of its Leases, the key maps of all of them must be known.
    for (const version of versions) this.#noteKeyMap(version);
    for (const leaseName of missing) this.#noteAbsence(leaseName, firstInstall);
    for (const version of versions) this.#see(version, "list");
    for (const leaseName of missing) this.#miss(leaseName, "list", firstInstall);
    this.#targets.recheck();
    this.poke();
  }

  #noteKeyMap(version: LeaseVersion): void {
    const resource = this.#contenders.get(version.name)?.shard.resource ?? this.#resourceOf(version);
    if (resource === undefined) return;
    const known =
      this.#contenders.get(version.name)?.elector.observation ?? this.#others.get(version.name)?.observation;
    this.#keyMaps
      .get(resource)
      ?.observe(version.name, observeVersion(known ?? UNSEEN, version, this.#absences.arrival("list")));
  }

  #noteAbsence(leaseName: string, firstInstall: boolean): void {
    const resource = this.#contenders.get(leaseName)?.shard.resource ?? this.#others.get(leaseName)?.resource ?? "";
    this.#keyMaps.get(resource)?.observe(leaseName, observeAbsence(firstInstall, this.#absences.arrival("list")));
  }

  #see(version: LeaseVersion, channel: "watch" | "list"): void {
    const contender = this.#contenders.get(version.name);
    if (contender !== undefined) {
      const before = versionOf(contender.elector);
      const settled = this.#keyMaps.get(contender.shard.resource)?.settle(this.#options.identity, version, before);
      contender.dispatch({ type: "seen", version, channel });
      if (before?.record.holder !== version.record.holder)
        this.#targets.noteHolder(contender.shard, version.record.holder);
      if (wasWaitedOut(before, version)) this.#noteWaitedOut(contender.shard, before, version);
      this.#lookAt(contender);
      this.#targets.notePin(contender.shard, pinOf(version));
      this.#mind(contender.shard.resource, version.name, contender.elector.observation, channel);
      if (settled) this.poke();
      return;
    }
    const resource = this.#resourceOf(version);
    if (resource === undefined) return;
    this.#mind(
      resource,
      version.name,
      this.#others.observe(version, resource, this.#absences.arrival(channel)),
      channel,
    );
  }

  #noteWaitedOut(shard: Shard, before: LeaseVersion, now: LeaseVersion): void {
    const taker = memberOf(this.#options.roster(), now.record.holder);
    if (taker === undefined || !isLive(taker, this.#options.clock.monotonicMs())) return;
    this.#targets.expired(shard, before.record.holder);
  }

  /** The resource of a Lease that is none of our shards, if it is a shard of one of ours. */
  #resourceOf({ labels }: LeaseVersion): string | undefined {
    return labels[LABEL_ROLE] === "shard" ? this.#resourceOfLabel.get(labels[LABEL_RESOURCE] ?? "") : undefined;
  }

  #miss(leaseName: string, channel: "watch" | "list", firstInstall: boolean): void {
    const contender = this.#contenders.get(leaseName);
    if (contender !== undefined) {
      contender.dispatch({ type: "absent", channel, firstInstall });
      this.#targets.notePin(contender.shard, undefined);
      this.#mind(contender.shard.resource, leaseName, contender.elector.observation, channel);
      return;
    }
    const other = this.#others.forget(leaseName);
    if (other === undefined) return;
    this.#mind(other.resource, leaseName, observeAbsence(false, this.#absences.arrival(channel)), channel);
  }

  /** Keeps the resource's key maps; others than ours concern every contender of the resource. */
  #mind(resource: string, leaseName: string, observation: Observation, channel: "watch" | "list"): void {
    const keyMaps = this.#keyMaps.get(resource);
    if (keyMaps === undefined) return;
    // After a list everybody looks again anyway, once for all of its Leases.
    if (!keyMaps.observe(leaseName, observation) || channel === "list") return;
    for (const contender of this.#contenders.values()) {
      if (contender.shard.resource === resource) contender.dispatch({ type: "tick" });
    }
    this.#armHorizon();
  }

  /** Wakes everybody when a member or another key map's holder has run out of time, which no event announces. */
  #armHorizon(): void {
    if (this.#ended) return;
    const nowMs = this.#options.clock.monotonicMs();
    this.#noteDeaths(nowMs);
    const { deaths, roster, clock } = this.#options;
    const freed = new Set<string>();
    const held = heldLeases(this.#contenders.values(), this.#others, (leaseName, resource, observation) => {
      if (this.#keyMaps.get(resource)?.observe(leaseName, observation)) freed.add(resource);
    });
    let nextMs = Math.min(nextExpiryMs(roster(), nowMs), deaths.look(held, nowMs));
    for (const keyMaps of this.#keyMaps.values()) {
      const freeMs = keyMaps.freeFromMs(nowMs);
      if (freeMs > nowMs) nextMs = Math.min(nextMs, freeMs);
    }
    this.#timer?.cancel();
    this.#horizonMs = nextMs;
    if (nextMs < Number.POSITIVE_INFINITY) {
      this.#timer = clock.timer(Math.max(1, nextMs - nowMs), () => this.poke());
    }
    for (const contender of this.#contenders.values()) {
      if (freed.has(contender.shard.resource)) contender.dispatch({ type: "tick" });
    }
  }

  /** A Lease may come to name somebody who is gone already. */
  #lookAt(contender: Contender): void {
    const held = heldByOther(contender);
    if (held === undefined) return;
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#options.deaths.look([held], nowMs) < this.#horizonMs) this.#armHorizon();
  }

  /** Whoever ran out of time since this was last asked; most have renewed meanwhile, and a renewal is no reason to plan. */
  #noteDeaths(nowMs: number): void {
    const members = [...this.#options.roster().values()];
    const died = members.some(({ liveUntilMs }) => liveUntilMs > this.#judgedMs && liveUntilMs <= nowMs);
    this.#judgedMs = nowMs;
    if (died) this.#targets.note("left");
  }

  /** What somebody who is asked to take nothing may claim is what names it already. */
  #mayContend(shard: Shard, holder: string, nowMs: number): boolean {
    const { identity, roster, isWarm, renewal, memberValidUntilMs } = this.#options;
    // Who has not joined may stand in no Lease that stands by members: others would take it for somebody who is gone.
    if (renewal === "per-member" && memberValidUntilMs() === Number.NEGATIVE_INFINITY) return false;
    if (!isWarm(shard.resource)) return false;
    const members = roster();
    if (holder !== identity && memberOf(members, identity)?.intent !== undefined) return false;
    const keyMaps = this.#keyMaps.get(shard.resource);
    return keyMaps?.isPreferred(shard.resource, members, nowMs, () => this.#isHeldUnderOurs(shard, nowMs)) ?? true;
  }

  #standingOf(shard: Shard, elector: Elector, now: Instant): Standing {
    const { identity, timings, roster } = this.#options;
    const members = roster();
    const keyMaps = this.#keyMaps.get(shard.resource);
    const holder = versionOf(elector)?.record.holder ?? "";
    const leads = ["leading", "draining", "stuck"].includes(elector.phase.name);
    const freeMs = takeableFromMs(elector.observation);
    const expired = holder !== "" && holder !== identity && freeMs <= now.monotonicMs;
    if (expired) this.#targets.lapsed(shard, holder);
    const wanted = this.#targets.wantedFor(shard);
    // Whom the plan names goes first; the others wait their turn, in case it does not come or has stopped coming. A holder asks for none of this.
    const rank = leads || wanted === identity ? 0 : rankOf(shard, identity, members, now.monotonicMs, holder);
    const turn = wanted === undefined || wanted === identity ? rank : rank + 2;
    const busyMs = wanted === identity ? 0 : Math.max(0, this.#targets.lastTookMs(shard) - freeMs);
    const absenceMs = (): number => this.#absences.waitMs(now.monotonicMs);
    return {
      leaves: this.#leaving,
      contends: leads || this.#mayContend(shard, holder, now.monotonicMs),
      mayClaim: this.#claims.mayClaim,
      mayOpen: (keyMaps?.freeFromMs(now.monotonicMs) ?? Number.NEGATIVE_INFINITY) <= now.monotonicMs,
      mayDrain: this.#moves.mayDrain,
      target: this.#moves.targetFor(shard, elector, now.monotonicMs),
      rankDelayMs: busyMs + turn * rankStepMs(timings.retryPeriodMs),
      // Asked for only when a Lease is missing.
      get absenceMs() {
        return absenceMs();
      },
    };
  }

  #isHeldUnderOurs({ resource, keyMap }: Shard, monotonicMs: number): boolean {
    for (const { shard, elector } of this.#contenders.values()) {
      if (shard.resource !== resource || !isHeldNow(elector.observation, monotonicMs)) continue;
      if (versionOf(elector)?.annotations[ANNOTATION_KEY_MAP] === keyMap) return true;
    }
    return false;
  }
}
