import type { KubernetesObject } from "../kube/api.ts";
import { systemClock } from "../runtime/clock.ts";
import type { Changed } from "./finalizers.ts";

/** Conditions in `status.conditions`, as Kubernetes' own API has them. Nothing here changes what it is given. */

/** One condition as it is stored. */
export interface Condition {
  /** Such as `Ready`; an object has one condition of each type. */
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  /** One word in CamelCase, for programs. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
  /** When `status` last changed, to the second. */
  readonly lastTransitionTime: string;
  /** The `metadata.generation` that it was judged by. */
  readonly observedGeneration?: number;
}

/** A condition as a controller states it. */
export type StatedCondition = Omit<Condition, "lastTransitionTime" | "message"> & {
  /** Default: empty. */
  readonly message?: string;
  /** Default: kept while `status` stays the same, else the time of the call. */
  readonly lastTransitionTime?: string;
};

/**
 * The object with `condition` in its status: `lastTransitionTime` changes only when `status` does, and `observedGeneration` is the object's generation
 * unless it is given. `nowMs` is the wall clock's, in Unix milliseconds; default: now. Send what it answers with `client.updateStatus`, if it has changed.
 */
export function setCondition(
  object: KubernetesObject,
  condition: StatedCondition,
  nowMs: number = systemClock.wallMs(),
): Changed {
  const conditions = conditionsOf(object);
  const at = conditions.findIndex(({ type }) => type === condition.type);
  const before = conditions[at];
  const next = stated(object, condition, before, nowMs);
  if (before !== undefined && isSame(before, next)) return { object, changed: false };
  const changed = at < 0 ? [...conditions, next] : conditions.with(at, next);
  return { object: { ...object, status: { ...statusOf(object), conditions: changed } }, changed: true };
}

/** The condition of that type, if the object has one. */
export function findCondition(object: KubernetesObject, type: string): Condition | undefined {
  return conditionsOf(object).find((condition) => condition.type === type);
}

/** True when the object has a condition of that type whose status is `True`, whatever generation it was judged by. */
export function isConditionTrue(object: KubernetesObject, type: string): boolean {
  return findCondition(object, type)?.status === "True";
}

function stated(
  object: KubernetesObject,
  condition: StatedCondition,
  before: Condition | undefined,
  nowMs: number,
): Condition {
  const { type, status, reason, message = "", lastTransitionTime } = condition;
  const observedGeneration = condition.observedGeneration ?? object.metadata.generation;
  const since = before?.status === status ? before.lastTransitionTime : timeOf(nowMs);
  return {
    // What others have put into it stays.
    ...before,
    type,
    status,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    lastTransitionTime: lastTransitionTime ?? since,
    reason,
    message,
  };
}

function isSame(one: Condition, other: Condition): boolean {
  const fields = ["status", "reason", "message", "lastTransitionTime", "observedGeneration"] as const;
  return fields.every((field) => one[field] === other[field]);
}

/** Kubernetes' `Time` has no fraction. */
function timeOf(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, -".000Z".length)}Z`;
}

function statusOf({ status }: KubernetesObject): object {
  return typeof status === "object" && status !== null ? status : {};
}

function conditionsOf(object: KubernetesObject): readonly Condition[] {
  const status = statusOf(object);
  const conditions: unknown = "conditions" in status ? status.conditions : undefined;
  return Array.isArray(conditions) ? conditions.filter(isCondition) : [];
}

function isCondition(value: unknown): value is Condition {
  return typeof value === "object" && value !== null && "type" in value && "status" in value;
}
