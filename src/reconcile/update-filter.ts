import type { KubernetesObject } from "../kube/api.ts";
import { messageOf } from "../runtime/errors.ts";
import type { Log } from "../runtime/telemetry.ts";
import type { Change } from "./cache.ts";

/**
 * Says whether an update is looked at, by the object before and after it, both as the read cache keeps them. It is asked about updates only:
 * additions and deletions are always looked at, and so are the beginning of a deletion (`deletionTimestamp`), an object that was made anew under
 * its name, an update that changes whom a child or a watched object is about, the retry of a failed key, and every key of a promoted shard. Must not wait; an update for which it throws is looked at.
 */
export type UpdateFilter = (before: KubernetesObject, after: KubernetesObject) => boolean;

/** controller-runtime's `GenerationChangedPredicate`: the spec changed. Kinds without a generation, such as ConfigMaps, always pass. */
export const generationChanged: UpdateFilter = (before, after) =>
  after.metadata.generation === undefined || before.metadata.generation !== after.metadata.generation;

/** controller-runtime's `LabelChangedPredicate`. */
export const labelsChanged: UpdateFilter = (before, after) => differ(before.metadata.labels, after.metadata.labels);

/** controller-runtime's `AnnotationChangedPredicate`. */
export const annotationsChanged: UpdateFilter = (before, after) =>
  differ(before.metadata.annotations, after.metadata.annotations);

/** controller-runtime's `predicate.Or`: an update passes that one of the filters lets pass. */
export function anyOf(...filters: readonly UpdateFilter[]): UpdateFilter {
  return (before, after) => filters.some((filter) => filter(before, after));
}

/** Whether a change is looked at. */
export type ChangeFilter = (change: Change) => boolean;

/** The filter with its exceptions. Only its first fault is logged: a wrong filter is wrong for every object. */
export function changeFilter(filter: UpdateFilter | undefined, resource: string, log: Log): ChangeFilter {
  if (filter === undefined) return () => true;
  let reported = false;
  return ({ before, after }) => {
    if (before === undefined || after === undefined) return true;
    if (before.metadata.uid !== after.metadata.uid) return true;
    if (before.metadata.deletionTimestamp === undefined && after.metadata.deletionTimestamp !== undefined) return true;
    try {
      return filter(before, after);
    } catch (error) {
      if (!reported)
        log.error({ resource, error: messageOf(error) }, "the filter of updates failed; such updates pass");
      reported = true;
      return true;
    }
  };
}

type Texts = Readonly<Record<string, string>>;

function differ(before: Texts = {}, after: Texts = {}): boolean {
  const names = Object.keys(before);
  return names.length !== Object.keys(after).length || names.some((name) => before[name] !== after[name]);
}
