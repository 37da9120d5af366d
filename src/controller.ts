import { type Duration, durationMs, type LeaderElectionSettings } from "./config/leader-election.ts";
import type { CoordinatorOptions, ResourceOptions } from "./config/options.ts";
import { settingsOf } from "./config/settings.ts";
import type { Problem } from "./config/timings.ts";
import { type Coordinator, createCoordinator } from "./coordinator.ts";
import type { ApiResource } from "./kube/api.ts";
import { handledObjects, type ObjectHandler } from "./reconcile/object-handler.ts";
import type { Log } from "./runtime/telemetry.ts";
import { createLog } from "./telemetry/log.ts";
import { createTelemetry, type TelemetryOptions } from "./telemetry/telemetry.ts";

/** What a controller handles: a resource by its name, or some of its objects, and what else is to be taken for an event of them. */
export type Retriever =
  | string
  | ApiResource
  | Omit<
      ResourceOptions,
      "buckets" | "workers" | "resyncIntervalMs" | "reconcileTimeoutMs" | "rateLimiter" | "reconcile"
    >;

/** What `createController` takes, in Kooper's words. Everything but `name`, `retriever` and `handler` has a default. */
export interface ControllerOptions
  extends Pick<CoordinatorOptions, "http" | "connection" | "drainTimeoutMs" | "terminate" | "clock" | "randomness"> {
  /** Names the controller in logs (`controller`) and metrics (the label `controller`); a DNS label of at most 63 characters. */
  readonly name: string;
  /** Which objects; several resources share the one handler. */
  readonly retriever: Retriever | readonly Retriever[];
  readonly handler: ObjectHandler;
  /** One leader among all replicas, say `defaults(name, namespace)`. Default: no election, this process simply works. */
  readonly leaderElection?: LeaderElectionSettings;
  /** Objects that are handled at once; 1 handles one after the other. Default 3. */
  readonly concurrentWorkers?: number;
  /** How often every object is handled although nothing is known to have changed; 0 for never. Default 3 minutes. */
  readonly resyncInterval?: Duration;
  /** How often a failed object is tried again, with back-off, before it waits for its next change or resync. Default 0. */
  readonly processingJobRetries?: number;
  /** Where metrics are registered. Default: a registry of their own, served at `/metrics` where `http` is set. */
  readonly metrics?: NonNullable<TelemetryOptions["registry"]>;
  /** Default: JSON lines on stdout. */
  readonly logger?: Log;
}

/**
 * A coordinator under another name: `run(signal)` works until `signal` aborts, ends the handlers, and frees the Lease. It rejects with
 * `leadership-lost` when the Lease was lost, after every handler has ended, so that Kubernetes starts the pod anew.
 */
export type Controller = Pick<Coordinator, "identity" | "checks" | "terms" | "run">;

const DEFAULT_WORKERS = 3;
const DEFAULT_RESYNC_MS = 180_000;

/**
 * Kooper's controller: one handler for the objects of one or several resources. Nothing is started before `run`.
 * @throws ElectorateError `invalid-configuration` that lists every problem of the options at once.
 */
export function createController(options: ControllerOptions): Controller {
  const { name, retriever, handler, leaderElection = "none", concurrentWorkers = DEFAULT_WORKERS, ...others } = options;
  const { resyncInterval = DEFAULT_RESYNC_MS, processingJobRetries: retries = 0, metrics, logger, ...rest } = others;
  const telemetry = createTelemetry({
    ...(metrics === undefined ? {} : { registry: metrics }),
    log: (logger ?? createLog()).child({ controller: name }),
  });
  const resyncIntervalMs = durationMs(resyncInterval);
  const problems = problemsOf(options, resyncIntervalMs);
  const reconcile = handledObjects({ handler, concurrentWorkers, retries });
  const given = isMany(retriever) ? retriever : [retriever];
  const coordinator: CoordinatorOptions = {
    ...rest,
    coordinator: name,
    telemetry,
    leaderElection,
    resources: given.map((one) => ({
      ...(isResource(one) ? { resource: one } : one),
      ...(problems.length === 0 ? { workers: concurrentWorkers } : {}),
      ...(typeof resyncIntervalMs === "number" && resyncIntervalMs > 0 ? { resyncIntervalMs } : {}),
      controller: name,
      reconcile,
    })),
  };
  // With them the coordinator is refused, and its own problems are listed beside them.
  if (problems.length > 0) settingsOf(coordinator, problems);
  return createCoordinator(coordinator);
}

function isMany(retriever: Retriever | readonly Retriever[]): retriever is readonly Retriever[] {
  return Array.isArray(retriever);
}

function isResource(retriever: Retriever): retriever is string | ApiResource {
  return typeof retriever === "string" || "plural" in retriever;
}

function problemsOf(options: ControllerOptions, resync: number | { readonly problem: string } | undefined): Problem[] {
  const { handler, concurrentWorkers = DEFAULT_WORKERS, processingJobRetries: retries = 0 } = options;
  const problems: Problem[] = [];
  const refuse = (path: string, message: string): void => void problems.push({ path, message });
  if (typeof handler !== "function") refuse("handler", `must be a function, but is ${typeof handler}`);
  if (!Number.isSafeInteger(concurrentWorkers) || concurrentWorkers < 1) {
    refuse("concurrentWorkers", `must be a whole number of at least 1, but is ${concurrentWorkers}`);
  }
  if (!Number.isSafeInteger(retries) || retries < 0) {
    refuse("processingJobRetries", `must be a whole number of at least 0, but is ${retries}`);
  }
  if (typeof resync === "object") refuse("resyncInterval", resync.problem);
  return problems;
}
