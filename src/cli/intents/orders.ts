import { nearest } from "../../config/near-miss.ts";
import { freezeOf, intentOf } from "../../lease/intents.ts";
import { ANNOTATION_FREEZE, ANNOTATION_INTENT, ANNOTATION_PIN, controlLeaseName, nameOf } from "../../lease/names.ts";
import type { LeaseVersion } from "../../lease/record.ts";
import { type Member, planStateOf } from "../../membership/roster.ts";
import { isListed } from "../../placement/fleet.ts";
import { ElectorateError } from "../../runtime/errors.ts";
import { annotated, type Fleet, type Move, type Outlook, outlookOf, type ShardLease } from "./outlook.ts";

/** What each command writes into which Lease, what it answers, and when what it asked for has happened. Pure. */

export interface Order {
  readonly lease: string;
  /** True for the control Lease, which nobody but this command makes. */
  readonly control: boolean;
  readonly annotation: string;
  /** null takes it off. */
  readonly value: string | null;
  /** False when the Lease says so already: then nothing is written. */
  readonly changes: boolean;
  /** What is asked for, and what will happen; a sentence each. */
  readonly says: readonly string[];
  readonly moves: readonly Move[];
  /** How far it has come, by the Leases of a later moment. */
  readonly progress: (fleet: Fleet) => Progress;
}

export interface Progress {
  readonly done: boolean;
  readonly text: string;
}

/** @throws ElectorateError `not-found` when no live member, or more than one, is called so; as do `cordon` and `uncordon`. */
export function drain(fleet: Fleet, who: string): Order {
  const member = memberCalled(fleet, who);
  const name = nameOf(member.identity);
  const order = orderOf(fleet, member.lease, ANNOTATION_INTENT, "drain");
  const held = heldBy(order.after, member).length;
  const going = order.after.moves.filter(({ from, to }) => from === member.identity && to !== undefined);
  const asked = `${name} is asked to drain${order.changes ? "" : " already"}`;
  const staying = held - going.length;
  const says = [
    held === 0 ? `${asked}: it holds no shard, and is given none.` : `${asked}: ${willMove(going)}.`,
    ...(staying > 0
      ? [
          `${count(staying, "shard")} ${staying === 1 ? "stays" : "stay"} with it until another member may take what it holds.`,
        ]
      : []),
  ];
  const progress = (later: Fleet): Progress => {
    const left = heldBy(outlookOf(later), member);
    const done = left.length === 0;
    const text = done
      ? `${name} holds no shard: it may be stopped, or take part again with uncordon`
      : `${name} holds ${left.length} of ${Math.max(held, left.length)} shards${left.length > 5 ? "" : `: ${left.map(({ id }) => id).join(", ")}`}`;
    return { done, text };
  };
  return { ...order, says, progress };
}

export function cordon(fleet: Fleet, who: string): Order {
  const member = memberCalled(fleet, who);
  const order = orderOf(fleet, member.lease, ANNOTATION_INTENT, "cordon");
  const held = count(heldBy(order.after, member).length, "shard");
  const before = member.intent === "drain" ? " instead of drained" : "";
  const asked = `${nameOf(member.identity)} is cordoned${order.changes ? before : " already"}`;
  return { ...order, says: [`${asked}: it has ${held} and is given no more.`] };
}

export function uncordon(fleet: Fleet, who: string): Order {
  const member = memberCalled(fleet, who);
  const order = orderOf(fleet, member.lease, ANNOTATION_INTENT, null);
  const name = nameOf(member.identity);
  const asked = order.changes
    ? `${name} takes part again: it was asked to ${intentOf(member.lease) ?? "do something unknown"}`
    : `nothing is asked of ${name}`;
  return { ...order, says: [`${asked}; ${willMove(order.moves)}.`, ...frozenNote(order.after)] };
}

