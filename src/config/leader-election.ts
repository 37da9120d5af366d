import { isSubdomain } from "../lease/names.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { parseDuration } from "./duration.ts";
import { labelProblem } from "./fields.ts";
import { labelsProblem } from "./selectors.ts";
import { DEFAULT_LEASE_TIMINGS, type LeaseTimings, leaseTimings, type Problem } from "./timings.ts";

/** Milliseconds, or a text as Kubernetes writes it: `15s`, `1m30s`, `500ms`. */
export type Duration = number | string;

/**
 * Where the election record is kept. `leases` is for everybody; the others are for fleets that come from older electors, see README:
 * `configmaps` and `endpoints` keep it in an annotation, the two with `leases` in their names hold both objects at once.
 */
export type LockKind = "leases" | "configmaps" | "endpoints" | "configmapsleases" | "endpointsleases";

const LOCK_KINDS: readonly LockKind[] = ["leases", "configmaps", "endpoints", "configmapsleases", "endpointsleases"];

/** What can be set of the election of one leader, in client-go's words. Every field but `name` has a default. */
export interface LeaderElectionSettings {
  /** Name of the Lease, or of the object of an older lock; candidates with the same name and namespace elect one of them. */
  readonly name: string;
  /** Default: the pod's own, or that of the kubeconfig's context. */
  readonly namespace?: string;
  /** The part of the identity before `_`; a uuid follows, so that no two processes share one. Default: `POD_NAME`, else the host name. */
  readonly identity?: string;
  /** Default `leases`. */
  readonly lock?: LockKind;
  /** Put on the Lease with every write; labels of others are kept. Default: none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** How long others wait after the last change that they saw before they take over. Whole seconds. Default 15 s. */
  readonly leaseDuration?: Duration;
  /** How long the leader acts after it *sent* its last acknowledged renewal. Default 10 s. */
  readonly renewDeadline?: Duration;
  /** Time between two renewals, and the time-out of each. Default 2 s. */
  readonly retryPeriod?: Duration;
  /** The worst ratio of two candidates' clock rates that is survived. Default 1.25. */
  readonly clockRatio?: number;
  /** Whether a stop frees the Lease, always after the work has ended. When false it is left to expire. Default true. */
  readonly releaseOnCancel?: boolean;
  /** After leadership was lost: `exit` (default) ends `run` with the error `leadership-lost`, `continue` contends again. */
  readonly onLost?: "exit" | "continue";
  /** How long a stop may wait for the work to end; then the Lease is left to expire, and the exit is not clean. Default 25 s. */
  readonly shutdownTimeout?: Duration;
  /** What happens when work outlives its validity: `exit` (default) ends the process; `report` only says so and gives exclusivity up. */
  readonly onOverrun?: "exit" | "report";
}

/** The same with every default filled in, durations in milliseconds. */
export interface CheckedLeaderElection {
  readonly timings: LeaseTimings;
  readonly lock: LockKind;
  readonly labels: Readonly<Record<string, string>>;
  readonly releaseOnCancel: boolean;
  readonly onLost: "exit" | "continue";
  readonly shutdownTimeoutMs: number;
  readonly onOverrun: "exit" | "report";
}

const DEFAULT_SHUTDOWN_TIMEOUT_MS = 25_000;

/**
 * The settings that suit nearly everybody, written out: 15, 10 and 2 seconds, the Lease freed on a clean stop, an end after a loss.
 * `runLeaderElection({ ...defaults("shop", "default"), onStartedLeading }, signal)` is a whole election.
 */
export function defaults(name: string, namespace?: string): LeaderElectionSettings {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    lock: "leases",
    leaseDuration: DEFAULT_LEASE_TIMINGS.durationMs,
    renewDeadline: DEFAULT_LEASE_TIMINGS.renewDeadlineMs,
    retryPeriod: DEFAULT_LEASE_TIMINGS.retryPeriodMs,
    releaseOnCancel: true,
    onLost: "exit",
  };
}

/**
 * Checks everything that can be checked without a cluster; `more` are problems that the caller has found.
 * @throws ElectorateError `invalid-configuration` that lists every problem, a line each.
 */
export function checkLeaderElection(
  settings: LeaderElectionSettings,
  more: readonly Problem[] = [],
): CheckedLeaderElection {
  const judged = judgeLeaderElection(settings);
  const problems = [...("problems" in judged ? judged.problems : []), ...more];
  if (problems.length === 0 && "checked" in judged) return judged.checked;
  const lines = problems.map(({ path, message }) => `${path} ${message}`);
  const what = "the leader election's options are wrong";
  throw new ElectorateError("invalid-configuration", `${what}:\n  ${lines.join("\n  ")}`);
}

