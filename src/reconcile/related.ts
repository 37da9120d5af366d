import { type ApiResource, type KubernetesObject, resourceName } from "../kube/api.ts";
import { ElectorateError, messageOf } from "../runtime/errors.ts";
import type { Log, Meter } from "../runtime/telemetry.ts";
import { createSource, type Source, type SourceOptions } from "./source.ts";
import { keyOfTarget, type Target } from "./target.ts";
import { changeFilter, type UpdateFilter } from "./update-filter.ts";

/**
 * Objects of another kind whose events make keys of the reconciled resource fresh: children their owner's, watched ones those that a
 * function names. Of an update both are, what the object was about before and what it is about after.
 */

/**
 * Names the objects that an object of a watched kind is about. Called with the object before and after each update, and with the last state of a
 * deleted one. Must answer at once; when it throws the event is lost, logged and counted (`electorate_map_failures_total`).
 */
export type MapFunction = (object: KubernetesObject) => readonly Target[];

/** The keys that an object is about. */
export type KeysOf = (object: KubernetesObject) => readonly string[];

/**
 * The owner that a child's controller reference names, by group, kind and name. An owner that the source does not have is left out: where it is
 * only not known yet, it is looked at when it becomes known; else it is another's (a label selector, another namespace), or gone.
 */
export function ownerOf(owner: ApiResource, isKnown: (key: string) => boolean): KeysOf {
  return (child) => {
    const key = ownerKeyOf(child, owner);
    return key !== undefined && isKnown(key) ? [key] : [];
  };
}

/** The key of the object of the kind `owner` that controls `child`, `undefined` when none does. A namespaced owner is in its child's namespace. */
export function ownerKeyOf(child: KubernetesObject, owner: ApiResource): string | undefined {
  const { ownerReferences: references, namespace = "" } = child.metadata;
  if (!Array.isArray(references)) return undefined;
  const reference: unknown = references.find(
    (candidate: unknown) => isFields(candidate) && candidate.controller === true,
  );
  if (!isFields(reference)) return undefined;
  const { apiVersion, kind, name } = reference;
  if (typeof apiVersion !== "string" || typeof name !== "string" || kind !== owner.kind) return undefined;
  // Without the version: a reference keeps the one that it was made with, whichever the server prefers by now.
  if (apiVersion.slice(0, Math.max(apiVersion.indexOf("/"), 0)) !== owner.group) return undefined;
  if (!owner.namespaced) return name;
  return namespace === "" ? undefined : `${namespace}/${name}`;
}

export interface MappedOptions {
  readonly map: MapFunction;
  /** The reconciled resource. */
  readonly about: ApiResource;
  /** The watched one. */
  readonly watched: ApiResource;
  readonly log: Log;
  readonly meter: Meter;
}

/** What a user's function names. Only its first fault is logged: a wrong function is wrong for every object. */
export function mappedBy({ map, about, watched, log, meter }: MappedOptions): KeysOf {
  const labels = { resource: resourceName(about), watched: resourceName(watched) };
  meter.increment("electorate_map_failures_total", labels, 0);
  let reported = false;
  const attempted = <Result>(object: KubernetesObject, work: () => Result): Result | [] => {
    try {
      return work();
    } catch (error) {
      meter.increment("electorate_map_failures_total", labels);
      const what = "the map function of a watched resource failed; events are lost";
      if (!reported) log.error({ ...labels, object: object.metadata.name, error: messageOf(error) }, what);
      reported = true;
      return [];
    }
  };
  return (object) => {
    const targets = attempted(object, () => {
      const mapped: readonly Target[] = map(object);
      if (Array.isArray(mapped)) return mapped as readonly Target[];
      throw new ElectorateError("misuse", `it must return a list of targets at once, but returned ${typeof mapped}`);
    });
    // One that is wrong does not take the others with it.
    return targets.flatMap((target) => attempted(object, () => keyOfTarget(target, about)));
  };
}

export interface RelatedSourceOptions extends Omit<SourceOptions, "buckets" | "onKey"> {
  readonly keysOf: KeysOf;
  readonly updates: UpdateFilter | undefined;
  /** Told of every key of the reconciled resource that an event makes fresh. */
  onKey(key: string): void;
}

/** The source of a related kind: on every replica, whatever it leads, so that a promoted shard finds it warm. */
export function createRelatedSource(options: RelatedSourceOptions): Source {
  const { resource, keysOf, updates, log } = options;
  const passes = changeFilter(updates, resourceName(resource), log);
  return createSource({
    ...options,
    buckets: ONE_BUCKET,
    onKey: (_bucket, _key, change) => {
      const before = keysAbout(change.before, keysOf);
      const after = keysAbout(change.after, keysOf);
      // A filter says which updates matter to those whom they are about, not who those are.
      if (sameKeys(before, after) && !passes(change)) return;
      for (const key of new Set([...before, ...after])) options.onKey(key);
    },
  });
}

/** Shards are of the reconciled resource; which of them an event is for is told by the keys that it is about. */
const ONE_BUCKET = { count: 1, bucketOf: () => 0 };

function keysAbout(object: KubernetesObject | undefined, keysOf: KeysOf): ReadonlySet<string> {
  return new Set(object === undefined ? [] : keysOf(object));
}

function sameKeys(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((key) => other.has(key));
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
