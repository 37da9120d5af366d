import type { TransitionEvent } from "../../runtime/telemetry.ts";

/**
 * Who was allowed to act for which shard, and when: worked out from the transition lines that the replicas wrote.
 *
 * Everything here is pure. Times are nanoseconds of CLOCK_MONOTONIC, which all processes of the machine share. A replica is
 * named by the demo after the pipe on which its line arrived, never by what the line says.
 */

/** One transition line as it came from a replica's standard output. */
export interface RecordedTransition {
  readonly replica: string;
  readonly event: TransitionEvent;
  readonly shard: string;
  readonly epoch: string;
  readonly reason: string;
  readonly marginMs: number | undefined;
  readonly ns: bigint;
}

/** One unbroken time with an open gate. `closedNs` is left out while the gate is open. */
export interface GateTerm {
  readonly shard: string;
  readonly replica: string;
  readonly epoch: string;
  readonly openedNs: bigint;
  readonly closedNs: bigint | undefined;
  /** How the gate closed. */
  readonly end: "open" | "closed" | "died";
}

/** A time between two terms of one shard, in which nobody acted for it. Below zero when the two terms overlap. */
export interface OwnerGap {
  readonly shard: string;
  readonly from: string;
  readonly to: string;
  readonly epoch: string;
  readonly openedNs: bigint;
  readonly gapMs: number;
  /** True when the older owner died instead of closing its gate. */
  readonly crash: boolean;
}

/** Moment of death by replica name: from then on its gates count as closed. */
export type Deaths = ReadonlyMap<string, bigint>;

const EVENTS: ReadonlySet<string> = new Set<TransitionEvent>([
  "lease-acquired",
  "lease-released",
  "lease-transferred",
  "lease-lost",
  "gate-opened",
  "gate-closed",
  "queue-started",
  "queue-stopped",
]);

function isTransitionEvent(event: unknown): event is TransitionEvent {
  return typeof event === "string" && EVENTS.has(event);
}

const DECIMAL = /^\d+$/;

/** The transition in one line of a replica's log, or `undefined` for any other line. */
export function parseTransition(replica: string, line: string): RecordedTransition | undefined {
  const fields = parseFields(line);
  if (fields === undefined) return undefined;
  const { event, shard, epoch, reason, marginMs, monotonicNs } = fields;
  if (!isTransitionEvent(event) || typeof shard !== "string" || typeof epoch !== "string") return undefined;
  if (typeof monotonicNs !== "string" || !DECIMAL.test(monotonicNs)) return undefined;
  return {
    replica,
    event,
    shard,
    epoch,
    reason: typeof reason === "string" ? reason : "",
    marginMs: typeof marginMs === "number" ? marginMs : undefined,
    ns: BigInt(monotonicNs),
  };
}

function parseFields(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The terms of every shard in the order in which their gates opened.
 *
 * A gate is a deadline: its line may be written after the deadline has passed, and then carries a margin below zero.
 * What counts is when the gate was closed, not when that was noticed.
 */
export function gateTerms(transitions: readonly RecordedTransition[], deaths: Deaths): GateTerm[] {
  const open = new Map<string, RecordedTransition>();
  const terms: GateTerm[] = [];
  const finish = (opened: RecordedTransition, closedNs: bigint | undefined, end: GateTerm["end"]): void => {
    const { shard, replica, epoch, ns } = opened;
    terms.push({ shard, replica, epoch, openedNs: ns, closedNs, end });
  };
  for (const transition of [...transitions].sort((a, b) => compare(a.ns, b.ns))) {
    const owner = `${transition.replica} ${transition.shard}`;
    const opened = open.get(owner);
    if (transition.event === "gate-opened") {
      // Twice without a close between: one term all along, as far as anybody outside can tell.
      if (opened === undefined) open.set(owner, transition);
    } else if (transition.event === "gate-closed" && opened !== undefined) {
      finish(opened, later(opened.ns, closingTime(transition)), "closed");
      open.delete(owner);
    }
  }
  for (const opened of open.values()) {
    const died = deaths.get(opened.replica);
    if (died === undefined) finish(opened, undefined, "open");
    else finish(opened, later(opened.ns, died), "died");
  }
  return terms.sort((a, b) => compare(a.openedNs, b.openedNs));
}

function closingTime(closed: RecordedTransition): bigint {
  const overdueMs = Math.max(0, -(closed.marginMs ?? 0));
  return closed.ns - BigInt(Math.round(overdueMs * 1e6));
}

/** What lies between each term and the one after it, shard by shard, in the order in which the gates opened. */
export function ownerGaps(terms: readonly GateTerm[]): OwnerGap[] {
  const newest = new Map<string, GateTerm>();
  const gaps: OwnerGap[] = [];
  for (const term of terms) {
    const before = newest.get(term.shard);
    newest.set(term.shard, term);
    if (before === undefined) continue;
    gaps.push({
      shard: term.shard,
      from: before.replica,
      to: term.replica,
      epoch: term.epoch,
      openedNs: term.openedNs,
      gapMs: before.closedNs === undefined ? Number.NEGATIVE_INFINITY : milliseconds(term.openedNs - before.closedNs),
      crash: before.end === "died",
    });
  }
  return gaps;
}

/** Every pair of terms of one shard in which the later gate opened while the earlier one was still open. */
export function sharedOwnership(terms: readonly GateTerm[]): { readonly first: GateTerm; readonly second: GateTerm }[] {
  const longest = new Map<string, GateTerm>();
  const shared: { first: GateTerm; second: GateTerm }[] = [];
  for (const term of terms) {
    const before = longest.get(term.shard);
    if (before !== undefined && (before.closedNs === undefined || term.openedNs < before.closedNs)) {
      shared.push({ first: before, second: term });
    }
    if (before === undefined || outlasts(term, before)) longest.set(term.shard, term);
  }
  return shared;
}

function outlasts(term: GateTerm, other: GateTerm): boolean {
  if (other.closedNs === undefined) return false;
  return term.closedNs === undefined || term.closedNs >= other.closedNs;
}

/** The terms whose gate is open at the end, by shard. Of two for one shard, the one that opened last. */
export function openTerms(terms: readonly GateTerm[]): Map<string, GateTerm> {
  return new Map(terms.filter((term) => term.end === "open").map((term) => [term.shard, term]));
}

/**
 * True when `later` is a higher epoch than `earlier`: decimal strings, compared by length and then by code unit, never as
 * numbers. Anything that is not a decimal number is not higher.
 */
export function isHigherEpoch(later: string, earlier: string): boolean {
  if (!DECIMAL.test(later) || !DECIMAL.test(earlier)) return false;
  return later.length === earlier.length ? later > earlier : later.length > earlier.length;
}

/** The terms that began with an epoch that was not higher than the epoch of the term before. */
export function fallingEpochs(terms: readonly GateTerm[]): GateTerm[] {
  const newest = new Map<string, GateTerm>();
  return terms.filter((term) => {
    const before = newest.get(term.shard);
    newest.set(term.shard, term);
    return before !== undefined && !isHigherEpoch(term.epoch, before.epoch);
  });
}

/** Nanoseconds as milliseconds with three decimals of precision kept. */
export function milliseconds(ns: bigint): number {
  return Number(ns / 1000n) / 1000;
}

/** Order of two moments, for sorting. */
export function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
