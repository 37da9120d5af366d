import { type Clock, systemClock } from "../runtime/clock.ts";
import { answerError, isRecord, isSuccess, malformed, parseJson } from "./answer.ts";
import type { Transport } from "./transport.ts";

/** `unknown`: the API server does not know the token. `forbidden`: it does, and its user may not. */
export type Verdict = "granted" | "unknown" | "forbidden";

/**
 * Asks the API server whether the bearer of a token may `get` a path that is none of its own resources, such as `/metrics`.
 * @throws ElectorateError when there is no answer to go by: then nothing is known, and nothing granted.
 */
export type ReviewAccess = (token: string, path: string) => Promise<Verdict>;

const TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews";
const ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
/** Shorter than a scrape lasts. */
const DEADLINE_MS = 4_000;

/** By a TokenReview and then a SubjectAccessReview, as Kubernetes' own components do it. Needs `create` on both; nothing is remembered. */
export function accessReviews(transport: Transport, clock: Clock = systemClock): ReviewAccess {
  const ask = async (path: string, spec: object): Promise<Readonly<Record<string, unknown>>> => {
    const what = `POST ${path}`;
    const body = JSON.stringify({ spec });
    const answer = await transport.request({ method: "POST", path, body, deadlineMs: DEADLINE_MS });
    if (!isSuccess(answer.status)) throw answerError(answer, what, clock.wallMs());
    return statusOf(answer.body, what);
  };
  return async (token, path) => {
    const { authenticated, user } = await ask(TOKEN_REVIEWS, { token });
    if (authenticated !== true || !isRecord(user)) return "unknown";
    const { username, uid, groups, extra } = user;
    // Whoever has no name could be given the rights of anybody else who has none.
    if (typeof username !== "string" || username === "") return "unknown";
    const nonResourceAttributes = { path, verb: "get" };
    const { allowed, denied } = await ask(ACCESS_REVIEWS, {
      user: username,
      uid,
      groups,
      extra,
      nonResourceAttributes,
    });
    return allowed === true && denied !== true ? "granted" : "forbidden";
  };
}

function statusOf(body: string, what: string): Readonly<Record<string, unknown>> {
  const review = parseJson(body, what);
  if (!isRecord(review) || !isRecord(review.status)) throw malformed(what, "the answer is no review");
  return review.status;
}
