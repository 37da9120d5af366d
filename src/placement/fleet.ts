/**
 * Who may hold a shard after the plan, and who may be given one: plain data and functions over it.
 *
 * Promises: the members' order does not matter (they are sorted by id, by code unit); of several versions that are alive,
 * the newest is the one whose oldest live member was created last, because the hash that names a version has no order.
 */

/** A live member, as the plan sees it. */
export interface PlanMember {
  /** Identity, unique; `holders` name it, and pins name it or its part before `_`. */
  readonly id: string;
  /** `ready` may be given shards; `cordoned` only gives; `draining` keeps none. */
  readonly state: "ready" | "cordoned" | "draining";
  /** Share of the load it is to carry beside the others': a whole number, 1 or more. */
  readonly weight: number;
  /** Where it runs; members with the same text share a zone. */
  readonly zone: string;
  /** Which release it runs. */
  readonly version: string;
  /** When it was created, Unix milliseconds as the API server says. */
  readonly createdAtMs: number;
  /** Resources that it is prepared for, with its key map of each; left out: all, with any key map. */
  readonly resources?: ReadonlyMap<string, string> | undefined;
  /** False while it is known from a list only and may have been dead for long: it keeps what it has, and is given nothing. */
  readonly seen: boolean;
  /** False for another major version of the protocol: it keeps what it has, and is given nothing. */
  readonly understood: boolean;
  /** True after it came and went too often: it keeps what it has, and is given nothing, except by a pin. */
  readonly probation: boolean;
}

/** The members that may hold a shard after the plan (all but the draining ones), by index in the order of their ids. */
export interface Fleet {
  readonly members: readonly PlanMember[];
  readonly indexOf: ReadonlyMap<string, number>;
  /** 1 for each member that may be given shards of the resources it lists; the rules of versions come on top. */
  readonly takers: Uint8Array;
  /** Newest first; more than one only while the rules for two versions apply. */
  readonly versions: readonly string[];
}

/** `rolloutOver`: two versions have been alive for so long that they are treated as one. */
export function fleetOf(live: readonly PlanMember[], rolloutOver: boolean): Fleet {
  const members = inOrder(live.filter(({ state }) => state !== "draining"));
  const takers = new Uint8Array(members.length);
  const indexOf = new Map<string, number>();
  members.forEach((member, index) => {
    indexOf.set(member.id, index);
    if (member.state === "ready" && reachable(member) && !member.probation) takers[index] = 1;
  });
  return { members, indexOf, takers, versions: rolloutOver ? [] : newestFirst(live) };
}

/**
 * The member that a pin binds a shard to, or undefined for a pin that is void. A name may stand for several processes, an
 * old one and its successor: the holder comes first, then the one created last.
 */
export function pinnedMember(
  fleet: Fleet,
  pin: string,
  shard: { readonly resource: string; readonly keyMap?: string | undefined },
  holder: string | undefined,
): number | undefined {
  let best: { readonly index: number; readonly member: PlanMember } | undefined;
  for (const [index, member] of fleet.members.entries()) {
    if (member.id !== pin && nameOf(member.id) !== pin) continue;
    // A pin says where a shard is to stay or to go; it cannot make a member able to take it.
    const held = member.id === holder;
    const may =
      member.state === "ready" && reachable(member) && isListed(member.resources, shard.resource, shard.keyMap);
    if (!held && !may) continue;
    if (held) return index;
    if (best === undefined || member.createdAtMs >= best.member.createdAtMs) best = { index, member };
  }
  return best?.index;
}

/** Compares by code unit, as every replica does whatever its locale. */
export function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function inOrder(members: readonly PlanMember[]): readonly PlanMember[] {
  return members.toSorted((one, other) => compareText(one.id, other.id));
}

function nameOf(id: string): string {
  const end = id.indexOf("_");
  return end === -1 ? id : id.slice(0, end);
}

function reachable(member: PlanMember): boolean {
  return member.seen && member.understood;
}

/** Whether a member that lists `resources` is prepared for shards of a resource under a key map. */
export function isListed(resources: PlanMember["resources"], resource: string, keyMap: string | undefined): boolean {
  if (resources === undefined) return true;
  const own = resources.get(resource);
  return own !== undefined && (keyMap === undefined || own === keyMap);
}

function newestFirst(live: readonly PlanMember[]): readonly string[] {
  const oldestMs = new Map<string, number>();
  for (const { version, createdAtMs } of live) {
    const known = oldestMs.get(version);
    if (known === undefined || createdAtMs < known) oldestMs.set(version, createdAtMs);
  }
  return [...oldestMs]
    .sort(([one, oneMs], [other, otherMs]) => otherMs - oneMs || compareText(other, one))
    .map(([version]) => version);
}
