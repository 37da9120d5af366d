import { pinOf } from "../lease/intents.ts";
import type { Shard } from "../lease/names.ts";
import { isHeld } from "../lease/record.ts";
import { type Attendance, probationEndMs } from "../membership/attendance.ts";
import { type Rollout, rolloutEndMs } from "../membership/rollout.ts";
import { type Member, planStateOf } from "../membership/roster.ts";
import type { PlanMember } from "../placement/fleet.ts";
import type { PlanOptions, PlanShard } from "../placement/standing.ts";
import { isHeldNow, type Observation } from "./observation.ts";

/** What the plan must know of a shard, to whoever asks for one. */
export type PlannedShard = Omit<Shard, "bucket">;

/** What one replica knows when it plans. */
export interface PlanSituation {
  readonly monotonicMs: number;
  /** This replica, if it leaves: it knows so before its member Lease says it. */
  readonly leaving: string | undefined;
  /** The members that the plan counts with. */
  readonly live: readonly Member[];
  /** Identities of all members that have a Lease, dead or alive. */
  readonly known: ReadonlySet<string>;
  readonly shards: readonly PlannedShard[];
  readonly observationOf: (shard: PlannedShard) => Observation | undefined;
  /** For a shard that this replica is about to hand over: whom the last plan gave it to. */
  readonly promisedTo: (shard: PlannedShard) => string | undefined;
  readonly isFrozen: boolean;
  readonly attendance: Attendance;
  readonly rollout: Rollout;
  readonly rolloutWindowMs: number;
  readonly respread: number | undefined;
}

/** What the plan is made of. */
export interface PlanInput {
  readonly members: readonly PlanMember[];
  readonly shards: readonly PlanShard[];
  readonly holders: ReadonlyMap<string, string>;
  readonly options: PlanOptions & { readonly pins: ReadonlyMap<string, string>; readonly rolloutOver: boolean };
  /** Shards that are none of the plan's business: held by somebody who never was a member, until it lets go. */
  readonly foreign: ReadonlySet<string>;
  /** Monotonic time at which time alone changes this input; infinite for never. */
  readonly changesAtMs: number;
}

/**
 * Shards that have just moved are not held back here, as the plan's cooldown could: a plan that must leave them where they are moves
 * others instead, and some of those back once it need not. They are moved as planned, only later, by who holds them.
 */
export function planInput(situation: PlanSituation): PlanInput {
  const { monotonicMs, live, known, rollout, rolloutWindowMs, respread, isFrozen } = situation;
  const identities = new Set(live.map(({ identity }) => identity));
  const shards: PlanShard[] = [];
  const holders = new Map<string, string>();
  const pins = new Map<string, string>();
  const foreign = new Set<string>();
  for (const shard of situation.shards) {
    const { id, resource, keyMap } = shard;
    const observation = situation.observationOf(shard);
    const version = observation?.sight.type === "present" ? observation.sight.version : undefined;
    const pin = version && pinOf(version);
    if (pin !== undefined) pins.set(id, pin);
    const held = observation !== undefined && version !== undefined && isHeldNow(observation, monotonicMs);
    const holder = held && isHeld(version.record) ? version.record.holder : undefined;
    if (holder !== undefined && !known.has(holder)) {
      foreign.add(id);
      continue;
    }
    shards.push({ id, resource, keyMap, weight: 1 });
    if (holder === undefined || !identities.has(holder)) continue;
    // What is on its way counts as arrived, or a new plan could choose another shard in its place, and both would go.
    const promised = isFrozen ? undefined : situation.promisedTo(shard);
    holders.set(id, promised !== undefined && identities.has(promised) ? promised : holder);
  }
  const rolloutEndsMs = rolloutEndMs(rollout, rolloutWindowMs);
  const rolloutOver = rolloutEndsMs <= monotonicMs;
  const probation = probationEnds(situation);
  return {
    members: live.map((member) => planMember(member, situation.leaving, probation.has(member.identity))),
    shards,
    holders,
    options: { pins, freeze: isFrozen, rolloutOver, respread },
    foreign,
    changesAtMs: Math.min(rolloutOver ? Number.POSITIVE_INFINITY : rolloutEndsMs, ...probation.values()),
  };
}

/**
 * Who is on probation, and until when. It must not leave a shard without anybody who may be given it: where nobody else serves
 * what a member serves, the member counts like any other.
 */
function probationEnds({ attendance, live, leaving, monotonicMs }: PlanSituation): ReadonlyMap<string, number> {
  const ends = new Map<string, number>();
  const served = new Set<string>();
  const ready = live.filter((member) => planStateOf(member) === "ready" && member.identity !== leaving);
  for (const member of live) {
    const endMs = probationEndMs(attendance, member.identity);
    if (endMs > monotonicMs) ends.set(member.identity, endMs);
  }
  for (const { identity, resources, understood, seenToChange } of ready) {
    if (ends.has(identity) || !understood || !seenToChange) continue;
    for (const [resource, keyMap] of resources) served.add(`${resource} ${keyMap}`);
  }
  const spared = live.filter(({ resources }) =>
    [...resources].some(([name, keyMap]) => !served.has(`${name} ${keyMap}`)),
  );
  for (const { identity } of spared) ends.delete(identity);
  return ends;
}

function planMember(member: Member, leaving: string | undefined, probation: boolean): PlanMember {
  const { identity, weight, zone, version, createdAtMs, resources, understood, seenToChange } = member;
  const state = identity === leaving ? "draining" : planStateOf(member);
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
    probation,
  };
}
