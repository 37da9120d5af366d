/** Everything that is not a verb on a resource: discovery, version, probes, and reviews of one's own access. */
import { type Authorizer, reviewOwnAccess, type User } from "./access.ts";
import { answerAggregated, wantsAggregated } from "./aggregated-discovery.ts";
import { isFields } from "./decode.ts";
import { answerDiscovery } from "./discovery.ts";
import { answerOpenApi } from "./openapi.ts";
import { badRequest, methodNotAllowed, unsupportedMediaType } from "./refusal.ts";
import type { ResourceRegistry } from "./resources.ts";
import type { CoreRequest } from "./routes.ts";
import { type Answer, jsonAnswer, textAnswer } from "./verbs.ts";

export interface PathRequest {
  readonly request: CoreRequest;
  readonly segments: readonly string[];
  readonly registry: ResourceRegistry;
  readonly user: User;
  readonly authorize: Authorizer | undefined;
}

const VERSION = {
  major: "1",
  minor: "36",
  gitVersion: "v1.36.0-electorate",
  gitCommit: "embedded",
  gitTreeState: "clean",
  buildDate: "2026-01-01T00:00:00Z",
  goVersion: "none",
  compiler: "none",
  platform: "electorate/embedded",
};

const REVIEW = "authorization.k8s.io/v1/selfsubjectaccessreviews";

export function answerPath(path: PathRequest): Answer {
  const { request, segments, registry } = path;
  const [first = ""] = segments;
  if (first === "apis" && segments.slice(1).join("/") === REVIEW) return answerReview(path);
  if (request.method !== "GET") throw methodNotAllowed();
  switch (first) {
    case "":
      return jsonAnswer(200, JSON.stringify({ paths: ["/api", "/apis", "/healthz", "/livez", "/readyz", "/version"] }));
    case "version":
      return jsonAnswer(200, JSON.stringify(VERSION));
    case "healthz":
    case "livez":
    case "readyz":
      return request.query?.verbose === undefined
        ? textAnswer(200, "ok")
        : textAnswer(200, `[+]ping ok\n${first} check passed\n`);
    case "api":
    case "apis":
      if (segments.length === 1 && wantsAggregated(request.accept)) return answerAggregated(first, registry);
      return answerDiscovery(segments, registry) ?? notServed();
    case "openapi":
      return answerOpenApi(segments, registry) ?? notServed();
    default:
      return notServed();
  }
}

const notServed = (): Answer => textAnswer(404, "404 page not found\n");

function answerReview({ request, user, authorize }: PathRequest): Answer {
  if (request.method !== "POST") throw methodNotAllowed();
  if (!(request.contentType ?? "application/json").startsWith("application/json")) throw unsupportedMediaType();
  let body: unknown;
  try {
    body = JSON.parse(request.body ?? "");
  } catch {
    body = undefined;
  }
  if (!isFields(body)) {
    throw badRequest("the object provided is unrecognized (must be of type SelfSubjectAccessReview)");
  }
  return jsonAnswer(201, reviewOwnAccess(user, body, authorize));
}
