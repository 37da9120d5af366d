/** Discovery: which groups, versions and resources there are, as `kubectl api-resources` and clients ask. */

import { noSuchResource } from "./refusal.ts";
import { groupVersionOf, type ResourceDefinition, type ResourceRegistry } from "./resources.ts";
import { type Answer, jsonAnswer } from "./verbs.ts";

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
export const STATUS_VERBS = ["get", "patch", "update"];

/** A group that has no stored objects, only reviews. */
const REVIEWS = { group: "authorization.k8s.io", version: "v1" };

export interface GroupVersion {
  readonly groupVersion: string;
  readonly version: string;
}

/** The served versions of each group but the core one, the preferred first. */
export function versionsByGroup(registry: ResourceRegistry): Map<string, GroupVersion[]> {
  const groups = new Map<string, GroupVersion[]>();
  for (const definition of [...registry.all(), REVIEWS]) {
    if (definition.group === "") continue;
    const versions = groups.get(definition.group) ?? [];
    const groupVersion = groupVersionOf(definition);
    if (!versions.some((one) => one.groupVersion === groupVersion)) {
      versions.push({ groupVersion, version: definition.version });
    }
    groups.set(definition.group, versions);
  }
  for (const versions of groups.values()) versions.sort(byMaturity);
  return groups;
}

/** Stable versions before beta before alpha, and newer before older, as Kubernetes prefers them. */
function byMaturity(a: GroupVersion, b: GroupVersion): number {
  const parts = (version: string): readonly [number, number, number] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (match === null) return [-1, 0, 0];
    const level = match[2] === undefined ? 2 : match[2] === "beta" ? 1 : 0;
    return [level, Number(match[1]), Number(match[3] ?? 0)];
  };
  const [left, right] = [parts(a.version), parts(b.version)];
  for (const index of [0, 1, 2] as const) if (left[index] !== right[index]) return right[index] - left[index];
  return a.version < b.version ? -1 : 1;
}

export const resourceVerbs = ({ deletesCollections }: ResourceDefinition): readonly string[] =>
  deletesCollections ? VERBS : VERBS.filter((verb) => verb !== "deletecollection");

function apiGroup(name: string, versions: readonly GroupVersion[]): object {
  return { name, versions, preferredVersion: versions[0] };
}

function resourceList(groupVersion: string, registry: ResourceRegistry): object | undefined {
  const resources = registry.all().filter((definition) => groupVersionOf(definition) === groupVersion);
  const reviews = groupVersion === groupVersionOf(REVIEWS);
  if (resources.length === 0 && !reviews) return undefined;
  const described = resources.flatMap(describe);
  if (reviews) {
    const kind = "SelfSubjectAccessReview";
    described.push({
      name: "selfsubjectaccessreviews",
      singularName: "selfsubjectaccessreview",
      namespaced: false,
      kind,
      verbs: ["create"],
    });
  }
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources: described };
}

function describe(definition: ResourceDefinition): object[] {
  const { plural, singular, namespaced, kind, shortNames, categories, status } = definition;
  const main = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: resourceVerbs(definition),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  };
  if (!status) return [main];
  return [main, { name: `${plural}/status`, singularName: "", namespaced, kind, verbs: STATUS_VERBS }];
}

/** The answer to a discovery path, or nothing when no such group or version is served. */
export function answerDiscovery(segments: readonly string[], registry: ResourceRegistry): Answer | undefined {
  const [root, first, second] = segments;
  const json = (value: object): Answer => jsonAnswer(200, JSON.stringify(value));
  if (root === "api") {
    if (first === undefined) return json({ kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] });
    const list = segments.length === 2 ? resourceList(first, registry) : undefined;
    return list === undefined ? undefined : json(list);
  }
  const groups = versionsByGroup(registry);
  if (first === undefined) {
    const list = [...groups].map(([name, versions]) => apiGroup(name, versions));
    return json({ kind: "APIGroupList", apiVersion: "v1", groups: list });
  }
  const versions = groups.get(first);
  if (versions === undefined) return undefined;
  if (second === undefined) return json({ kind: "APIGroup", apiVersion: "v1", ...apiGroup(first, versions) });
  const list = segments.length === 3 ? resourceList(`${first}/${second}`, registry) : undefined;
  if (list === undefined) throw noSuchResource();
  return json(list);
}
