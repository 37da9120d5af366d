/** From method and path to what is asked: a verb on a resource, or a path that is none. */
import { methodNotAllowed, noSuchResource } from "./refusal.ts";
import type { ResourceDefinition, ResourceRegistry } from "./resources.ts";

/** One request as the core takes it: HTTP without the connection. */
export interface CoreRequest {
  readonly method: string;
  /** Path without query, starting with `/`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly accept?: string;
  readonly contentType?: string;
  /** Value of the `Authorization` header. */
  readonly authorization?: string;
  readonly userAgent?: string;
  readonly body?: string;
}

/** The verbs of Kubernetes, as RBAC names them. */
export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";

/** A verb on a resource. */
export interface Target {
  readonly verb: Verb;
  readonly resource: ResourceDefinition;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** The key prefix of what a request covers; the namespace's own prefix, or everything. */
export const keyPrefixOf = (target: Target): string => (target.namespace === undefined ? "" : `${target.namespace}/`);

/** The key of one object. */
export const keyOf = (namespace: string | undefined, name: string): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

export type Route =
  | { readonly kind: "resource"; readonly target: Target }
  | { readonly kind: "path"; readonly segments: readonly string[] };

const decodeSegment = (segment: string): string => {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
};

export const isTrue = (value: string | undefined): boolean => value === "true" || value === "1" || value === "";

export function route(request: CoreRequest, registry: ResourceRegistry): Route {
  const segments = request.path.split("/").slice(1).map(decodeSegment);
  if (segments.at(-1) === "") segments.pop();
  const depth = segments[0] === "api" ? 2 : 3;
  if ((segments[0] !== "api" && segments[0] !== "apis") || segments.length <= depth) return { kind: "path", segments };
  const groupVersion = segments.slice(1, depth).join("/");
  if (!registry.hasGroupVersion(groupVersion)) return { kind: "path", segments };
  const watching = segments[depth] === "watch";
  const rest = segments.slice(watching ? depth + 1 : depth);
  return { kind: "resource", target: targetOf(request, registry, groupVersion, rest, watching) };
}

function targetOf(
  request: CoreRequest,
  registry: ResourceRegistry,
  groupVersion: string,
  rest: readonly string[],
  watching: boolean,
): Target {
  // `namespaces/<ns>/<plural>` is inside a namespace; `namespaces/<ns>` and its subresources are the Namespace itself.
  const inside = rest[0] === "namespaces" && rest[2] !== undefined ? registry.find(groupVersion, rest[2]) : undefined;
  const [plural, name, subresource, more] = inside === undefined ? rest : rest.slice(2);
  const resource = inside ?? registry.find(groupVersion, plural ?? "");
  const namespace = inside === undefined ? undefined : rest[1];
  if (resource === undefined || more !== undefined) throw noSuchResource();
  if (inside !== undefined && !resource.namespaced) throw noSuchResource();
  if (resource.namespaced && namespace === undefined && name !== undefined) throw noSuchResource();
  const verb = verbOf(request, name, subresource, resource, namespace, watching);
  return { verb, resource, namespace, name, subresource };
}

function verbOf(
  request: CoreRequest,
  name: string | undefined,
  subresource: string | undefined,
  resource: ResourceDefinition,
  namespace: string | undefined,
  watching: boolean,
): Verb {
  if (name === undefined) {
    switch (request.method) {
      case "GET":
        return watching || (request.query?.watch !== undefined && isTrue(request.query.watch)) ? "watch" : "list";
      case "POST":
        if (resource.namespaced && namespace === undefined) throw methodNotAllowed();
        return "create";
      case "DELETE":
        if (!resource.deletesCollections) throw methodNotAllowed();
        if (resource.namespaced && namespace === undefined) throw methodNotAllowed();
        return "deletecollection";
      default:
        throw methodNotAllowed();
    }
  }
  switch (request.method) {
    case "GET":
      return watching ? "watch" : "get";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      if (subresource !== undefined) throw methodNotAllowed();
      return "delete";
    default:
      throw methodNotAllowed();
  }
}
