import { dirname, resolve } from "node:path";
import type { z } from "zod";
import type { BullOptions } from "../queue/bull/settings.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { type FlagProblem, type Flags, NO_FLAGS, ofRelation, ofValue, withFlags } from "./flags.ts";
import { nearest } from "./near-miss.ts";
import { bullOptionsOf } from "./queue.ts";
import { type ConfigurationProblem, type Path, relationProblems } from "./relations.ts";
import { type ResourceConfiguration, resourceConfigurationOf } from "./resource-configuration.ts";
import { type ConfigurationInput, configurationSchema, KNOWN_KEYS, NO_ADDRESS } from "./schema.ts";
import type { LeaseSettings } from "./timings.ts";
import { type PlacedProblem, YamlSource } from "./yaml-source.ts";

/** What `electorate.yaml` says, complete with defaults and checked as a whole. */
export interface Configuration {
  readonly coordinator: string;
  readonly namespace: string | undefined;
  readonly lease: Required<LeaseSettings>;
  readonly drainTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly onOverrun: "exit" | "report";
  readonly leaderElection: "shards" | "none";
  readonly rolloutWindowMs: number;
  /** `undefined`: no shard moves for the sake of the spread. */
  readonly respread: number | undefined;
  /** `undefined`: nothing is served. */
  readonly httpAddress: string | undefined;
  readonly authorizeMetrics: boolean;
  readonly weight: number;
  /** `undefined`: from the environment. */
  readonly zone: string | undefined;
  readonly version: string | undefined;
  /** `undefined`: the work queues are in memory. */
  readonly queue: BullOptions | undefined;
  readonly resources: readonly ResourceConfiguration[];
}

/**
 * Reads the text of a configuration file. `fileName` stands in messages, and modules are looked for beside it; `flags` go before what the
 * file says.
 * @throws ElectorateError `invalid-configuration` with every problem, each as `file:line:column path: what is wrong and the remedy`, or as
 * `--flag: what is wrong and the remedy`.
 */
export function loadConfiguration(text: string, fileName: string, flags: Flags = NO_FLAGS): Configuration {
  const source = new YamlSource(text);
  if (source.data === undefined) throw refusal(fileName, source.problems, flags.problems);
  if (source.data === null)
    throw refusal(
      fileName,
      [{ line: 1, column: 1, path: "", message: "is empty; it needs at least coordinator and resources" }],
      flags.problems,
    );
  const data = withFlags(source.data, flags);
  const parsed = configurationSchema.safeParse(data);
  const problems = [...source.problems];
  const ofFlags = [...flags.problems];
  for (const { at, ...problem } of (parsed.error?.issues ?? []).flatMap(problemsOfIssue)) {
    const ofFlag = ofValue(problem, flags);
    if (ofFlag === undefined) problems.push(source.place(problem, at));
    else ofFlags.push(ofFlag);
  }
  for (const problem of relationProblems(data)) {
    const ofFlag = ofRelation(problem, flags);
    if (ofFlag === undefined) problems.push(source.place(problem));
    else ofFlags.push(ofFlag);
  }
  if (problems.length > 0 || ofFlags.length > 0 || !parsed.success) throw refusal(fileName, problems, ofFlags);
  return configurationOf(
    parsed.data,
    (path) => {
      const { line, column } = source.positionOf(path);
      return `${fileName}:${line}:${column}`;
    },
    dirname(fileName),
  );
}

function problemsOfIssue(issue: z.core.$ZodIssue): (ConfigurationProblem & { readonly at: "key" | "value" })[] {
  const path = issue.path.map((segment) => (typeof segment === "number" ? segment : String(segment)));
  if (issue.code !== "unrecognized_keys") return [{ path, message: issue.message, at: "value" }];
  return issue.keys.map((key) => ({ ...unknownKey(path, key), at: "key" }));
}

/** Names what was probably meant: a key of this map, or this key where it belongs. */
function unknownKey(parent: Path, key: string): ConfigurationProblem {
  const pattern = parent
    .map((segment) => (typeof segment === "number" ? "[]" : `.${segment}`))
    .join("")
    .slice(1);
  const here = KNOWN_KEYS.get(pattern) ?? [];
  const meant = nearest(key, here);
  const elsewhere = [...KNOWN_KEYS].find(([place, keys]) => place !== pattern && keys.includes(key))?.[0];
  const hint =
    meant !== undefined
      ? `did you mean "${meant}"?`
      : elsewhere !== undefined
        ? `it belongs ${placeText(elsewhere)}`
        : "remove it";
  return {
    path: [...parent, key],
    message: `is not a key that is known here; ${hint} (keys here: ${here.join(", ")})`,
  };
}

function placeText(pattern: string): string {
  return pattern === "" ? "at the top level" : `in ${pattern}`;
}

function refusal(
  fileName: string,
  problems: readonly PlacedProblem[],
  ofFlags: readonly FlagProblem[],
): ElectorateError {
  const ordered = problems.toSorted((one, other) => one.line - other.line || one.column - other.column);
  const lines = [
    ...ofFlags.map(({ flag, message }) => `${flag}: ${message}`),
    ...ordered.map(
      ({ line, column, path, message }) => `${fileName}:${line}:${column} ${path === "" ? "" : `${path}: `}${message}`,
    ),
  ];
  const count = lines.length === 1 ? "1 problem" : `${lines.length} problems`;
  const where = ofFlags.length === 0 ? `${fileName} has` : `the command line with ${fileName} has`;
  return new ElectorateError("invalid-configuration", `${where} ${count}:\n${[...new Set(lines)].join("\n")}`);
}

function configurationOf(input: ConfigurationInput, placeOf: (path: Path) => string, directory: string): Configuration {
  const { coordinator, namespace, lease, onOverrun, leaderElection, http } = input;
  return {
    coordinator,
    namespace,
    lease: {
      durationMs: lease.duration,
      renewDeadlineMs: lease.renewDeadline,
      retryPeriodMs: lease.retryPeriod,
      clockRatio: lease.clockRatio,
      renewal: lease.renewal,
      proofOfDeath: lease.proofOfDeath,
      static: lease.static,
    },
    drainTimeoutMs: input.drainTimeout,
    shutdownTimeoutMs: input.shutdownTimeout,
    onOverrun,
    leaderElection,
    rolloutWindowMs: input.rolloutWindow,
    respread: input.respread,
    httpAddress: http.address === NO_ADDRESS ? undefined : http.address,
    authorizeMetrics: http.authorizeMetrics,
    weight: input.weight,
    zone: input.zone,
    version: input.version,
    queue: bullOptionsOf(input.queue, (file) => resolve(directory, file)),
    resources: input.resources.map((resource, index) => resourceConfigurationOf(resource, index, placeOf, directory)),
  };
}
