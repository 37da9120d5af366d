/** Who asks, and whether they may. */
import { type Fields, isFields } from "./decode.ts";
import { forbidden, invalid, invalidValue, Refusal, unauthorized } from "./refusal.ts";
import type { CoreRequest, Target } from "./routes.ts";

/** Who a request comes from, as the token says. */
export interface User {
  readonly name: string;
  readonly groups?: readonly string[];
}

/** What a user wants to do, in the words of a SubjectAccessReview. */
export interface AccessRequest {
  readonly user: User;
  readonly verb: string;
  readonly group: string;
  /** Plural name, with `/status` for a subresource. */
  readonly resource: string;
  /** Absent for resources of the cluster and for questions about all namespaces. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/** True when the access is granted. Asked anew for each request, so it may change its mind. */
export type Authorizer = (request: AccessRequest) => boolean;

/** The user of every request while no tokens are configured. */
const ADMIN: User = { name: "embedded-admin", groups: ["system:masters", "system:authenticated"] };

/** Who brings no credentials, where an authoriser decides what such a user may do. */
export const ANONYMOUS: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };

/**
 * The user behind the bearer token. 401 when tokens are configured and this one is not among them; without any token it is
 * the anonymous user if `anonymous`, else 401 too.
 */
export function authenticate(request: CoreRequest, tokens: ReadonlyMap<string, User>, anonymous: boolean): User {
  if (tokens.size === 0) return ADMIN;
  if (anonymous && (request.authorization ?? "") === "") return ANONYMOUS;
  const token = /^Bearer\s+(\S+)$/i.exec(request.authorization ?? "")?.[1];
  const user = token === undefined ? undefined : tokens.get(token);
  if (user === undefined) throw unauthorized();
  return user;
}

export function accessOf(user: User, target: Target): AccessRequest {
  const { verb, resource, namespace, name, subresource } = target;
  return {
    user,
    verb,
    group: resource.group,
    resource: subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`,
    // A Namespace counts as being inside itself.
    namespace: resource.group === "" && resource.plural === "namespaces" ? name : namespace,
    name,
  };
}

/** 403 in the words of the real authoriser. */
export function refuseAccess(target: Target, access: AccessRequest): Refusal {
  const where = access.namespace === undefined ? "at the cluster scope" : `in the namespace "${access.namespace}"`;
  const because = `User "${access.user.name}" cannot ${access.verb} resource "${access.resource}" in API group "${access.group}" ${where}`;
  return forbidden(target.resource, target.name ?? "", because);
}

/** 403 for a path that is no resource. */
export function refusePath(user: User, verb: string, path: string): Refusal {
  return new Refusal(403, "Forbidden", `forbidden: User "${user.name}" cannot ${verb} path "${path}"`, {});
}

const REVIEW_VERSION = "authorization.k8s.io/v1";

const textOf = (fields: Fields, name: string): string => {
  const value = fields[name];
  return typeof value === "string" ? value : "";
};

/** Answers a SelfSubjectAccessReview: the review with its status. */
export function reviewOwnAccess(user: User, body: Fields, authorize: Authorizer | undefined): string {
  const spec = isFields(body.spec) ? body.spec : {};
  const { resourceAttributes, nonResourceAttributes } = spec;
  if (isFields(resourceAttributes) === isFields(nonResourceAttributes)) {
    throw invalid("authorization.k8s.io", "SelfSubjectAccessReview", "", [
      invalidValue(
        "spec.resourceAttributes",
        resourceAttributes ?? null,
        "exactly one of nonResourceAttributes or resourceAttributes must be specified",
      ),
    ]);
  }
  let allowed = true;
  if (isFields(resourceAttributes) && authorize !== undefined) {
    const subresource = textOf(resourceAttributes, "subresource");
    const resource = textOf(resourceAttributes, "resource");
    allowed = authorize({
      user,
      verb: textOf(resourceAttributes, "verb"),
      group: textOf(resourceAttributes, "group"),
      resource: subresource === "" ? resource : `${resource}/${subresource}`,
      namespace: textOf(resourceAttributes, "namespace") || undefined,
      name: textOf(resourceAttributes, "name") || undefined,
    });
  }
  const kind = "SelfSubjectAccessReview";
  return JSON.stringify({ kind, apiVersion: REVIEW_VERSION, metadata: {}, spec, status: { allowed } });
}

/** One grant of {@link grantedBy}; `*` means anything. */
export interface Grant {
  readonly user: string;
  readonly verbs: readonly string[];
  readonly groups: readonly string[];
  readonly resources: readonly string[];
  /** All namespaces, and the cluster, when left out. */
  readonly namespaces?: readonly string[];
}

const covers = (list: readonly string[], value: string): boolean => list.includes("*") || list.includes(value);

/** An authoriser that grants what a list says; the list may be changed while the server runs. */
export function grantedBy(grants: readonly Grant[]): Authorizer {
  return (access) =>
    grants.some(
      (grant) =>
        grant.user === access.user.name &&
        covers(grant.verbs, access.verb) &&
        covers(grant.groups, access.group) &&
        covers(grant.resources, access.resource) &&
        (grant.namespaces === undefined ||
          (access.namespace !== undefined && covers(grant.namespaces, access.namespace))),
    );
}
