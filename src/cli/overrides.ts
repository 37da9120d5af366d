import type { Flag, FlagProblem, Flags } from "../config/flags.ts";

/** What `electorate run` takes on its command line instead of the configuration, by commander's names. */
export interface Overrides {
  readonly leaderElect?: boolean | undefined;
  /** The older name, which kubebuilder's first projects use. */
  readonly enableLeaderElection?: boolean | undefined;
  readonly leaderElectLeaseDuration?: string | undefined;
  readonly leaderElectRenewDeadline?: string | undefined;
  readonly leaderElectRetryPeriod?: string | undefined;
  readonly leaderElectResourceLock?: string | undefined;
  readonly leaderElectResourceName?: string | undefined;
  readonly leaderElectResourceNamespace?: string | undefined;
  readonly httpAddress?: string | undefined;
}

/** Where in the configuration the value of a flag stands. */
const PLACES = [
  ["leaderElectLeaseDuration", "--leader-elect-lease-duration", ["lease", "duration"]],
  ["leaderElectRenewDeadline", "--leader-elect-renew-deadline", ["lease", "renewDeadline"]],
  ["leaderElectRetryPeriod", "--leader-elect-retry-period", ["lease", "retryPeriod"]],
  ["leaderElectResourceName", "--leader-elect-resource-name", ["coordinator"]],
  ["leaderElectResourceNamespace", "--leader-elect-resource-namespace", ["namespace"]],
  ["httpAddress", "--http-address", ["http", "address"]],
] as const;

const SWITCHES = [
  ["leaderElect", "--leader-elect"],
  ["enableLeaderElection", "--enable-leader-election"],
] as const;

const SHARD_LOCK = "leases";

/** The command line as the configuration takes it. */
export function flagsOf(overrides: Overrides): Flags {
  const switches: Flag[] = SWITCHES.flatMap(([name, flag]) => {
    const elect = overrides[name];
    return elect === undefined ? [] : [{ flag, path: ["leaderElection"], value: elect ? "shards" : "none" }];
  });
  const values = PLACES.flatMap(([name, flag, path]) => {
    const value = overrides[name];
    return value === undefined ? [] : [{ flag, path, value }];
  });
  return { values: [...switches, ...values], problems: [...switchProblems(switches), ...lockProblems(overrides)] };
}

function switchProblems([one, other]: readonly Flag[]): FlagProblem[] {
  if (one === undefined || other === undefined || one.value === other.value) return [];
  return [{ flag: other.flag, message: `says the opposite of ${one.flag}, which is its newer name; give one of them` }];
}

function lockProblems({ leaderElectResourceLock: lock }: Overrides): FlagProblem[] {
  if (lock === undefined || lock === SHARD_LOCK) return [];
  const message =
    `must be "${SHARD_LOCK}", because each shard has a Lease of its own, but is "${lock}"; a program that elects one leader for the whole ` +
    "process can hold an older lock with runLeaderElection, and README says how a fleet moves from it to Leases in three steps";
  return [{ flag: "--leader-elect-resource-lock", message }];
}
