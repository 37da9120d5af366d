import {
  type Deaths,
  fallingEpochs,
  type GateTerm,
  gateTerms,
  milliseconds,
  type OwnerGap,
  openTerms,
  ownerGaps,
  type RecordedTransition,
  sharedOwnership,
} from "./history.ts";
import {
  duplicates,
  lostKeys,
  type ObservedObject,
  type Reconcile,
  type ReconcileResult,
  staleReconciles,
  unownedReconciles,
} from "./work.ts";

/** From everything that was recorded to the verdict. Pure: the same evidence gives the same summary. */

/** One step of the story, with the time it took. */
export interface StepRecord {
  readonly title: string;
  readonly startedNs: bigint;
  readonly endedNs: bigint;
  /** What is worth knowing about it, such as how long all shards took to be owned. */
  readonly note: string;
}

/** Requests to Leases that the API server counted over a calm time. */
export interface RequestWindow {
  readonly requests: number;
  readonly durationMs: number;
}

/** All that was seen while the story ran. */
export interface Evidence {
  readonly shards: readonly string[];
  /** Replicas that run at the end. */
  readonly replicas: readonly string[];
  readonly steps: readonly StepRecord[];
  readonly transitions: readonly RecordedTransition[];
  readonly reconciles: readonly Reconcile[];
  readonly deaths: Deaths;
  /** The value last written to each object, by key. */
  readonly wanted: ReadonlyMap<string, string>;
  readonly objects: readonly ObservedObject[];
  /** Holder that each shard's Lease names at the end: a replica's name. */
  readonly holders: ReadonlyMap<string, string>;
  readonly calm: RequestWindow | undefined;
  readonly changes: number;
  readonly elapsedMs: number;
  /** What went wrong on the way: a step that did not reach its condition, a replica that ended unasked. */
  readonly failures: readonly string[];
}

/** Gaps between two owners that ended within one step. */
export interface StepSummary {
  readonly title: string;
  readonly tookMs: number;
  readonly note: string;
  readonly gaps: number;
  readonly p50GapMs: number | undefined;
  readonly maxGapMs: number | undefined;
}

/** What the demo says at its end; `--json` prints exactly this. */
export interface Summary {
  readonly ok: boolean;
  readonly violations: readonly string[];
  readonly elapsedMs: number;
  readonly steps: readonly StepSummary[];
  readonly reconciles: Readonly<Record<ReconcileResult, number>> & { readonly total: number };
  readonly changes: number;
  readonly duplicates: number;
  readonly stale: number;
  readonly lost: number;
  readonly twoOwners: number;
  readonly shards: number;
  readonly owned: number;
  readonly shardsPerReplica: Readonly<Record<string, number>>;
  readonly leaseRequestsPerShardPerSecond: number | undefined;
}

const NAMED_AT_MOST = 3;

export function summarise(evidence: Evidence): Summary {
  const terms = gateTerms(evidence.transitions, evidence.deaths);
  const owners = openTerms(terms);
  const repeated = duplicates(evidence.reconciles, evidence.deaths);
  const stale = staleReconciles(evidence.reconciles, terms, evidence.deaths);
  const lost = lostKeys(evidence.wanted, evidence.objects);
  const shared = sharedOwnership(terms);
  const violations = [
    ...evidence.failures,
    ...listed("keys worked on twice at once", repeated.map(describeDuplicate)),
    ...listed("reconciles by a replica that had lost the shard", stale.map(describeReconcile)),
    ...listed("reconciles without an open gate", unownedReconciles(evidence.reconciles, terms).map(describeReconcile)),
    ...listed("keys lost: their newest change was never reconciled", lost),
    ...listed(
      "shards with two owners at once",
      shared.map(({ first, second }) => describeShared(first, second)),
    ),
    ...listed(
      "epochs that did not grow",
      fallingEpochs(terms).map((term) => `${term.shard} epoch ${term.epoch}`),
    ),
    ...ownership(evidence, owners),
  ];
  return {
    ok: violations.length === 0,
    violations,
    elapsedMs: Math.round(evidence.elapsedMs),
    steps: stepSummaries(evidence.steps, ownerGaps(terms)),
    reconciles: countResults(evidence.reconciles),
    changes: evidence.changes,
    duplicates: repeated.length,
    stale: stale.length,
    lost: lost.length,
    twoOwners: shared.length,
    shards: evidence.shards.length,
    owned: evidence.shards.filter((shard) => owners.has(shard)).length,
    shardsPerReplica: shardsPerReplica(evidence.replicas, owners),
    leaseRequestsPerShardPerSecond: requestRate(evidence.calm, evidence.shards.length),
  };
}

function listed(what: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const shown = items.slice(0, NAMED_AT_MOST).join("; ");
  return [`${items.length} ${what}: ${shown}${items.length > NAMED_AT_MOST ? "; ..." : ""}`];
}

function describeDuplicate({ key, first, second }: ReturnType<typeof duplicates>[number]): string {
  return `${key} by ${first.replica} (epoch ${first.epoch}) and ${second.replica} (epoch ${second.epoch})`;
}

function describeReconcile(reconcile: Reconcile): string {
  return `${reconcile.key} by ${reconcile.replica} for ${reconcile.shard} epoch ${reconcile.epoch}`;
}

function describeShared(first: GateTerm, second: GateTerm): string {
  return `${first.shard} by ${first.replica} (epoch ${first.epoch}) and ${second.replica} (epoch ${second.epoch})`;
}

/** Each shard must be owned at the end, and its Lease must name the replica whose gate is open. */
function ownership(evidence: Evidence, owners: ReadonlyMap<string, GateTerm>): string[] {
  const unowned = evidence.shards.filter((shard) => !owners.has(shard));
  const disputed = evidence.shards.flatMap((shard) => {
    const owner = owners.get(shard)?.replica;
    const holder = evidence.holders.get(shard);
    return owner === undefined || owner === holder
      ? []
      : [`${shard} is open on ${owner}, Lease of ${holder ?? "nobody"}`];
  });
  return [...listed("shards without an owner", unowned), ...listed("Leases that name another holder", disputed)];
}

function stepSummaries(steps: readonly StepRecord[], gaps: readonly OwnerGap[]): StepSummary[] {
  return steps.map(({ title, startedNs, endedNs, note }) => {
    const within = gaps.filter((gap) => gap.openedNs >= startedNs && gap.openedNs < endedNs).map((gap) => gap.gapMs);
    return {
      title,
      tookMs: Math.round(milliseconds(endedNs - startedNs)),
      note,
      gaps: within.length,
      p50GapMs: percentile(within, 0.5),
      maxGapMs: percentile(within, 1),
    };
  });
}

/** The smallest value that at least `share` of the values do not exceed; `undefined` without values. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

function countResults(reconciles: readonly Reconcile[]): Summary["reconciles"] {
  const count = (result: ReconcileResult): number => reconciles.filter((one) => one.result === result).length;
  return {
    total: reconciles.length,
    written: count("written"),
    unchanged: count("unchanged"),
    failed: count("failed"),
    open: count("open"),
  };
}

function shardsPerReplica(
  replicas: readonly string[],
  owners: ReadonlyMap<string, GateTerm>,
): Readonly<Record<string, number>> {
  const held = [...owners.values()];
  return Object.fromEntries(
    replicas.map((replica) => [replica, held.filter((term) => term.replica === replica).length]),
  );
}

function requestRate(calm: RequestWindow | undefined, shards: number): number | undefined {
  if (calm === undefined || calm.durationMs <= 0 || shards === 0) return undefined;
  return Math.round((calm.requests / shards / (calm.durationMs / 1000)) * 1000) / 1000;
}
