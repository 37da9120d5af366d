import { isLive, type Member, planStateOf, type Roster } from "../membership/roster.ts";

/**
 * Who goes first for a shard that is free: an order that every replica computes alike and that differs from shard to shard, so
 * that S expiries cause about S writes and not S x N.
 */

/** How many live members rank before `identity` for `shard`. `exceptHolder` is out of the race: it let the Lease go. */
export function rankOf(
  shard: { readonly id: string; readonly resource: string; readonly keyMap: string },
  identity: string,
  roster: Roster,
  monotonicMs: number,
  exceptHolder: string,
): number {
  const ours = place(shard.id, identity);
  let before = 0;
  for (const member of roster.values()) {
    if (member.identity === identity || member.identity === exceptHolder) continue;
    if (!isReady(member, monotonicMs)) continue;
    if (member.resources.get(shard.resource) !== shard.keyMap) continue;
    const theirs = place(shard.id, member.identity);
    if (theirs < ours || (theirs === ours && member.identity < identity)) before += 1;
  }
  return before;
}

/**
 * Who does what one member is to do for all, such as telling about `what` or clearing it away: how many of those that can rank
 * before `identity`; `undefined` when it is none of them.
 */
export function stewardRank(what: string, identity: string, roster: Roster, monotonicMs: number): number | undefined {
  const stewards = [...roster.values()].filter((member) => isReady(member, monotonicMs));
  if (!stewards.some((member) => member.identity === identity)) return undefined;
  const ours = place(what, identity);
  return stewards.filter((member) => place(what, member.identity) < ours).length;
}

function isReady(member: Member, monotonicMs: number): boolean {
  return planStateOf(member) === "ready" && member.understood && member.seenToChange && isLive(member, monotonicMs);
}

/** A number in [0, 1) that spreads well over shards and members: FNV-1a with a final mix, because FNV alone leaves near names near. */
export function place(...parts: readonly string[]): number {
  let hash = 0x811c9dc5;
  for (const part of parts) {
    for (let index = 0; index < part.length; index += 1) {
      hash = Math.imul(hash ^ part.charCodeAt(index), 0x01000193);
    }
    hash = Math.imul(hash ^ 0xff, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** Long enough for a better-ranked member's write to be seen, short enough that a dead one costs little. */
export function rankStepMs(retryPeriodMs: number): number {
  return Math.min(250, retryPeriodMs / 4);
}
