/**
 * Server-side apply: a manager owns the fields that it applies, others may not change them by an apply without force, and what it no longer
 * applies goes, unless somebody else owns it too. Who owns what is in the object itself, see `managed-fields.ts`.
 */
import type { KubernetesObject } from "../kube/api.ts";
import { type Fields, isFields, yamlValue } from "./decode.ts";
import { sameJson } from "./equality.ts";
import { fieldText, itemStepOf, type Leaves, leavesOf, type Owner, ownersOf, type Steps } from "./managed-fields.ts";
import { badRequest, invalidOptions, Refusal, requiredValue } from "./refusal.ts";
import { groupVersionOf } from "./resources.ts";
import { type CoreRequest, isTrue, type Target } from "./routes.ts";

export interface Configured {
  /** The object as it will be. */
  readonly object: unknown;
  /** Who owns what of it, once it is stored. */
  readonly owners: readonly Owner[];
}

/** Owns what was in an object before anybody applied to it. */
const BEFORE = "before-first-apply";

/**
 * The object that an apply asks for; `served` is the one that is there, as it is served. 409 when another manager owns a field that has
 * another value, unless it is forced.
 */
export function applyConfiguration(
  target: Target,
  request: CoreRequest,
  served: KubernetesObject | undefined,
  time: string,
): Configured {
  const manager = request.query?.fieldManager ?? "";
  if (manager === "")
    throw invalidOptions("PatchOptions", [requiredValue("fieldManager", "is required for apply patch")]);
  const { subresource } = target;
  const apiVersion = groupVersionOf(target.resource);
  const configuration = parseConfiguration(request.body ?? "");
  const leaves = appliedLeaves(leavesOf(configuration), target);
  const own = { manager, operation: "Apply", apiVersion, time, subresource, paths: new Set(leaves.keys()) } as const;
  if (served === undefined) return { object: configuration, owners: [own] };

  const live = leavesOf(served);
  const known = ownersOf(served);
  const owners: readonly Owner[] =
    known.length > 0
      ? known
      : [
          {
            manager: BEFORE,
            operation: "Update",
            apiVersion,
            time,
            subresource: undefined,
            paths: new Set(live.keys()),
          },
        ];
  const isOwn = (owner: Owner): boolean =>
    owner.manager === manager && owner.operation === "Apply" && owner.subresource === subresource;
  const before = owners.find(isOwn);
  const changed = new Set([...leaves].flatMap(([path, { value }]) => (isLive(live, path, value) ? [] : path)));
  const others = owners.filter((owner) => !isOwn(owner));
  const forced = request.query?.force !== undefined && isTrue(request.query.force);
  if (!forced) refuseConflicts(changed, others);
  const rest = others.map((owner) => ({ ...owner, paths: without(owner.paths, changed) }));
  const object = withApplied(served, configuration, []);
  const dropped = [...(before?.paths ?? [])].filter((path) => !leaves.has(path));
  for (const path of dropped) if (!rest.some(({ paths }) => paths.has(path))) removeAt(object, path.split("\n"));
  // What was applied before is applied again: not even the time of it changes.
  const isRepeated = changed.size === 0 && dropped.length === 0 && before?.paths.size === leaves.size;
  return { object, owners: isRepeated ? known : [...rest, own] };
}

function parseConfiguration(body: string): Fields {
  const configuration = yamlValue(body);
  if (!isFields(configuration)) throw badRequest("error decoding YAML: the body is not an object");
  const { apiVersion, kind, metadata } = configuration;
  if (typeof apiVersion !== "string" || typeof kind !== "string") {
    throw badRequest(`invalid object type: /, Kind=${typeof kind === "string" ? kind : ""}`);
  }
  if (isFields(metadata) && metadata.managedFields !== undefined && metadata.managedFields !== null) {
    throw badRequest("metadata.managedFields must be nil");
  }
  return configuration;
}

/** Of the object itself or of its status, as the path of the request says. */
function appliedLeaves(leaves: Leaves, { subresource, resource }: Target): Leaves {
  const isOfStatus = (path: string): boolean => path === "f:status" || path.startsWith("f:status\n");
  if (subresource === "status") return new Map([...leaves].filter(([path]) => isOfStatus(path)));
  return resource.status ? new Map([...leaves].filter(([path]) => !isOfStatus(path))) : leaves;
}

/** True when the object has that value there; an empty map is in every map. */
function isLive(live: Leaves, path: string, value: unknown): boolean {
  if (live.has(path)) return sameJson(live.get(path)?.value, value);
  return isFields(value) && [...live.keys()].some((other) => other.startsWith(`${path}\n`));
}

const without = (paths: ReadonlySet<string>, taken: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...paths].filter((path) => !taken.has(path)));

function refuseConflicts(changed: ReadonlySet<string>, owners: readonly Owner[]): void {
  const causes = owners.flatMap((owner) =>
    [...changed]
      .filter((path) => owner.paths.has(path))
      .map((path) => ({
        reason: "FieldManagerConflict",
        message: `conflict with ${ownerText(owner)}`,
        field: fieldText(path),
      })),
  );
  if (causes.length === 0) return;
  const list = causes.map((cause) => `${cause.message}: ${cause.field}`).join("\n");
  const count = causes.length === 1 ? "1 conflict" : `${causes.length} conflicts`;
  throw new Refusal(409, "Conflict", `Apply failed with ${count}: ${list}`, { causes });
}

function ownerText({ manager, operation, apiVersion, time, subresource }: Owner): string {
  const name = JSON.stringify(manager) + (subresource === undefined ? "" : ` with subresource "${subresource}"`);
  return operation === "Apply" ? name : `${name} using ${apiVersion} at ${time}`;
}

/** Maps are merged, and so are lists whose items are told apart; everything else is replaced. */
function withApplied(base: unknown, applied: unknown, steps: Steps): unknown {
  if (isFields(applied)) {
    const result: Record<string, unknown> = isFields(base) ? { ...base } : {};
    for (const [name, part] of Object.entries(applied))
      result[name] = withApplied(result[name], part, [...steps, `f:${name}`]);
    return result;
  }
  const itemStep = itemStepOf(steps);
  if (itemStep === undefined || !Array.isArray(applied) || !Array.isArray(base)) return applied;
  const items = new Map(base.map((item: unknown) => [itemStep(item), item]));
  for (const item of applied as readonly unknown[]) items.set(itemStep(item), item);
  return [...items.values()];
}

/** `root` is this file's own copy, down to where it removes something. */
function removeAt(root: unknown, steps: Steps): void {
  let value: unknown = root;
  for (const [depth, step] of steps.entries()) {
    const isLast = depth === steps.length - 1;
    const itemStep = itemStepOf(steps.slice(0, depth));
    if (Array.isArray(value) && itemStep !== undefined) {
      const at = value.findIndex((item: unknown) => itemStep(item) === step);
      if (at >= 0) value.splice(at, 1);
      return;
    }
    if (!isMutable(value)) return;
    const name = step.slice("f:".length);
    if (isLast) delete value[name];
    else value = value[name];
  }
}

function isMutable(value: unknown): value is Record<string, unknown> {
  return isFields(value);
}
