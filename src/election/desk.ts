import { isFenced } from "../lease/fence.ts";
import { observeFreeze } from "../lease/intents.ts";
import { controlLeaseName, LABEL_ROLE } from "../lease/names.ts";
import type { LeaseVersion } from "../lease/record.ts";
import type { LeaseFeedEvent, LeaseWatch } from "../lease/store.ts";
import { type Departures, NO_DEPARTURES, noteDepartures } from "../membership/departures.ts";
import type { MemberKeeper } from "../membership/keeper.ts";
import {
  EMPTY_ROSTER,
  forgetMember,
  isLive,
  keepMembers,
  observeMember,
  planStateOf,
  type Roster,
  standingOf,
} from "../membership/roster.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ElectorateError } from "../runtime/errors.ts";
import type { Campaign } from "./campaign.ts";
import { Position } from "./position.ts";

export interface DeskOptions {
  readonly coordinator: string;
  readonly watch: LeaseWatch;
  readonly keeper: MemberKeeper;
  readonly clock: Clock;
  readonly leaseDurationMs: number;
  /** Told of each event, once members and shards have taken it in. */
  seen(event: LeaseFeedEvent): void;
  /** Something that others may wait for has changed. */
  changed(): void;
}

/**
 * Where the one ordered list+watch of a coordinator's Leases arrives: members go into the roster, shards to the campaign, and
 * always in the order in which the API server stored them.
 */
export class Desk {
  readonly #options: DeskOptions;
  #campaign: Campaign | undefined;
  #roster: Roster = EMPTY_ROSTER;
  #judged: Roster = EMPTY_ROSTER;
  #standing = "";
  #receivers: ReadonlySet<string> = new Set();
  #departures: Departures = NO_DEPARTURES;
  #wishes = "";
  #freeze: string | undefined;
  readonly #position = new Position();

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  get roster(): Roster {
    return this.#roster;
  }

  get departures(): Departures {
    return this.#departures;
  }

  /** A fence of ours is stored: known here before the watch shows it. */
  fenced(version: LeaseVersion): void {
    const { clock, leaseDurationMs } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#roster = observeMember(this.#roster, version, "watch", nowMs, leaseDurationMs);
    this.#noteStanding(nowMs);
    this.#campaign?.poke();
  }

  /** True while somebody asks that nothing moves without need. */
  get isFrozen(): boolean {
    return this.#freeze !== undefined;
  }

  /** True once the first list is complete. */
  get isListed(): boolean {
    return this.#position.isListed;
  }

  /** What our own member Lease says, as the watch has shown it. */
  get own(): LeaseVersion | undefined {
    return this.#roster.get(this.#options.keeper.leaseName)?.lease;
  }

  /**
   * Hands everything to `campaign` until `signal` aborts. A `collision`, a Lease of ours by name that another coordinator has
   * labelled, is refused while nobody was here before; later it is the trouble of that one shard, because somebody's edit of a label
   * must not end a fleet.
   * @throws ElectorateError `lease-name-refused`, or `api-server-restored` when a list is older than what was seen before: what Leases say now may be past.
   */
  async run(campaign: Campaign, signal: AbortSignal, collision?: ElectorateError): Promise<void> {
    this.#campaign = campaign;
    for await (const event of this.#options.watch.events(signal)) {
      if (collision !== undefined && !this.isListed && showsNobody(event)) throw collision;
      this.#take(event, campaign);
      this.#options.seen(event);
      this.#options.changed();
    }
  }

  #take(event: LeaseFeedEvent, campaign: Campaign): void {
    const firstList = !this.#position.isListed;
    this.#position.advance(event);
    const { keeper, clock, leaseDurationMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const before = this.#roster;
    switch (event.type) {
      case "snapshot": {
        const members = event.versions.filter(isMember);
        const names = new Set(members.map(({ name }) => name));
        this.#roster = keepMembers(this.#roster, names);
        for (const version of members) {
          this.#roster = observeMember(this.#roster, version, "list", nowMs, leaseDurationMs);
        }
        keeper.listed();
        if (!firstList && !names.has(keeper.leaseName)) keeper.missed(event.resourceVersion);
        break;
      }
      case "changed":
        if (isMember(event.version)) {
          this.#roster = observeMember(this.#roster, event.version, "watch", nowMs, leaseDurationMs);
        } else this.#forget(event.version);
        break;
      case "deleted":
        this.#forget(event.version);
        break;
      case "bookmark":
        break;
      default:
        event satisfies never;
    }
    const departed = this.#departures;
    if (this.#roster !== before) this.#departures = noteDepartures(departed, before, this.#roster, nowMs);
    this.#noteFreeze(event, campaign);
    // Our own member Lease is written only after the first list, so an empty one says that nobody was ever here.
    campaign.apply(event, firstList && showsNobody(event));
    // Last: what this event says of shards must be known before it lets shards stand longer.
    const own = this.#roster.get(keeper.leaseName)?.lease;
    if (own !== undefined && own !== before.get(keeper.leaseName)?.lease) keeper.see(own);
    this.#noteStanding(nowMs);
    // Shards that stood by somebody who is gone wait for nothing else.
    const fence = event.type === "changed" && isMember(event.version) && isFenced(event.version);
    if (fence || this.#departures !== departed) campaign.poke();
  }

  #noteFreeze(event: LeaseFeedEvent, campaign: Campaign): void {
    const before = this.isFrozen;
    this.#freeze = observeFreeze(this.#freeze, event, controlLeaseName(this.#options.coordinator));
    if (this.isFrozen !== before) campaign.note("wish");
  }

  /** A member Lease that is gone; one that somebody has labelled as another is as good as gone. */
  #forget({ name, resourceVersion }: LeaseVersion): void {
    const { keeper } = this.#options;
    this.#roster = forgetMember(this.#roster, name);
    if (name === keeper.leaseName) keeper.missed(resourceVersion);
  }

  /** A renewal changes nobody's standing; a member that came, went or says something else does. */
  #noteStanding(nowMs: number): void {
    if (this.#roster === this.#judged) return;
    this.#judged = this.#roster;
    const standing = standingOf(this.#roster, nowMs);
    if (standing === this.#standing) return;
    this.#standing = standing;
    const receivers = receiversOf(this.#roster, nowMs);
    const left = [...this.#receivers].some((identity) => !receivers.has(identity));
    this.#receivers = receivers;
    const wishes = wishesOf(this.#roster);
    const wish = wishes !== this.#wishes;
    this.#wishes = wishes;
    this.#campaign?.note(wish ? "wish" : left ? "left" : "joined");
  }
}

/** Members that shards can be given to. */
function receiversOf(roster: Roster, nowMs: number): ReadonlySet<string> {
  const ready = [...roster.values()].filter((member) => planStateOf(member) === "ready" && isLive(member, nowMs));
  return new Set(ready.map(({ identity }) => identity));
}

/** What is asked of members, all in one text. */
function wishesOf(roster: Roster): string {
  const asked = [...roster.values()].filter(({ intent }) => intent !== undefined);
  return asked.map(({ identity, intent }) => `${identity} ${intent}`).join("\n");
}

/** A list in which no replica of this coordinator has left a trace; what people asked for before there was one is none. */
function showsNobody(event: LeaseFeedEvent): boolean {
  return event.type === "snapshot" && event.versions.every(({ labels }) => labels[LABEL_ROLE] === "control");
}

function isMember(version: LeaseVersion): boolean {
  return version.labels[LABEL_ROLE] === "member";
}
