import type { ApiResource, KubernetesObject } from "../kube/api.ts";
import type { KubeConnection } from "../kube/connection.ts";
import type { QueueDriver } from "../queue/driver.ts";
import type { RateLimiter } from "../queue/rate-limiter.ts";
import type { Reconcile } from "../reconcile/contract.ts";
import type { EventSource } from "../reconcile/events.ts";
import type { MapFunction } from "../reconcile/related.ts";
import type { UpdateFilter } from "../reconcile/update-filter.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Randomness } from "../runtime/randomness.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { LeaderElectionSettings } from "./leader-election.ts";
import type { LeaseSettings } from "./timings.ts";

/** What a controller author gives `createCoordinator`. Every field but `coordinator` and `resources` has a default. */
export interface CoordinatorOptions {
  /** Prefix of every Lease; a DNS label of at most 63 characters. Replicas with the same name and namespace share the shards. */
  readonly coordinator: string;
  /** Namespace of the Leases. Default: the pod's own, or that of the kubeconfig's context. */
  readonly namespace?: string;
  /** The part of the identity before `_`. Default: `POD_NAME`, else the host name. */
  readonly identity?: string;
  readonly lease?: LeaseSettings;
  /** How long keys in work may go on after their shard stopped taking new ones; then their signal aborts. Default 20,000. */
  readonly drainTimeoutMs?: number;
  /** How long a stop may take in all; then what still runs is left to expire and the exit is not clean. Default 25,000. */
  readonly shutdownTimeoutMs?: number;
  /** What happens when work outlives its validity: `exit` (default) ends the process; `report` only says so and gives exclusivity up. */
  readonly onOverrun?: "exit" | "report";
  /**
   * `shards` (default): one Lease per shard. `none`: no Lease at all, this replica works on everything. Settings of a leader election:
   * one Lease for the whole process, whose leader works on everything while the others keep their caches warm; they take the place of
   * `lease`, `identity`, `shutdownTimeoutMs` and `onOverrun`.
   */
  readonly leaderElection?: "shards" | "none" | LeaderElectionSettings;
  readonly resources: readonly ResourceOptions[];
  /** Where the work queues are. Default: in this process's memory; `bullQueues` of `electorate/queue/bull` puts them into Redis. */
  readonly queue?: QueueDriver;
  /** Share of the load that this replica is to carry beside others; a whole number. Default 1. */
  readonly weight?: number;
  /** Where it runs: buckets of one resource are spread over zones. Default: `ELECTORATE_ZONE`. */
  readonly zone?: string;
  /** Which release it runs: while two are alive, shards move to the newer one only. Default: `POD_TEMPLATE_HASH`. */
  readonly version?: string;
  /**
   * How long members of two versions may be alive together before a rollout counts as one that does not end, and shards are spread
   * over both versions. Default 600,000.
   */
  readonly rolloutWindowMs?: number;
  /**
   * In calm times shards are moved for the sake of the spread alone, where each such move removes at least so many pairs of buckets
   * of one resource from one member. Default: none are.
   */
  readonly respread?: number;
  /** Where `/livez`, `/readyz` and `/metrics` are served, from before any election until after the last release. Default: nowhere. */
  readonly http?: HttpSettings;
  /** Default: the credentials of the pod, else of the kubeconfig. */
  readonly connection?: KubeConnection;
  /** Default: JSON lines on stdout and metrics of an own registry. */
  readonly telemetry?: Telemetry;
  /** Ends the process when work has outlived its validity. Default: `process.exit(3)`. */
  readonly terminate?: (reason: string) => void;
  readonly clock?: Clock;
  readonly randomness?: Randomness;
}

/** What a replica serves over HTTP. */
export interface HttpSettings {
  /** `host:port`, `:port` or `[IPv6]:port`; port 0 takes a free one. */
  readonly address: string;
  /**
   * Whether `/metrics` is for those alone whose bearer token the API server knows and who may `get` the nonResourceURL `/metrics`. Needs
   * `create` on tokenreviews and subjectaccessreviews; `/livez` and `/readyz` stay open. Default false.
   */
  readonly authorizeMetrics?: boolean;
}

/** Which objects of a kind are watched, and what is kept of them. */
interface WatchedObjects {
  /** `plural`, `plural.group`, `plural.version.group` or `plural.group/version`, found by discovery, or the resource itself. */
  readonly resource: string | ApiResource;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Caches metadata only; objects then have no spec and no status. Default false. */
  readonly metadataOnly?: boolean;
  /** What the read cache keeps of an object. Default: everything but `metadata.managedFields`. */
  readonly transform?: (object: KubernetesObject) => KubernetesObject;
  /** Which updates are looked at. Default: all of them. */
  readonly updates?: UpdateFilter;
}

/**
 * A kind of children: an event of one enqueues the key of the owner that its controller reference names, and when that changes, the keys of
 * both. Children are watched in the namespaces of their owners; a `transform` must keep their `ownerReferences`.
 */
export type OwnedResource = WatchedObjects;

/** Another kind: an event of one of its objects enqueues the keys that `map` names. */
export interface WatchedResource extends WatchedObjects {
  /** Default: all. */
  readonly namespaces?: readonly string[];
  readonly map: MapFunction;
}

/** One watched resource: which objects, in how many buckets, who reconciles them, and what else makes its keys fresh. */
export interface ResourceOptions extends WatchedObjects {
  /** Default: all. */
  readonly namespaces?: readonly string[];
  /** Kinds of children, by name, or with what is wanted of them. Default: none. */
  readonly owns?: readonly (string | OwnedResource)[];
  /** Other kinds whose events are about objects of this one. Default: none. */
  readonly watches?: readonly WatchedResource[];
  /** Events from elsewhere. One that fails ends the coordinator. Default: none. */
  readonly sources?: readonly EventSource[];
  /** Number of buckets, each a shard with a Lease of its own. Default 1: one Lease for the kind. */
  readonly buckets?: number;
  /** Keys of one shard that are worked on at once. Default 1, as in controller-runtime. */
  readonly workers?: number;
  /** How often every key is looked at again although nothing is known to have changed. Default: never. */
  readonly resyncIntervalMs?: number;
  /** The label `controller` of its reconcile metrics; resources of one name are counted together. Default: the resource's name. */
  readonly controller?: string;
  /** How long a handler may take. Then `context.signal` aborts, and its key is tried again when it has ended. Default: without end. */
  readonly reconcileTimeoutMs?: number;
  /** How long failed keys wait. Default: client-go's, 5 ms doubled up to 1,000 s, and 10 retries per second over all keys of a shard. */
  readonly rateLimiter?: RateLimiter;
  readonly reconcile: Reconcile;
}
