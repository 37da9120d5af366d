/**
 * As much of OpenAPI v3 as kubectl asks for before `apply` and `create -f`: that every resource can be patched and that the
 * server validates fields itself. There are no schemas.
 */
import { groupVersionOf, type ResourceDefinition, type ResourceRegistry } from "./resources.ts";
import { type Answer, jsonAnswer } from "./verbs.ts";

const rootOf = (definition: ResourceDefinition): string =>
  `${definition.group === "" ? "api" : "apis"}/${groupVersionOf(definition)}`;

const VALIDATION = { name: "fieldValidation", in: "query", schema: { type: "string" } };

function describe(definition: ResourceDefinition): readonly [string, object] {
  const { group, version, kind, plural, namespaced } = definition;
  const operation = {
    parameters: [VALIDATION],
    responses: { "200": { description: "OK" } },
    "x-kubernetes-group-version-kind": { group, version, kind },
  };
  const path = `/${rootOf(definition)}/${namespaced ? "namespaces/{namespace}/" : ""}${plural}/{name}`;
  return [path, { patch: operation, put: operation }];
}

/** The answer to `/openapi/v3/...`, or nothing when no such group version is served. */
export function answerOpenApi(segments: readonly string[], registry: ResourceRegistry): Answer | undefined {
  if (segments[1] !== "v3") return undefined;
  if (segments.length === 2) {
    const roots = new Set(registry.all().map(rootOf));
    const paths = [...roots].map((root) => [root, { serverRelativeURL: `/openapi/v3/${root}` }] as const);
    return jsonAnswer(200, JSON.stringify({ paths: Object.fromEntries(paths) }));
  }
  const root = segments.slice(2).join("/");
  const described = registry
    .all()
    .filter((definition) => rootOf(definition) === root)
    .map(describe);
  if (described.length === 0) return undefined;
  const info = { title: "Electorate embedded API server", version: "1.36" };
  return jsonAnswer(200, JSON.stringify({ openapi: "3.0.0", info, paths: Object.fromEntries(described) }));
}
