import type { Intent } from "../../lease/intents.ts";
import type { QueueStatistics } from "../../queue/work-queue.ts";

/** What `electorate status`, `members` and `where` say, as data: also the shape of their JSON and YAML. */

/**
 * `owned`: held by a member. `foreign`: held by somebody who is no member of this coordinator. `expired`: held on, past its
 * duration. `released`: free at once. `empty`: nobody is named, and yet it is no release, so it is waited out.
 * `unclear`: somebody is named, but the Lease does not say since when. `missing`: members serve it, and it has no Lease.
 */
export type ShardState = "owned" | "foreign" | "expired" | "released" | "empty" | "unclear" | "missing";

export interface ShardStatus {
  readonly shard: string;
  readonly lease: string;
  readonly resource: string;
  readonly state: ShardState;
  /** Full identity, empty when nobody is named. */
  readonly holder: string;
  /** `undefined` where the Lease does not say it. */
  readonly epoch: string | undefined;
  /** Since when the holder has had the shard, as the Lease says it. */
  readonly acquiredAt: string | undefined;
  readonly termMs: number | undefined;
  /** How long nobody has owned it; `undefined` while somebody does, and where the Lease does not say it. */
  readonly unownedMs: number | undefined;
  readonly renewedMsAgo: number | undefined;
  /** Negative once it has expired. */
  readonly validForMs: number | undefined;
  readonly durationMs: number;
  readonly transitions: number;
  readonly resourceVersion: string;
  readonly keyMap: string | undefined;
  readonly renewal: string | undefined;
  /** Name of the member that it is pinned to. */
  readonly pin: string | undefined;
  /** Its work queue, as its holder's metrics say; `undefined` where they were not asked for, or did not come. */
  readonly queue: QueueStatistics | undefined;
}

export interface MemberStatus {
  readonly identity: string;
  readonly lease: string;
  readonly weight: number;
  readonly zone: string;
  readonly version: string;
  /** Where it serves its metrics; empty when it does not. */
  readonly address: string;
  /** `gone`: its Lease was not renewed within its duration. */
  readonly state: "ready" | "draining" | "gone";
  /** What somebody asks of it. */
  readonly intent: Intent | undefined;
  /** False for a member that speaks another version of the protocol. */
  readonly understood: boolean;
  readonly ageMs: number | undefined;
  readonly seenMsAgo: number | undefined;
  readonly durationMs: number;
  /** Number of shards that name it. */
  readonly shards: number;
  /** Resources whose first list it has complete, with its key map. */
  readonly resources: Readonly<Record<string, string>>;
}

export interface CoordinatorStatus {
  readonly coordinator: string;
  readonly namespace: string;
  /** When the Leases were read, by this machine's clock. */
  readonly at: string;
  /** Since when and by whom nothing is moved without need, as whoever asked for it said; `undefined`: it is not frozen. */
  readonly freeze: string | undefined;
  /** Those without an owner first, then by name. */
  readonly shards: readonly ShardStatus[];
  readonly members: readonly MemberStatus[];
  readonly totals: Totals;
  /** What somebody should look at, each with its remedy. */
  readonly warnings: readonly string[];
}

export interface Totals {
  readonly shards: number;
  readonly owned: number;
  readonly foreign: number;
  readonly unclear: number;
  readonly unowned: number;
  readonly ready: number;
  readonly draining: number;
  readonly gone: number;
}

/** Where a key belongs. */
export interface KeyPlace {
  readonly coordinator: string;
  readonly namespace: string;
  /** When the Leases were read, by this machine's clock. */
  readonly at: string;
  readonly resource: string;
  readonly key: string;
  /** One, or several while the number of buckets is being changed. */
  readonly shards: readonly (ShardStatus & { readonly bucket: number })[];
}

export interface MemberList {
  readonly coordinator: string;
  readonly namespace: string;
  readonly at: string;
  readonly members: readonly MemberStatus[];
}
