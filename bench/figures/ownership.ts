/**
 * What the traces of several replicas say about who owned what: gaps, overlaps, take-overs, moves. Pure; every moment is
 * nanoseconds of CLOCK_MONOTONIC, which all processes of one machine share, whatever language they are written in.
 *
 * A gap is the time from one owner's gate closed to the next owner's gate open. Where the next one opened first there is no
 * gap but an overlap, and it is never counted as a small gap.
 */
import { type GateTerm, milliseconds, ownerGaps, sharedOwnership } from "../../src/cli/demo/history.ts";
import { toMicroseconds } from "./quantiles.ts";

/** Times in which two replicas were allowed to act for one shard. */
export interface Overlaps {
  readonly count: number;
  readonly longestMs: number;
}

export function overlapsOf(terms: readonly GateTerm[]): Overlaps {
  const endOfTraceNs = terms.reduce((latest, { openedNs, closedNs }) => later(latest, closedNs ?? openedNs), 0n);
  const durations = sharedOwnership(terms).map(({ first, second }) => {
    const endNs = earlier(first.closedNs ?? endOfTraceNs, second.closedNs ?? endOfTraceNs);
    return milliseconds(endNs - second.openedNs);
  });
  return { count: durations.length, longestMs: toMicroseconds(Math.max(0, ...durations)) };
}

/** Times without an owner of the shards that each replica in `stoppedNs` gave away after it was told to stop; overlaps are left out. */
export function gapsOfStops(terms: readonly GateTerm[], stoppedNs: ReadonlyMap<string, bigint>): number[] {
  return ownerGaps(terms)
    .filter(({ from, to, openedNs, gapMs }) => {
      const sinceNs = stoppedNs.get(from);
      return sinceNs !== undefined && openedNs > sinceNs && to !== from && gapMs >= 0;
    })
    .map(({ gapMs }) => toMicroseconds(gapMs));
}

/** For each shard that `dead` owned when it died, the time until another owned it. A shard that nobody took is left out. */
export function takeOvers(terms: readonly GateTerm[], dead: string, diedNs: bigint): number[] {
  const held = terms.filter(({ replica, end }) => replica === dead && end === "died").map(({ shard }) => shard);
  return held.flatMap((shard) => {
    const next = terms.find((term) => term.shard === shard && term.replica !== dead && term.openedNs > diedNs);
    return next === undefined ? [] : [toMicroseconds(milliseconds(next.openedNs - diedNs))];
  });
}

export interface Movement {
  /** Changes of owner. */
  readonly moves: number;
  /** Gate closed to gate open at each, without overlaps, in milliseconds. */
  readonly gaps: readonly number[];
  /** From `sinceNs` to the last gate that opened, in milliseconds. */
  readonly untilLastMs: number;
  /** From the first gate that closed for a move to the last that opened, in milliseconds. */
  readonly movingMs: number;
}

/** Every change of owner whose new gate opened after `sinceNs`. */
export function movementSince(terms: readonly GateTerm[], sinceNs: bigint): Movement {
  const changes = ownerGaps(terms).filter(({ openedNs, from, to }) => openedNs > sinceNs && from !== to);
  const lastNs = changes.reduce((latest, { openedNs }) => later(latest, openedNs), sinceNs);
  const firstNs = changes.reduce((first, { openedNs, gapMs }) => earlier(first, openedNs - nanoseconds(gapMs)), lastNs);
  return {
    moves: changes.length,
    gaps: changes.filter(({ gapMs }) => gapMs >= 0).map(({ gapMs }) => toMicroseconds(gapMs)),
    untilLastMs: toMicroseconds(milliseconds(lastNs - sinceNs)),
    movingMs: toMicroseconds(milliseconds(lastNs - firstNs)),
  };
}

/** The fewest moves that make `replicas` equal members evenly full, when `held` says how many shards each holds now. */
export function fewestMoves(held: readonly number[], replicas: number): number {
  const shards = held.reduce((sum, count) => sum + count, 0);
  const floor = Math.floor(shards / replicas);
  const fuller = shards % replicas;
  // Those that hold most keep the ceil: every member gives what is above its share.
  return held
    .toSorted((one, other) => other - one)
    .reduce((sum, count, rank) => sum + Math.max(0, count - (rank < fuller ? floor + 1 : floor)), 0);
}

function nanoseconds(ms: number): bigint {
  return Number.isFinite(ms) ? BigInt(Math.round(ms * 1e6)) : 0n;
}

function later(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

function earlier(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
