/**
 * Server-side apply, by what each manager last applied: enough to own fields, to drop those that are no longer applied, and
 * to tell two managers that want different values. Lists are owned whole. Writers that do not apply own nothing here.
 */
import type { Entry } from "./collection.ts";
import { type Fields, isFields, jsonValue, yamlValue } from "./decode.ts";
import { sameJson } from "./equality.ts";
import { mergePatch } from "./merge-patch.ts";
import { badRequest, invalidOptions, Refusal, requiredValue } from "./refusal.ts";
import { servedJson } from "./representation.ts";
import { type CoreRequest, isTrue, keyOf, type Target } from "./routes.ts";

type Path = readonly string[];
/** The applied value of each field, by its path in the form `.data.key`. */
type Leaves = ReadonlyMap<string, { readonly path: Path; readonly value: unknown }>;

interface Applied {
  readonly uid: string;
  readonly byManager: ReadonlyMap<string, Leaves>;
}

/** What was applied to each object. An object made anew starts without owners. */
export class AppliedFields {
  readonly #objects = new Map<string, Applied>();

  of(target: Target, uid: string): ReadonlyMap<string, Leaves> {
    const applied = this.#objects.get(identity(target));
    return applied === undefined || applied.uid !== uid ? new Map() : applied.byManager;
  }

  set(target: Target, uid: string, byManager: ReadonlyMap<string, Leaves>): void {
    this.#objects.set(identity(target), { uid, byManager });
  }
}

const identity = ({ resource, namespace, name = "" }: Target): string =>
  `${resource.collection} ${keyOf(namespace, name)}`;

/** Fields that say which object it is; nobody owns them. */
const IDENTITY = new Set([
  ".apiVersion",
  ".kind",
  ".metadata.name",
  ".metadata.namespace",
  ".metadata.resourceVersion",
]);

function leavesOf(value: unknown, path: Path = [], leaves = new Map<string, { path: Path; value: unknown }>()): Leaves {
  if (isFields(value)) for (const [name, part] of Object.entries(value)) leavesOf(part, [...path, name], leaves);
  else {
    const text = path.map((step) => `.${step}`).join("");
    if (!IDENTITY.has(text)) leaves.set(text, { path, value });
  }
  return leaves;
}

export interface Configured {
  /** The object as it will be. */
  readonly object: unknown;
  /** Notes who applied what, once the object is stored. */
  readonly remember: (uid: string) => void;
}

/** The object that an apply asks for; 409 when another manager applied another value, unless it is forced. */
export function applyConfiguration(
  applied: AppliedFields,
  target: Target,
  request: CoreRequest,
  previous: Entry | undefined,
): Configured {
  const manager = request.query?.fieldManager ?? "";
  if (manager === "")
    throw invalidOptions("PatchOptions", [requiredValue("fieldManager", "is required for apply patch")]);
  const configuration = parseConfiguration(request.body ?? "");
  const leaves = leavesOf(configuration);
  const owners = new Map(previous === undefined ? [] : applied.of(target, previous.object.metadata.uid ?? ""));
  const before = owners.get(manager);
  owners.delete(manager);
  const forced = request.query?.force !== undefined && isTrue(request.query.force);
  if (!forced) refuseConflicts(leaves, owners);
  for (const [other, theirs] of owners) owners.set(other, withoutTaken(theirs, leaves));
  const kept = new Set([...owners.values(), leaves].flatMap((one) => [...one.keys()]));
  const base = previous === undefined ? {} : jsonValue(servedJson(target.resource, previous));
  for (const [text, { path }] of before ?? []) if (!kept.has(text)) removeAt(base, path);
  owners.set(manager, leaves);
  return {
    object: mergePatch(base, configuration),
    remember: (uid) => applied.set(target, uid, owners),
  };
}

function parseConfiguration(body: string): Fields {
  const configuration = yamlValue(body);
  if (!isFields(configuration)) throw badRequest("error decoding YAML: the body is not an object");
  const { apiVersion, kind } = configuration;
  if (typeof apiVersion !== "string" || typeof kind !== "string") {
    throw badRequest(`invalid object type: /, Kind=${typeof kind === "string" ? kind : ""}`);
  }
  return configuration;
}

function refuseConflicts(leaves: Leaves, owners: ReadonlyMap<string, Leaves>): void {
  const causes = [...owners].flatMap(([owner, theirs]) =>
    [...leaves]
      .filter(([text, { value }]) => theirs.has(text) && !sameJson(theirs.get(text)?.value, value))
      .map(([field]) => ({ reason: "FieldManagerConflict", message: `conflict with "${owner}"`, field })),
  );
  if (causes.length === 0) return;
  const list = causes.map((cause) => `${cause.message}: ${cause.field}`).join("\n");
  const count = causes.length === 1 ? "1 conflict" : `${causes.length} conflicts`;
  throw new Refusal(409, "Conflict", `Apply failed with ${count}: ${list}`, { causes });
}

/** What another manager still owns after its fields with other values were taken by force. */
function withoutTaken(theirs: Leaves, taken: Leaves): Leaves {
  return new Map(
    [...theirs].filter(([text, { value }]) => !taken.has(text) || sameJson(taken.get(text)?.value, value)),
  );
}

function removeAt(root: unknown, path: Path): void {
  let value: unknown = root;
  for (const step of path.slice(0, -1)) value = isFields(value) ? value[step] : undefined;
  const last = path.at(-1);
  if (isMutable(value) && last !== undefined) delete value[last];
}

function isMutable(value: unknown): value is Record<string, unknown> {
  return isFields(value);
}
