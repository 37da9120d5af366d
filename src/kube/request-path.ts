import { ElectorateError } from "../runtime/errors.ts";
import type { ApiResource, Selection } from "./api.ts";

/** Where the API server keeps resources: pure building of paths and queries. Every part is escaped on its own. */

/** Path of a collection. Without a namespace, that of all namespaces or of a cluster-scoped resource. */
export function collectionPath(resource: ApiResource, namespace: string | undefined): string {
  const root = resource.group === "" ? "/api" : `/apis/${segment(resource.group, "group")}`;
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${segment(namespace, "namespace")}` : "";
  return `${root}/${segment(resource.version, "version")}${scope}/${segment(resource.plural, "resource")}`;
}

/** Path of one object. A namespaced object needs its namespace, or another object would be meant. */
export function objectPath(resource: ApiResource, namespace: string | undefined, name: string): string {
  requireNamespace(resource, namespace);
  return `${collectionPath(resource, namespace)}/${segment(name, "name")}`;
}

/** Throws `misuse` when a namespaced resource is asked for without a namespace. */
export function requireNamespace(resource: ApiResource, namespace: string | undefined): void {
  if (!resource.namespaced || (namespace !== undefined && namespace !== "")) return;
  throw new ElectorateError("misuse", `${resource.plural} live in a namespace, and none was given`);
}

/** The selectors as query parameters; empty ones are left out. */
export function selectionQuery(selection: Selection): Record<string, string> {
  const query: Record<string, string> = {};
  if (selection.labelSelector) query.labelSelector = selection.labelSelector;
  if (selection.fieldSelector) query.fieldSelector = selection.fieldSelector;
  return query;
}

/** An empty part would name the collection instead (a DELETE of it deletes everything), and dots would walk up the path. */
function segment(text: string, what: string): string {
  if (text === "" || text === "." || text === "..") {
    throw new ElectorateError("misuse", `${JSON.stringify(text)} cannot be the ${what} in a request to the API server`);
  }
  return encodeURIComponent(text);
}
