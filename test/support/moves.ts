/**
 * Which shards changed hands, as the Leases themselves say: worked out from the versions that a test's own watch has seen, so that
 * replicas which say nothing, or the wrong thing, about a move are found out.
 */
import type { LeaseMoment } from "./lease-history.ts";

/** One change of holder. Who frees a Lease moves nothing; whoever takes it then does. */
export interface Move {
  readonly lease: string;
  /** The part of the identity before the `_`. */
  readonly from: string;
  readonly to: string;
  /** When the test saw it. */
  readonly ns: bigint;
}

/** Every change of holder of a shard Lease that was seen after `sinceNs`, in the order of the API server. */
export function movesOf(moments: readonly LeaseMoment[], sinceNs: bigint): Move[] {
  const holders = new Map<string, string>();
  const moves: Move[] = [];
  for (const { name, lease, ns } of moments) {
    if (lease.metadata.labels?.["electorate.dev/role"] !== "shard") continue;
    const to = lease.spec?.holderIdentity ?? "";
    if (to === "") continue;
    const from = holders.get(name);
    holders.set(name, to);
    if (from !== undefined && from !== to && ns > sinceNs)
      moves.push({ lease: name, from: nameOf(from), to: nameOf(to), ns });
  }
  return moves;
}

function nameOf(identity: string): string {
  return identity.slice(0, identity.indexOf("_"));
}

/** Leases that changed hands more than once, with every hand that they went through. */
export function movedTwice(moves: readonly Move[]): string[] {
  const byLease = Map.groupBy(moves, ({ lease }) => lease);
  return [...byLease]
    .filter(([, hands]) => hands.length > 1)
    .map(([lease, hands]) => `${lease}: ${hands.map(({ from, to }) => `${from} > ${to}`).join(", ")}`);
}