/** @throws ElectorateError `not-found` when there is no such shard, or no live member is called so. */
export function pin(fleet: Fleet, what: string, who: string): Order {
  const shard = shardCalled(fleet, what);
  const member = candidates(fleet, who)[0];
  if (member === undefined) throw nobodyCalled(fleet, who);
  const name = nameOf(member.identity);
  const order = orderOf(fleet, shard.version, ANNOTATION_PIN, name);
  const asked = `${shard.id} is pinned to ${name}${order.changes ? "" : " already"}`;
  const moves = order.after.moves.filter((move) => move.shard !== shard.id);
  const others = moves.length === 0 ? [] : [`To keep the load even, ${willMove(moves)}.`];
  const says = order.after.voidPins.includes(shard.id)
    ? [`${asked}, but the pin binds nothing: ${whyVoid(member, shard)}.`]
    : [`${asked}: ${whereabouts(shard, name)}.`, ...others];
  const progress = (later: Fleet): Progress => {
    const now = outlookOf(later).shards.find(({ id }) => id === shard.id);
    const holder = now?.holder === undefined ? "nobody" : nameOf(now.holder);
    return { done: holder === name, text: `${shard.id} is held by ${holder}` };
  };
  return { ...order, says, progress };
}

/** @throws ElectorateError `not-found` when there is no such shard. */
export function unpin(fleet: Fleet, what: string): Order {
  const shard = shardCalled(fleet, what);
  const order = orderOf(fleet, shard.version, ANNOTATION_PIN, null);
  const asked = order.changes
    ? `${shard.id} is no longer pinned to ${shard.pin ?? "anybody"}`
    : `${shard.id} is not pinned`;
  return { ...order, says: [`${asked}; ${willMove(order.moves)}.`, ...frozenNote(order.after)] };
}

/** `text` says since when and by whom; a freeze that is there already is left as it is. */
export function freeze(fleet: Fleet, text: string): Order {
  const control = controlOf(fleet);
  const already = freezeOf(control);
  const order = orderOf(fleet, control, ANNOTATION_FREEZE, already ?? text);
  const asked =
    already === undefined ? `${fleet.coordinator} is frozen` : `${fleet.coordinator} is frozen already (${already})`;
  const rule = "no shard that has a live holder moves, except by a pin, and from members that leave or drain";
  return { ...order, says: [`${asked}: ${rule}.`] };
}

export function unfreeze(fleet: Fleet): Order {
  const control = controlOf(fleet);
  const before = freezeOf(control);
  const order = orderOf(fleet, control, ANNOTATION_FREEZE, null);
  const asked =
    before === undefined
      ? `${fleet.coordinator} is not frozen`
      : `${fleet.coordinator} is no longer frozen (${before})`;
  return { ...order, says: [`${asked}; ${willMove(order.moves)}.`] };
}

interface Draft extends Omit<Order, "says"> {
  /** What the Leases tell once it is written. */
  readonly after: Outlook;
}

function orderOf(fleet: Fleet, { name, annotations }: LeaseVersion, annotation: string, value: string | null): Draft {
  const { [annotation]: before, ...others } = annotations;
  const after = outlookOf(annotated(fleet, name, value === null ? others : { ...others, [annotation]: value }));
  const control = name === controlLeaseName(fleet.coordinator);
  return {
    lease: name,
    control,
    annotation,
    value,
    changes: (before ?? null) !== value,
    moves: after.moves,
    progress: settled,
    after,
  };
}

/** The plan wants nothing any more. */
function settled(later: Fleet): Progress {
  const moving = outlookOf(later).moves.filter(({ to }) => to !== undefined).length;
  return {
    done: moving === 0,
    text: moving === 0 ? "every shard is where the plan wants it" : `${count(moving, "shard")} still to move`,
  };
}

/** The control Lease; one without annotations where there is none yet. */
function controlOf({ coordinator, versions }: Fleet): LeaseVersion {
  const name = controlLeaseName(coordinator);
  const record = { holder: "", durationMs: 0, acquireTime: "", renewTime: "", transitions: 0 };
  const absent = {
    name,
    uid: "",
    resourceVersion: "",
    record,
    labels: {},
    annotations: {},
    object: { metadata: { name } },
  };
  return versions.find((version) => version.name === name) ?? absent;
}

