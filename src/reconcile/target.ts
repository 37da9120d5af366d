import { type ApiResource, resourceName } from "../kube/api.ts";
import { ElectorateError } from "../runtime/errors.ts";

/** Where an object is. */
interface Address {
  /** Left out, or empty, for a cluster-scoped object. */
  readonly namespace?: string;
  readonly name: string;
}

/** Names an object of the reconciled resource: its key (`namespace/name`), where it is, or the object itself. */
export type Target = string | Address | { readonly metadata: Address };

/** The key that a target means. Throws `misuse` for what cannot name an object of the resource; types do not hold at run time. */
export function keyOfTarget(target: Target, resource: ApiResource): string {
  const key = textOf(target);
  const parts = key?.split("/") ?? [];
  if (key !== undefined && parts.length === (resource.namespaced ? 2 : 1) && !parts.includes("")) return key;
  const wanted = resource.namespaced ? "<namespace>/<name>" : "<name>";
  throw new ElectorateError(
    "misuse",
    `${describe(target)} names no object of ${resourceName(resource)}; give a key "${wanted}", a name${resource.namespaced ? " and a namespace" : ""}, or an object`,
  );
}

function textOf(target: unknown): string | undefined {
  if (typeof target === "string") return target;
  if (!isFields(target)) return undefined;
  const { namespace, name } = isFields(target.metadata) ? target.metadata : target;
  if (typeof name !== "string" || name.includes("/")) return undefined;
  return typeof namespace === "string" && namespace !== "" ? `${namespace}/${name}` : name;
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function describe(target: unknown): string {
  if (typeof target === "string") return JSON.stringify(target.slice(0, 100));
  const key = textOf(target);
  return key === undefined ? `a value of type ${target === null ? "null" : typeof target}` : JSON.stringify(key);
}
