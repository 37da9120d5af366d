import type { z } from "zod";
import { shardsOf } from "../lease/names.ts";
import { settingsProblems } from "../queue/bull/settings.ts";
import { messageOf } from "../runtime/errors.ts";
import { formatDuration } from "./duration.ts";
import { unversionedResource } from "./fields.ts";
import { bullOptionsOf } from "./queue.ts";
import { fieldSchemas, resourceFieldSchemas } from "./schema.ts";
import { leaseTimings } from "./timings.ts";

/** Where a value stands in the YAML. */
export type Path = readonly (string | number)[];

export interface ConfigurationProblem {
  readonly path: Path;
  readonly message: string;
}

/**
 * What values must hold together, for those of them that are right by themselves: a wrong value never hides a wrong relation
 * elsewhere, so that all problems are listed at once.
 */
export function relationProblems(raw: unknown): ConfigurationProblem[] {
  return [...leaseProblems(raw), ...timeoutProblems(raw), ...queueProblems(raw), ...resourceProblems(raw)];
}

function queueProblems(raw: unknown): ConfigurationProblem[] {
  const queue = valid(fieldSchemas.queue, field(raw, "queue"));
  if (queue === undefined) return [];
  const bull = bullOptionsOf(queue, (file) => file);
  if (bull !== undefined)
    return settingsProblems(bull).map(({ path, message }) => ({ path: ["queue", ...path], message }));
  if (queue.driver === "bull")
    return [
      { path: ["queue", "redis"], message: "is required by driver bull: give it addresses such as [redis:6379]" },
    ];
  if (queue.redis !== undefined)
    return [
      {
        path: ["queue", "redis"],
        message: "is for driver bull, and the driver is memory; set driver: bull, or remove it",
      },
    ];
  return [];
}

function leaseProblems(raw: unknown): ConfigurationProblem[] {
  const lease = valid(fieldSchemas.lease, field(raw, "lease"));
  if (lease === undefined) return [];
  const { duration, renewDeadline, retryPeriod, clockRatio } = lease;
  const result = leaseTimings({
    durationMs: duration,
    renewDeadlineMs: renewDeadline,
    retryPeriodMs: retryPeriod,
    clockRatio,
  });
  if ("timings" in result) return [];
  return result.problems.map(({ path, message }) => ({ path: path.split("."), message }));
}

function timeoutProblems(raw: unknown): ConfigurationProblem[] {
  const drainMs = valid(fieldSchemas.drainTimeout, field(raw, "drainTimeout"));
  const shutdownMs = valid(fieldSchemas.shutdownTimeout, field(raw, "shutdownTimeout"));
  if (shutdownMs === 0)
    return [
      { path: ["shutdownTimeout"], message: "must be longer than 0s, or nothing is ever released; 25s is the default" },
    ];
  if (drainMs === undefined || shutdownMs === undefined || drainMs <= shutdownMs) return [];
  const path = field(raw, "drainTimeout") === undefined ? ["shutdownTimeout"] : ["drainTimeout"];
  const message =
    `a stop would be cut short while it drains: drainTimeout (${formatDuration(drainMs)}) is longer than shutdownTimeout ` +
    `(${formatDuration(shutdownMs)}); lengthen shutdownTimeout (and the pod's grace period) or shorten drainTimeout`;
  return [{ path, message }];
}

function resourceProblems(raw: unknown): ConfigurationProblem[] {
  const coordinator = valid(fieldSchemas.coordinator, field(raw, "coordinator"));
  const entries = field(raw, "resources");
  if (!Array.isArray(entries)) return [];
  const problems: ConfigurationProblem[] = [];
  const firstByResource = new Map<string, number>();
  for (const [index, entry] of entries.entries()) {
    const resource = valid(resourceFieldSchemas.resource, field(entry, "resource"));
    if (resource === undefined) continue;
    const path = ["resources", index, "resource"];
    const name = unversionedResource(resource);
    const first = firstByResource.get(name);
    if (first !== undefined) {
      problems.push({
        path,
        message: `names "${name}" again, which resources[${first}] has already; a resource has one handler: remove one`,
      });
      continue;
    }
    firstByResource.set(name, index);
    const buckets = valid(resourceFieldSchemas.buckets, field(entry, "buckets"));
    const message = coordinator === undefined ? undefined : leaseNameProblem(coordinator, name, buckets ?? 1);
    if (message !== undefined) problems.push({ path, message });
  }
  return problems;
}

/** Only the last bucket's name is made: it is the longest. */
function leaseNameProblem(coordinator: string, resource: string, buckets: number): string | undefined {
  const [plural = "", ...group] = resource.split(".");
  try {
    shardsOf(coordinator, { plural, group: group.join(".") }, buckets, "");
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function valid<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> | undefined {
  const result = schema.safeParse(value);
  return result.success ? result.data : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}
