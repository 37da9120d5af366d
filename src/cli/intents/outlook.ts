import type { Observation } from "../../election/observation.ts";
import { planInput } from "../../election/plan-input.ts";
import { freezeOf, pinOf } from "../../lease/intents.ts";
import {
  ANNOTATION_KEY_MAP,
  ANNOTATION_RESOURCE,
  controlLeaseName,
  LABEL_RESOURCE,
  LABEL_ROLE,
} from "../../lease/names.ts";
import { isHeld, type LeaseVersion } from "../../lease/record.ts";
import { NOBODY_YET } from "../../membership/attendance.ts";
import { NO_ROLLOUT, observeVersions } from "../../membership/rollout.ts";
import { EMPTY_ROSTER, type Member, observeMember } from "../../membership/roster.ts";
import { plan } from "../../placement/plan.ts";
import { isCurrent } from "../status/wall.ts";

/** The Leases of a coordinator at one moment. */
export interface Fleet {
  readonly coordinator: string;
  readonly versions: readonly LeaseVersion[];
  /** By this machine's clock. */
  readonly wallMs: number;
}

export interface Move {
  readonly shard: string;
  /** Identity; `undefined` when nobody holds it. */
  readonly from: string | undefined;
  /** Identity; `undefined` when nobody may be given it. */
  readonly to: string | undefined;
}

export interface ShardLease {
  readonly id: string;
  readonly leaseName: string;
  readonly resource: string;
  readonly keyMap: string;
  readonly version: LeaseVersion;
  /** Identity of a live member or of a stranger; `undefined` when nobody holds it now. */
  readonly holder: string | undefined;
  readonly pin: string | undefined;
}

/** What the replicas will do next, as far as Leases tell. */
export interface Outlook {
  readonly shards: readonly ShardLease[];
  /** The live ones. */
  readonly members: readonly Member[];
  readonly moves: readonly Move[];
  /** Ids of shards whose pin binds nothing. */
  readonly voidPins: readonly string[];
  readonly freeze: string | undefined;
}

/**
 * Makes the plan that the replicas make, from the same Leases. What Leases do not say is left out: how long two versions have been
 * alive together, who is on probation, and moves for the sake of the spread.
 */
export function outlookOf(fleet: Fleet): Outlook {
  const members = membersOf(fleet);
  const shards = shardsIn(fleet, members);
  const control = fleet.versions.find(({ name }) => name === controlLeaseName(fleet.coordinator));
  const freeze = control && freezeOf(control);
  const shardOf = new Map(shards.map((shard) => [shard.id, shard]));
  const live = members.filter((member) => isCurrent(member.lease, fleet.wallMs));
  const input = planInput({
    monotonicMs: NOW_MS,
    leaving: undefined,
    live,
    known: new Set(members.map(({ identity }) => identity)),
    shards,
    observationOf: ({ id }) => shardOf.get(id) && observationOf(shardOf.get(id)),
    // Leases do not say what is on its way.
    promisedTo: () => undefined,
    isFrozen: freeze !== undefined,
    attendance: NOBODY_YET,
    rollout: observeVersions(NO_ROLLOUT, live, NOW_MS),
    rolloutWindowMs: Number.POSITIVE_INFINITY,
    respread: undefined,
  });
  const made = plan(input.members, input.shards, input.holders, input.options);
  const moves = [...made.moves].map(([shard, to]) => ({
    shard,
    from: input.holders.get(shard),
    to: to ?? undefined,
  }));
  return { shards, members: live, moves, voidPins: made.voidPins, freeze };
}

/** The same Leases with annotations of one of them changed, to see what would follow. */
export function annotated(fleet: Fleet, lease: string, annotations: Readonly<Record<string, string>>): Fleet {
  const versions = fleet.versions.map((version) => (version.name === lease ? { ...version, annotations } : version));
  return { ...fleet, versions };
}

/** All that is seen is seen at one moment. */
const NOW_MS = 0;

function membersOf({ versions }: Fleet): readonly Member[] {
  let roster = EMPTY_ROSTER;
  for (const version of versions) {
    if (version.labels[LABEL_ROLE] === "member") roster = observeMember(roster, version, "watch", NOW_MS, 1);
  }
  return [...roster.values()];
}

function shardsIn({ coordinator, versions, wallMs }: Fleet, members: readonly Member[]): readonly ShardLease[] {
  const live = new Set(members.filter(({ lease }) => isCurrent(lease, wallMs)).map(({ identity }) => identity));
  return versions
    .filter(({ labels }) => labels[LABEL_ROLE] === "shard")
    .map((version) => {
      const { name, annotations, labels, record } = version;
      const resource = annotations[ANNOTATION_RESOURCE] ?? labels[LABEL_RESOURCE] ?? "";
      // With per-member renewal a shard Lease stands while its holder's member Lease does.
      const held = isHeld(record) && (live.has(record.holder) || isCurrent(version, wallMs));
      return {
        id: shardIdOf(coordinator, name),
        leaseName: name,
        resource,
        keyMap: annotations[ANNOTATION_KEY_MAP] ?? "",
        version,
        holder: held ? record.holder : undefined,
        pin: pinOf(version),
      };
    });
}

/** What logs and commands call the shard of a Lease. */
export function shardIdOf(coordinator: string, leaseName: string): string {
  return leaseName.startsWith(`${coordinator}-`) ? leaseName.slice(coordinator.length + 1) : leaseName;
}

function observationOf(shard: ShardLease | undefined): Observation | undefined {
  if (shard === undefined) return undefined;
  const heldUntilMs = shard.holder === undefined ? NOW_MS : NOW_MS + 1;
  return {
    sight: { type: "present", version: shard.version },
    heldUntilMs,
    standsByMember: false,
    embargoUntilMs: NOW_MS,
  };
}
