/** Continue tokens: where the next page starts, and of which version of the data. */
import { isFields } from "./decode.ts";
import { badRequest } from "./refusal.ts";

export interface Page {
  /** The version that every page of the list shows; the newest one when left out. */
  readonly revision: number | undefined;
  /** The first key of the page, without the prefix of the list; empty for the first page. */
  readonly startKey: string;
}

const VERSION = "meta.k8s.io/v1";
/** In a token that the server gave with a 410: go on from here, with what there is now. */
const INCONSISTENT = -1;

export function continueToken(page: Page): string {
  const token = { v: VERSION, rv: page.revision ?? INCONSISTENT, start: `/${page.startKey}` };
  return Buffer.from(JSON.stringify(token)).toString("base64url");
}

const invalidToken = (because: string): Error =>
  badRequest(`invalid continue token: continue key is not valid: ${because}`);

export function parseContinueToken(token: string): Page {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    throw invalidToken("it is not one that this server gave");
  }
  if (!isFields(parsed) || parsed.v !== VERSION) throw invalidToken("unknown version of the token");
  const { rv, start } = parsed;
  if (typeof rv !== "number" || !Number.isSafeInteger(rv) || rv === 0) throw invalidToken("resourceVersion is not set");
  if (typeof start !== "string" || !start.startsWith("/") || start.length < 2) throw invalidToken("start is not set");
  return { revision: rv === INCONSISTENT ? undefined : rv, startKey: start.slice(1) };
}