/** Completes the settings with defaults, or answers all problems at once. */
export function judgeLeaderElection(
  settings: LeaderElectionSettings,
): { readonly checked: CheckedLeaderElection } | { readonly problems: readonly Problem[] } {
  const problems: Problem[] = [...namingProblems(settings)];
  const millisecondsOf = (path: DurationField): number | undefined => {
    const read = durationMs(settings[path]);
    if (typeof read !== "object") return read;
    problems.push({ path, message: read.problem });
    return undefined;
  };
  const { lock = "leases", onLost = "exit", onOverrun = "exit" } = settings;
  const durations = DURATION_FIELDS.map((path) => [path, millisecondsOf(path)] as const);
  const shutdownTimeoutMs = millisecondsOf("shutdownTimeout") ?? DEFAULT_SHUTDOWN_TIMEOUT_MS;
  const timed = leaseTimings(timingsOf(Object.fromEntries(durations), settings.clockRatio));
  if ("problems" in timed) problems.push(...timed.problems.map(inOurWords));
  problems.push(
    ...choiceProblems("lock", lock, LOCK_KINDS),
    ...choiceProblems("onLost", onLost, ["exit", "continue"]),
    ...choiceProblems("onOverrun", onOverrun, ["exit", "report"]),
  );
  const { labels = {}, releaseOnCancel = true } = settings;
  const wrongLabels = labelsProblem(labels);
  if (wrongLabels !== undefined) problems.push({ path: "labels", message: wrongLabels });
  // The text "false" would free the Lease.
  if (typeof releaseOnCancel !== "boolean") {
    problems.push({
      path: "releaseOnCancel",
      message: `must be true or false, but is ${JSON.stringify(releaseOnCancel)}`,
    });
  }
  if (problems.length > 0 || "problems" in timed) return { problems };
  return {
    checked: { timings: timed.timings, lock, labels, releaseOnCancel, onLost, shutdownTimeoutMs, onOverrun },
  };
}

const DURATION_FIELDS = ["leaseDuration", "renewDeadline", "retryPeriod"] as const;
type DurationField = (typeof DURATION_FIELDS)[number] | "shutdownTimeout";

function timingsOf(durations: Partial<Record<DurationField, number | undefined>>, clockRatio: number | undefined) {
  const { leaseDuration, renewDeadline, retryPeriod } = durations;
  return {
    ...(leaseDuration === undefined ? {} : { durationMs: leaseDuration }),
    ...(renewDeadline === undefined ? {} : { renewDeadlineMs: renewDeadline }),
    ...(retryPeriod === undefined ? {} : { retryPeriodMs: retryPeriod }),
    ...(clockRatio === undefined ? {} : { clockRatio }),
  };
}

/** Milliseconds, or what is wrong with the value and how to write it. */
export function durationMs(value: Duration | undefined): number | undefined | { readonly problem: string } {
  if (typeof value === "string") return parseDuration(value);
  if (value === undefined || (Number.isFinite(value) && value >= 0)) return value;
  return { problem: `must be milliseconds of 0 or more, or a text such as 15s, but is ${value}` };
}

/** The relations are checked once, for coordinators and for this; what they call `lease.duration` is `leaseDuration` here. */
function inOurWords({ path, message }: Problem): Problem {
  const rename = (text: string): string =>
    text
      .replaceAll("lease.duration", "leaseDuration")
      .replaceAll(/lease\.(\w+)/g, "$1")
      .replaceAll(/\bduration \//g, "leaseDuration /");
  return { path: rename(path), message: rename(message) };
}

function namingProblems({ name, namespace, identity }: LeaderElectionSettings): Problem[] {
  const problems: Problem[] = [];
  const given: unknown = name;
  if (typeof given !== "string" || !isSubdomain(given)) {
    problems.push({
      path: "name",
      message: `must be a DNS subdomain of at most 253 characters, as the name of an object, but is ${JSON.stringify(given)}`,
    });
  }
  const wrong = namespace === undefined ? undefined : labelProblem("namespace", namespace);
  if (wrong !== undefined) problems.push({ path: "namespace", message: wrong });
  if (identity !== undefined && (identity === "" || identity.includes("_") || identity.trim() !== identity)) {
    problems.push({
      path: "identity",
      message: `must be a name without "_" and blanks at its ends, because "_" divides it from the process's uuid, but is "${identity}"`,
    });
  }
  return problems;
}

function choiceProblems(path: string, value: string, choices: readonly string[]): Problem[] {
  if (choices.includes(value)) return [];
  const listed = choices.map((choice) => JSON.stringify(choice)).join(", ");
  return [{ path, message: `must be one of ${listed}, but is ${JSON.stringify(value)}` }];
}
