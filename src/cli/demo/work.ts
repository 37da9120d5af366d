import { compare, type Deaths, type GateTerm, isHigherEpoch } from "./history.ts";

/**
 * Was every object worked on, by one replica at a time, and by the right one? Pure checks over what the demo itself saw.
 *
 * A reconcile is stamped by the demo, not by the replica: a handler reports its start and waits for the receipt before it
 * does anything, and reports its end and waits for the receipt before it returns. So the stamped time lies inside the true
 * one, and two stamped times that overlap are work that overlapped.
 */

/** One run of the handler, as the demo stamped it. */
export interface Reconcile {
  readonly replica: string;
  readonly shard: string;
  readonly epoch: string;
  /** `<resource>/<namespace>/<name>`. */
  readonly key: string;
  readonly startedNs: bigint;
  /** Left out while the handler runs, and for ever when its replica died meanwhile. */
  readonly endedNs: bigint | undefined;
  readonly result: ReconcileResult;
}

/** `written` changed the object, `unchanged` found it in its wanted state, `failed` threw, `open` has not ended. */
export type ReconcileResult = "written" | "unchanged" | "failed" | "open";

/** Two reconciles of one key that overlap in time, in whatever processes. */
export interface Duplicate {
  readonly key: string;
  readonly first: Reconcile;
  readonly second: Reconcile;
}

/** Every reconcile that started while an earlier one of the same key was still running. */
export function duplicates(reconciles: readonly Reconcile[], deaths: Deaths): Duplicate[] {
  const running = new Map<string, { readonly reconcile: Reconcile; readonly endNs: bigint | undefined }>();
  const found: Duplicate[] = [];
  for (const reconcile of [...reconciles].sort((a, b) => compare(a.startedNs, b.startedNs))) {
    const before = running.get(reconcile.key);
    const endNs = endOf(reconcile, deaths);
    if (before !== undefined && (before.endNs === undefined || reconcile.startedNs < before.endNs)) {
      found.push({ key: reconcile.key, first: before.reconcile, second: reconcile });
    }
    if (before === undefined || lastsLonger(endNs, before.endNs)) running.set(reconcile.key, { reconcile, endNs });
  }
  return found;
}

/** When the work ended: as reported, else with the death of its replica, else not yet. */
function endOf(reconcile: Reconcile, deaths: Deaths): bigint | undefined {
  if (reconcile.endedNs !== undefined) return reconcile.endedNs;
  const died = deaths.get(reconcile.replica);
  // A report that was still in the pipe when its writer died is stamped after the death.
  return died === undefined || died > reconcile.startedNs ? died : reconcile.startedNs;
}

function lastsLonger(end: bigint | undefined, other: bigint | undefined): boolean {
  if (other === undefined) return false;
  return end === undefined || end > other;
}

/**
 * Stale work: reconciles that started after another replica had opened the gate of the shard with a higher epoch.
 * A report of a replica that is dead is not judged by the time at which it left the pipe.
 */
export function staleReconciles(
  reconciles: readonly Reconcile[],
  terms: readonly GateTerm[],
  deaths: Deaths,
): Reconcile[] {
  const byShard = Map.groupBy(terms, (term) => term.shard);
  return reconciles.filter((reconcile) => {
    const died = deaths.get(reconcile.replica);
    const startedNs = died !== undefined && died < reconcile.startedNs ? died : reconcile.startedNs;
    return (byShard.get(reconcile.shard) ?? []).some(
      (term) =>
        term.replica !== reconcile.replica && term.openedNs < startedNs && isHigherEpoch(term.epoch, reconcile.epoch),
    );
  });
}

/** Reconciles for a shard whose gate their replica had not yet opened with that epoch when they started. */
export function unownedReconciles(reconciles: readonly Reconcile[], terms: readonly GateTerm[]): Reconcile[] {
  const byOwner = Map.groupBy(terms, (term) => `${term.replica} ${term.shard} ${term.epoch}`);
  return reconciles.filter((reconcile) => {
    const own = byOwner.get(`${reconcile.replica} ${reconcile.shard} ${reconcile.epoch}`) ?? [];
    return !own.some((term) => term.openedNs <= reconcile.startedNs);
  });
}

/** One object at the end: the value that was last written to it, and the value that the controller last copied. */
export interface ObservedObject {
  readonly key: string;
  readonly wanted: string;
  readonly observed: string | undefined;
}

/** The objects whose newest value no reconcile has seen, and those that are missing. */
export function lostKeys(wanted: ReadonlyMap<string, string>, objects: readonly ObservedObject[]): string[] {
  const found = new Map(objects.map((object) => [object.key, object]));
  return [...wanted].filter(([key, value]) => !isReconciled(found.get(key), value)).map(([key]) => key);
}

function isReconciled(object: ObservedObject | undefined, value: string): boolean {
  return object !== undefined && object.wanted === value && object.observed === value;
}
