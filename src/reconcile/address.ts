import { type ApiResource, type KubernetesObject, type ObjectMetadata, resourceName } from "../kube/api.ts";
import { ElectorateError } from "../runtime/errors.ts";

/** Whether a call means what it says: checks of names, namespaces and kinds before anything is sent. */

/** What is asked of the guarded client. */
export type Verb =
  | "get"
  | "create"
  | "update"
  | "updateStatus"
  | "patch"
  | "patchStatus"
  | "apply"
  | "applyStatus"
  | "delete";

/** An empty name would address the whole collection, which a DELETE empties. Only a creation may leave the name to the server. */
export function requireAddress<Address extends Pick<ObjectMetadata, "namespace" | "name">>(
  verb: Verb,
  resource: ApiResource,
  address: Address,
): Address {
  const { namespace, name } = address;
  const generateName: unknown = "generateName" in address ? address.generateName : undefined;
  const named = typeof name === "string" && name !== "" && !name.includes("/");
  const namedByServer = verb === "create" && !name && typeof generateName === "string" && generateName !== "";
  if (!named && !namedByServer) throw misuse(verb, resource, String(name), "needs the name of an object");
  if (resource.namespaced === Boolean(namespace)) return address;
  const problem = resource.namespaced
    ? "needs a namespace, because the resource is namespaced"
    : `must not have a namespace (${namespace}), because the resource is cluster-scoped`;
  throw misuse(verb, resource, name, problem);
}

/**
 * The object with `apiVersion` and `kind`, which items of a list lack. An object of another kind was meant for another
 * resource: sent here, it would be a puzzling 400.
 */
export function typed(verb: Verb, resource: ApiResource, object: KubernetesObject): KubernetesObject {
  const { name } = requireAddress(verb, resource, object.metadata);
  const whole = {
    ...object,
    apiVersion: object.apiVersion ?? apiVersionOf(resource),
    kind: object.kind ?? resource.kind,
  };
  if (whole.kind === "PartialObjectMetadata") {
    // Its metadata name and version the object, which is all that a deletion needs.
    if (verb === "delete") return whole;
    throw misuse(
      verb,
      resource,
      name,
      "was given its metadata only (metadataOnly is set); read the object first, or patch it",
    );
  }
  if (whole.kind !== resource.kind || groupOf(whole.apiVersion) !== resource.group) {
    throw misuse(
      verb,
      resource,
      name,
      `was given a ${whole.kind} of ${whole.apiVersion}; name its resource, as in { resource: "deployments.apps" }`,
    );
  }
  return whole;
}

function apiVersionOf({ group, version }: ApiResource): string {
  return group === "" ? version : `${group}/${version}`;
}

/** The group of an `apiVersion`, empty for core. */
export function groupOf(apiVersion: string): string {
  return apiVersion.slice(0, Math.max(apiVersion.indexOf("/"), 0));
}

export function misuse(verb: Verb, resource: ApiResource, name: string, problem: string): ElectorateError {
  return new ElectorateError("misuse", `${verb} of ${resourceName(resource)} ${JSON.stringify(name)} ${problem}`);
}