function candidates(fleet: Fleet, who: string): readonly Member[] {
  const { members } = outlookOf(fleet);
  return members.filter(({ identity }) => identity === who || nameOf(identity) === who);
}

function memberCalled(fleet: Fleet, who: string): Member {
  const called = candidates(fleet, who);
  const [only] = called;
  if (only === undefined) throw nobodyCalled(fleet, who);
  if (called.length === 1) return only;
  const which = called.map(({ identity }) => identity).join(", ");
  throw new ElectorateError(
    "not-found",
    `${called.length} live members are called "${who}"; name one by its identity: ${which}`,
  );
}

function nobodyCalled(fleet: Fleet, who: string): ElectorateError {
  const names = outlookOf(fleet).members.map(({ identity }) => nameOf(identity));
  const there = names.length === 0 ? "there is none" : `there ${names.length === 1 ? "is" : "are"} ${listed(names)}`;
  return new ElectorateError(
    "not-found",
    `no live member of ${fleet.coordinator} is called "${who}"; ${there}${meant(who, names)}`,
  );
}

function shardCalled(fleet: Fleet, what: string): ShardLease {
  const { shards } = outlookOf(fleet);
  const found = shards.find(({ id, leaseName }) => id === what || leaseName === what);
  if (found !== undefined) return found;
  const ids = shards.map(({ id }) => id);
  const there = ids.length === 0 ? "there is none yet" : `there are ${listed(ids)}`;
  throw new ElectorateError(
    "not-found",
    `no shard of ${fleet.coordinator} is called "${what}"; ${there}${meant(what, ids)}`,
  );
}

function meant(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates);
  return near === undefined ? "" : ` (did you mean "${near}"?)`;
}

const MOST_LISTED = 20;

function listed(names: readonly string[]): string {
  const shown = names.toSorted().slice(0, MOST_LISTED).join(", ");
  return names.length > MOST_LISTED ? `${shown} and ${names.length - MOST_LISTED} more` : shown;
}

function heldBy({ shards }: Outlook, { identity }: Member): readonly ShardLease[] {
  return shards.filter(({ holder }) => holder === identity);
}

function whereabouts({ holder }: ShardLease, name: string): string {
  if (holder === undefined) return `${name} will take it`;
  return nameOf(holder) === name ? "it is there" : `it will move there from ${nameOf(holder)}`;
}

function whyVoid(member: Member, { resource, keyMap }: ShardLease): string {
  const name = nameOf(member.identity);
  const state = planStateOf(member);
  if (state !== "ready") return `${name} is ${state}`;
  if (!isListed(member.resources, resource, undefined)) return `${name} does not serve ${resource}`;
  if (!isListed(member.resources, resource, keyMap)) return `${name} serves ${resource} with another number of buckets`;
  return `${name} speaks another version of the protocol`;
}

function frozenNote({ freeze: text }: Outlook): readonly string[] {
  return text === undefined ? [] : [`It is frozen (${text}): nothing moves for the sake of the load.`];
}

/** `3 shards will move to 2 members (a 2, b 1)`, `nothing moves`. */
function willMove(moves: readonly Move[]): string {
  const given = new Map<string, number>();
  for (const { to } of moves) if (to !== undefined) given.set(nameOf(to), (given.get(nameOf(to)) ?? 0) + 1);
  if (given.size === 0) return "nothing moves";
  const total = [...given.values()].reduce((sum, one) => sum + one, 0);
  const shares = [...given].toSorted(([one], [other]) => (one < other ? -1 : 1)).map((share) => share.join(" "));
  const [only] = given.keys();
  const whom = given.size === 1 ? only : `${given.size} members (${shares.join(", ")})`;
  return `${count(total, "shard")} will move to ${whom}`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}
