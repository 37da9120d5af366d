/** Electorate: every shard of a Kubernetes controller's resources elected on its own. */

export {
  type Duration,
  defaults,
  type LeaderElectionSettings,
  type LockKind,
} from "./config/leader-election.ts";
export type {
  CoordinatorOptions,
  HttpSettings,
  OwnedResource,
  ResourceOptions,
  WatchedResource,
} from "./config/options.ts";
export type { LeaseSettings } from "./config/timings.ts";
export {
  type Controller,
  type ControllerOptions,
  createController,
  type Retriever,
} from "./controller.ts";
export { type Coordinator, createCoordinator } from "./coordinator.ts";
export type { LeaderCallbacks } from "./election/leader-work.ts";
export type { Gate, Term } from "./election/term.ts";
export type { ApiResource, KubernetesObject, ObjectMetadata, PatchBody, PropagationPolicy } from "./kube/api.ts";
export { type ConnectOptions, connect, type KubeConnection } from "./kube/connection.ts";
export { type LeaderElectionOptions, LeaderElector, runLeaderElection } from "./leader-election.ts";
export type { QueueDriver, QueueReplica, QueueTerm, ShardQueues } from "./queue/driver.ts";
export type { RateLimiter } from "./queue/rate-limiter.ts";
export type { Priority, QueueStatistics, WorkQueue } from "./queue/work-queue.ts";
export type {
  ApplyOptions,
  CreateOptions,
  DeleteOptions,
  GuardedClient,
  ListQuery,
  ObjectReference,
  PatchOptions,
  ReadOptions,
  WriteOptions,
} from "./reconcile/client-contract.ts";
export {
  type Condition,
  findCondition,
  isConditionTrue,
  type StatedCondition,
  setCondition,
} from "./reconcile/conditions.ts";
export {
  type Reconcile,
  type ReconcileContext,
  type ReconcileOutcome,
  type ReconcileRequest,
  TerminalError,
} from "./reconcile/contract.ts";
export { EventChannel, type EventSource } from "./reconcile/events.ts";
export { addFinalizer, type Changed, hasFinalizer, removeFinalizer } from "./reconcile/finalizers.ts";
export type { ObjectHandler } from "./reconcile/object-handler.ts";
export {
  controllerOf,
  isControlledBy,
  type OwnerOptions,
  type OwnerReference,
  setControllerReference,
  setOwnerReference,
} from "./reconcile/owners.ts";
export type { MapFunction } from "./reconcile/related.ts";
export type { Target } from "./reconcile/target.ts";
export {
  annotationsChanged,
  anyOf,
  generationChanged,
  labelsChanged,
  type UpdateFilter,
} from "./reconcile/update-filter.ts";
export { ElectorateError, type ErrorCode } from "./runtime/errors.ts";
export type { Log, Meter, Telemetry, Transition, TransitionEvent } from "./runtime/telemetry.ts";
export type { Part, PartContext, PartOptions, RunsOn } from "./shard/part.ts";
export { type HealthCheck, HealthChecks } from "./telemetry/checks.ts";
export { createTelemetry, type ProcessTelemetry, type TelemetryOptions } from "./telemetry/telemetry.ts";
