import { hostname } from "node:os";
import type { OwnPod } from "../lease/events.ts";
import type { Renewal } from "../lease/renewal.ts";
import { createKeyMap } from "../placement/key-map.ts";
import type { QueueDriver } from "../queue/driver.ts";
import { rateLimiterProblems } from "../queue/rate-limiter.ts";
import { ElectorateError, messageOf } from "../runtime/errors.ts";
import { type CheckedLeaderElection, judgeLeaderElection, type LeaderElectionSettings } from "./leader-election.ts";
import type { CoordinatorOptions, ResourceOptions } from "./options.ts";
import { ownPod } from "./own-pod.ts";
import { type LeaseTimings, leaseTimings, type Problem } from "./timings.ts";

/** The settings of a coordinator with every default filled in. */
export interface Settings {
  readonly coordinator: string;
  /** The part of the identity before `_`. */
  readonly identity: string;
  readonly timings: LeaseTimings;
  readonly renewal: Renewal;
  /** Shard Leases are made by somebody else. */
  readonly isStatic: boolean;
  readonly drainTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly onOverrun: "exit" | "report";
  readonly leaderElection: "shards" | "none" | ProcessElection;
  readonly resources: readonly ResourceOptions[];
  /** `undefined`: in memory. */
  readonly queue: QueueDriver | undefined;
  readonly traits: MemberTraits;
  readonly placement: PlacementSettings;
  /** Where this process runs, when deaths are proven by Pods. */
  readonly pod: PodPlace | undefined;
  /** The Pod that Events are written at, where this process runs in one. */
  readonly ownPod: OwnPod | undefined;
}

/** One leader for the whole process. */
export interface ProcessElection extends CheckedLeaderElection {
  readonly name: string;
  /** Default: that of the coordinator, for this one and the next. */
  readonly identity: string | undefined;
  readonly namespace: string | undefined;
}

/** What an operator may say of the plan; the same for all replicas. */
export interface PlacementSettings {
  /** How long members of two versions may be alive together before shards are spread over both. */
  readonly rolloutWindowMs: number;
  /** Pairs of buckets on one member that each move for the sake of the spread must remove; `undefined`: there are no such moves. */
  readonly respread: number | undefined;
}

export interface PodPlace {
  readonly name: string;
  readonly namespace: string;
  readonly container: string;
  /** How long this process has run. */
  uptimeMs(): number;
}

/** What the plan knows of a replica beside its state. */
export interface MemberTraits {
  readonly weight: number;
  readonly zone: string;
  readonly version: string;
}

const DEFAULT_DRAIN_TIMEOUT_MS = 20_000;
const DEFAULT_SHUTDOWN_TIMEOUT_MS = 25_000;
const DEFAULT_ROLLOUT_WINDOW_MS = 600_000;

/** A label value and the head of DNS subdomains at once. */
const COORDINATOR_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * Checks everything that can be checked without a cluster; `found` are problems that the caller has found.
 * @throws ElectorateError `invalid-configuration` that lists every problem, a line each.
 */
export function settingsOf(options: CoordinatorOptions, found: readonly Problem[] = []): Settings {
  const problems: Problem[] = [...found];
  const refuse = (path: string, message: string): void => void problems.push({ path, message });

  if (!COORDINATOR_NAME.test(options.coordinator)) {
    refuse(
      "coordinator",
      `must be 1 to 63 lower-case letters, digits and "-", beginning and ending with a letter or digit, but is ${JSON.stringify(options.coordinator)}`,
    );
  }
  const { leaderElection = "shards" } = options;
  const election = typeof leaderElection === "object" ? processElection(leaderElection, refuse) : leaderElection;
  const own = typeof election === "object" ? election : undefined;
  const checked = own ?? leaseTimings(options.lease);
  if ("problems" in checked) problems.push(...checked.problems);
  const drainTimeoutMs = options.drainTimeoutMs ?? DEFAULT_DRAIN_TIMEOUT_MS;
  const shutdownTimeoutMs = own?.shutdownTimeoutMs ?? options.shutdownTimeoutMs ?? DEFAULT_SHUTDOWN_TIMEOUT_MS;
  if (!(drainTimeoutMs >= 0)) refuse("drainTimeout", `must be 0 or longer, but is ${drainTimeoutMs} ms`);
  if (!(shutdownTimeoutMs >= drainTimeoutMs)) {
    refuse(
      "shutdownTimeout",
      `must not be shorter than drainTimeout, or work is cut off before it was told to stop: shutdownTimeout is ${shutdownTimeoutMs} ms, drainTimeout ${drainTimeoutMs} ms`,
    );
  }
  const weight = options.weight ?? 1;
  if (!Number.isSafeInteger(weight) || weight < 1)
    refuse("weight", `must be a whole number of at least 1, but is ${weight}`);
  const { rolloutWindowMs = DEFAULT_ROLLOUT_WINDOW_MS, respread } = options;
  if (!(rolloutWindowMs >= 0)) refuse("rolloutWindow", `must be 0 or longer, but is ${rolloutWindowMs} ms`);
  if (respread !== undefined && (!Number.isSafeInteger(respread) || respread < 1)) {
    refuse("respread", `must be a whole number of at least 1, or be left out, but is ${respread}`);
  }
  const pod = options.lease?.proofOfDeath === true ? podPlace(refuse) : undefined;
  if (options.resources.length === 0) refuse("resources", "must name at least one resource, but is empty");
  options.resources.forEach((resource, index) => {
    problems.push(...problemsOf(resource, `resources[${index}]`));
  });

  if (problems.length > 0 || "problems" in checked) {
    const lines = problems.map(({ path, message }) => `${path} ${message}`);
    throw new ElectorateError("invalid-configuration", `the coordinator's options are wrong:\n  ${lines.join("\n  ")}`);
  }
  return {
    coordinator: options.coordinator,
    identity: own?.identity ?? options.identity ?? process.env.POD_NAME ?? hostname(),
    timings: checked.timings,
    renewal: options.lease?.renewal ?? "per-shard",
    isStatic: options.lease?.static ?? false,
    drainTimeoutMs,
    shutdownTimeoutMs,
    onOverrun: own?.onOverrun ?? options.onOverrun ?? "exit",
    leaderElection: election,
    resources: options.resources,
    placement: { rolloutWindowMs, respread },
    queue: options.queue,
    traits: {
      weight,
      zone: options.zone ?? process.env.ELECTORATE_ZONE ?? "",
      version: options.version ?? process.env.POD_TEMPLATE_HASH ?? "",
    },
    pod,
    ownPod: ownPod(),
  };
}

