/**
 * Who owns which fields, as `metadata.managedFields` says it. Pure.
 *
 * Owners are kept from the first server-side apply to an object on; what was in it before belongs to `before-first-apply`, as on a real server
 * for objects that are older than its book-keeping. Lists are owned whole, but for `finalizers` and `ownerReferences`: kinds whose schema has further
 * lists of maps are not served here.
 */
import type { KubernetesObject } from "../kube/api.ts";
import { type Fields, isFields } from "./decode.ts";
import { sameJson } from "./equality.ts";

/** A field, step by step: `f:name` of a map, `v:<json>` or `k:<json>` of an item of a list. */
export type Steps = readonly string[];
/** The values of all fields, by their steps on a line each. */
export type Leaves = ReadonlyMap<string, { readonly steps: Steps; readonly value: unknown }>;

export interface Owner {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  /** RFC 3339, to the second. */
  readonly time: string;
  readonly subresource: string | undefined;
  readonly paths: ReadonlySet<string>;
}

const pathOf = (steps: Steps): string => steps.join("\n");

/** What names an item of a list that many may add to. */
const ITEM_STEPS: ReadonlyMap<string, (item: unknown) => string> = new Map([
  [pathOf(["f:metadata", "f:finalizers"]), (item: unknown) => `v:${JSON.stringify(item)}`],
  [
    pathOf(["f:metadata", "f:ownerReferences"]),
    (item: unknown) => `k:${JSON.stringify({ uid: isFields(item) ? item.uid : undefined })}`,
  ],
]);

/** How the items of the list at `steps` are told apart; `undefined` for a list that is owned whole. */
export const itemStepOf = (steps: Steps): ((item: unknown) => string) | undefined => ITEM_STEPS.get(pathOf(steps));

/** Fields that say which object it is, or that the server itself keeps; nobody owns them. */
const UNOWNED = new Set([
  ...["f:apiVersion", "f:kind"],
  ...[
    ...["name", "namespace", "generateName", "uid", "resourceVersion", "generation", "selfLink", "managedFields"],
    ...["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"],
  ].map((field) => pathOf(["f:metadata", `f:${field}`])),
]);

export function leavesOf(object: unknown): Leaves {
  const leaves = new Map<string, { readonly steps: Steps; readonly value: unknown }>();
  const visit = (value: unknown, steps: Steps): void => {
    if (UNOWNED.has(pathOf(steps))) return;
    const itemStep = itemStepOf(steps);
    if (isFields(value) && Object.keys(value).length > 0) {
      for (const [name, part] of Object.entries(value)) visit(part, [...steps, `f:${name}`]);
    } else if (Array.isArray(value) && itemStep !== undefined) {
      for (const item of value) {
        const itemSteps = [...steps, itemStep(item)];
        leaves.set(pathOf(itemSteps), { steps: itemSteps, value: item });
      }
    } else if (steps.length > 0) leaves.set(pathOf(steps), { steps, value });
  };
  visit(object, []);
  return leaves;
}

/** The field as messages name it: `.data.k`, `.metadata.ownerReferences[uid="u"]`. */
export function fieldText(path: string): string {
  return path
    .split("\n")
    .map((step) => {
      if (step.startsWith("f:")) return `.${step.slice(2)}`;
      const value: unknown = JSON.parse(step.slice(2));
      if (!isFields(value)) return `[=${JSON.stringify(value)}]`;
      const parts = Object.entries(value).map(([name, part]) => `${name}=${JSON.stringify(part)}`);
      return `[${parts.join(",")}]`;
    })
    .join("");
}

export function ownersOf({ metadata: { managedFields } }: KubernetesObject): Owner[] {
  return (Array.isArray(managedFields) ? managedFields : []).filter(isFields).map((entry) => ({
    manager: String(entry.manager),
    operation: entry.operation === "Apply" ? "Apply" : "Update",
    apiVersion: String(entry.apiVersion),
    time: String(entry.time),
    subresource: typeof entry.subresource === "string" ? entry.subresource : undefined,
    paths: new Set(pathsIn(entry.fieldsV1, [])),
  }));
}

function pathsIn(fields: unknown, steps: Steps): string[] {
  if (!isFields(fields)) return [];
  const names = Object.keys(fields);
  if (names.length === 0) return steps.length === 0 ? [] : [pathOf(steps)];
  return names.flatMap((name) => (name === "." ? [pathOf(steps)] : pathsIn(fields[name], [...steps, name])));
}

/** The entries of those who own something, in the order of the real server. */
export function managedFieldsOf(owners: readonly Owner[]): Fields[] {
  const order = ({ operation, time, manager }: Owner): string => `${operation} ${time} ${manager}`;
  return owners
    .filter(({ paths }) => paths.size > 0)
    .toSorted((one, other) => (order(one) < order(other) ? -1 : 1))
    .map(({ manager, operation, apiVersion, time, subresource, paths }) => ({
      manager,
      operation,
      apiVersion,
      time,
      fieldsType: "FieldsV1",
      fieldsV1: fieldsOf(paths),
      ...(subresource === undefined ? {} : { subresource }),
    }));
}

interface FieldSet {
  [step: string]: FieldSet;
}

function fieldsOf(paths: ReadonlySet<string>): FieldSet {
  const root: FieldSet = {};
  for (const path of [...paths].toSorted()) {
    let at = root;
    for (const step of path.split("\n")) {
      at[step] ??= {};
      at = at[step];
    }
  }
  return root;
}

/** Who writes without applying, and when. */
export interface Updater {
  readonly manager: string;
  readonly apiVersion: string;
  readonly subresource: string | undefined;
  readonly time: string;
}

/** The owners after a write that was no apply: what it changed is its writer's alone. The same when it changed nothing that is owned. */
export function ownersAfterUpdate(
  previous: KubernetesObject,
  next: KubernetesObject,
  updater: Updater,
): readonly Owner[] {
  const owners = ownersOf(previous);
  if (owners.length === 0) return owners;
  const before = leavesOf(previous);
  const after = leavesOf(next);
  const changed = [...after.keys()].filter((path) => !sameJson(before.get(path)?.value, after.get(path)?.value));
  const touched = new Set([...changed, ...[...before.keys()].filter((path) => !after.has(path))]);
  if (touched.size === 0) return owners;
  const isOwn = ({ manager, operation, subresource }: Owner): boolean =>
    operation === "Update" && manager === updater.manager && subresource === updater.subresource;
  const own = owners.find(isOwn);
  const rest = owners.map((owner) => ({
    ...owner,
    paths: new Set([...owner.paths].filter((path) => !touched.has(path))),
  }));
  const kept = rest.find(isOwn)?.paths ?? [];
  const mine: Owner = { ...own, ...updater, operation: "Update", paths: new Set([...kept, ...changed]) };
  return [...rest.filter((owner) => !isOwn(owner)), mine];
}
