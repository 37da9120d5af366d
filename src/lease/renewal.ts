import { ANNOTATION_RENEWAL } from "./names.ts";
import type { LeaseVersion } from "./record.ts";

/**
 * How a shard Lease is kept alive: by writing it every retry period, or by the member Lease of its holder alone. Takers and holders obey
 * what the Lease says, not their own setting, so that a fleet changes from one to the other by an ordinary rolling update.
 */
export type Renewal = "per-shard" | "per-member";

export function renewalOf(version: LeaseVersion): Renewal {
  return version.annotations[ANNOTATION_RENEWAL] === "per-member" ? "per-member" : "per-shard";
}