/** With wrong settings the coordinator is refused in any case, whatever stands here. */
function processElection(
  settings: LeaderElectionSettings,
  refuse: (path: string, message: string) => void,
): ProcessElection | "none" {
  const { name, namespace, identity } = settings;
  const judged = judgeLeaderElection(settings);
  if ("checked" in judged) return { ...judged.checked, name, namespace, identity };
  for (const { path, message } of judged.problems) refuse(`leaderElection.${path}`, message);
  return "none";
}

function podPlace(refuse: (path: string, message: string) => void): PodPlace {
  const { POD_NAME: name = "", POD_NAMESPACE: namespace = "", CONTAINER_NAME: container = "" } = process.env;
  const missing = Object.entries({ POD_NAME: name, POD_NAMESPACE: namespace, CONTAINER_NAME: container })
    .filter(([, value]) => value === "")
    .map(([variable]) => variable);
  if (missing.length > 0) {
    refuse(
      "lease.proofOfDeath",
      `needs to know the container of this process: set ${missing.join(", ")} in its environment, as the Pod's manifest knows them, or turn it off`,
    );
  }
  return { name, namespace, container, uptimeMs: () => process.uptime() * 1_000 };
}

function problemsOf(resource: ResourceOptions, path: string): Problem[] {
  const problems: Problem[] = [];
  const { buckets = 1, workers = 1, resyncIntervalMs, reconcileTimeoutMs, rateLimiter, reconcile } = resource;
  try {
    createKeyMap(buckets);
  } catch (error) {
    problems.push({ path: `${path}.buckets`, message: messageOf(error).replace(/^buckets /, "") });
  }
  if (!Number.isInteger(workers) || workers < 1) {
    problems.push({ path: `${path}.workers`, message: `must be a whole number of at least 1, but is ${workers}` });
  }
  if (resyncIntervalMs !== undefined && !(resyncIntervalMs > 0)) {
    const message = `must be longer than 0, or be left out, but is ${resyncIntervalMs} ms`;
    problems.push({ path: `${path}.resyncInterval`, message });
  }
  if (reconcileTimeoutMs !== undefined && !(reconcileTimeoutMs > 0)) {
    const message = `must be longer than 0, or be left out, but is ${reconcileTimeoutMs} ms`;
    problems.push({ path: `${path}.reconcileTimeout`, message });
  }
  if (rateLimiter !== undefined) problems.push(...rateLimiterProblems(rateLimiter, `${path}.rateLimiter`));
  problems.push(...relatedProblems(resource, path));
  if (typeof reconcile !== "function") {
    problems.push({ path: `${path}.reconcile`, message: `must be a function, but is ${typeof reconcile}` });
  }
  return problems;
}

/** Types do not hold at run time: a configuration in code may be JavaScript. */
function relatedProblems({ updates, owns = [], watches = [], sources = [] }: ResourceOptions, path: string): Problem[] {
  const wrong = (place: string, wanted: string, value: unknown): Problem[] => [
    {
      path: `${path}.${place}`,
      message: `must be ${wanted}, but is ${Array.isArray(value) ? "a list" : typeof value}`,
    },
  ];
  const filter = (place: string, value: unknown): Problem[] =>
    value === undefined || typeof value === "function"
      ? []
      : wrong(place, "a function such as generationChanged", value);
  return [
    ...filter("updates", updates),
    ...owns.flatMap((owned, index) =>
      typeof owned === "string" ? [] : filter(`owns[${index}].updates`, owned.updates),
    ),
    ...watches.flatMap((watched, index) => [
      ...filter(`watches[${index}].updates`, watched.updates),
      ...(typeof watched.map === "function" ? [] : wrong(`watches[${index}].map`, "a function", watched.map)),
    ]),
    ...sources.flatMap((source, index) =>
      typeof source?.[Symbol.asyncIterator] === "function"
        ? []
        : wrong(`sources[${index}]`, "an async iterable", source),
    ),
  ];
}
