/** Aggregated discovery (apidiscovery.k8s.io/v2): every group, version and resource in two answers, as kubectl asks first. */
import { resourceVerbs, STATUS_VERBS, versionsByGroup } from "./discovery.ts";
import { groupVersionOf, type ResourceDefinition, type ResourceRegistry } from "./resources.ts";
import type { BodyAnswer } from "./verbs.ts";

const CONTENT_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** Whether the client would rather have one aggregated answer. */
export function wantsAggregated(accept: string | undefined): boolean {
  const first = (accept ?? "").split(",").find((range) => range.trim().startsWith("application/json")) ?? "";
  const parameters = new Set(first.split(";").map((part) => part.trim()));
  return ["g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"].every((one) => parameters.has(one));
}

function describe(definition: ResourceDefinition): object {
  const { plural, singular, namespaced, kind, shortNames, categories, status, group, version, custom } = definition;
  // Built-in kinds leave group and version to those of the answer around them.
  const responseKind = custom ? { group, version, kind } : { group: "", version: "", kind };
  return {
    resource: plural,
    responseKind,
    scope: namespaced ? "Namespaced" : "Cluster",
    singularResource: singular,
    verbs: resourceVerbs(definition),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(status ? { subresources: [{ subresource: "status", responseKind, verbs: STATUS_VERBS }] } : {}),
  };
}

const REVIEW = {
  resource: "selfsubjectaccessreviews",
  responseKind: { group: "", version: "", kind: "SelfSubjectAccessReview" },
  scope: "Cluster",
  singularResource: "selfsubjectaccessreview",
  verbs: ["create"],
};

function versionOf(groupVersion: string, version: string, registry: ResourceRegistry): object {
  const definitions = registry.all().filter((definition) => groupVersionOf(definition) === groupVersion);
  const reviews = groupVersion === "authorization.k8s.io/v1" ? [REVIEW] : [];
  return { version, resources: [...definitions.map(describe), ...reviews], freshness: "Current" };
}

/** The answer at `/api` (the core group) or `/apis` (all others). */
export function answerAggregated(root: "api" | "apis", registry: ResourceRegistry): BodyAnswer {
  const items =
    root === "api"
      ? [{ metadata: {}, versions: [versionOf("v1", "v1", registry)] }]
      : [...versionsByGroup(registry)].map(([name, versions]) => ({
          metadata: { name },
          versions: versions.map(({ groupVersion, version }) => versionOf(groupVersion, version, registry)),
        }));
  const body = { kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2", metadata: {}, items };
  const headers = { "cache-control": "no-cache, private", "content-type": CONTENT_TYPE };
  return { kind: "body", status: 200, headers, body: JSON.stringify(body) };
}
