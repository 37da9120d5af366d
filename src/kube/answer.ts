import { ElectorateError, type ErrorCode } from "../runtime/errors.ts";
import type { KubernetesObject } from "./api.ts";

/**
 * What an answer means: pure translation of statuses to our closed set of error codes and of JSON to objects.
 * No message ever holds more than a bounded piece of what the server said, and nothing at all of an HTML page.
 */

/** The part of an answer that its meaning depends on. */
export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const LONGEST_MESSAGE = 400;

const CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [400, "invalid-request"],
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "not-found"],
  [409, "conflict"],
  [410, "gone"],
  [415, "invalid-request"],
  [422, "invalid-request"],
  [429, "too-many-requests"],
]);

/** 2xx. */
export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** The error for an answer that is no success. `what` names the call, such as `GET /api/v1/pods`. */
export function answerError(answer: Answered, what: string, wallMs: number): ElectorateError {
  const status = answer.body.trimStart().startsWith("{") ? parseOrUndefined(answer.body) : undefined;
  return statusError(status, answer.status, what, {
    plainText: answer.headers["content-type"]?.startsWith("text/plain") ? answer.body : "",
    retryAfterMs: parseRetryAfter(answer.headers["retry-after"], wallMs),
  });
}

interface Beside {
  readonly plainText?: string;
  readonly retryAfterMs?: number | undefined;
}

/** The error for a `Status` object, from an answer's body or from inside a watch. */
export function statusError(
  status: unknown,
  httpStatus: number | undefined,
  what: string,
  beside: Beside = {},
): ElectorateError {
  const object = isRecord(status) ? status : {};
  const number = httpStatus ?? (typeof object.code === "number" ? object.code : 500);
  const reason = typeof object.reason === "string" && object.reason !== "" ? object.reason : undefined;
  const said = typeof object.message === "string" ? object.message : (beside.plainText ?? "");
  const retryAfterMs = beside.retryAfterMs ?? retryAfterOf(object);
  const text = shorten(said);
  return new ElectorateError(
    codeOf(number, reason),
    `${what}: ${number}${reason === undefined ? "" : ` ${reason}`}${text === "" ? "" : `: ${text}`}`,
    {
      status: number,
      ...(reason === undefined ? {} : { reason }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  );
}

function codeOf(number: number, reason: string | undefined): ErrorCode {
  if (reason === "Expired" || reason === "Gone") return "gone";
  return CODES.get(number) ?? "server-error";
}

/** True for the answer to a resourceVersion that this API server has not reached, as after a restore from a backup. */
export function isFutureVersion(error: ElectorateError): boolean {
  return error.code === "server-error" && error.message.includes("Too large resource version");
}

/** `Retry-After` as seconds or as an HTTP date, in milliseconds from now. */
function parseRetryAfter(header: string | undefined, wallMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // Date.parse takes almost anything, "-1" among it; an HTTP date begins with the name of a day.
  const atMs = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - wallMs);
}

function retryAfterOf(status: Readonly<Record<string, unknown>>): number | undefined {
  const seconds = isRecord(status.details) ? status.details.retryAfterSeconds : undefined;
  return typeof seconds === "number" && seconds > 0 ? seconds * 1000 : undefined;
}

/** Any JSON value. Throws `malformed-answer`. */
export function parseJson(body: string, what: string): unknown {
  const parsed = parseOrUndefined(body);
  if (parsed === undefined) throw malformed(what, "the answer is not JSON");
  return parsed;
}

/** One object of `kind`; with `kind` undefined, of any. */
export function parseObject(body: string, kind: string | undefined, what: string): KubernetesObject {
  const parsed = parseJson(body, what);
  if (!isKubernetesObject(parsed)) throw malformed(what, "the answer is not a Kubernetes object with metadata.name");
  if (kind !== undefined && parsed.kind !== undefined && parsed.kind !== kind) {
    throw malformed(what, `the answer is of kind ${shorten(parsed.kind)}, not ${kind}`);
  }
  return parsed;
}

/** One page of a list; `continueToken` is empty on the last. */
export interface ListPage {
  readonly objects: readonly KubernetesObject[];
  readonly resourceVersion: string;
  readonly continueToken: string;
}

/** One page of a list. The items of a list carry no kind of their own: they get the list's, so that they can be written back. */
export function parseListPage(body: string, what: string): ListPage {
  const list = parseJson(body, what);
  if (!isRecord(list) || typeof list.kind !== "string" || !list.kind.endsWith("List"))
    throw malformed(what, "the answer is not a list");
  const metadata = isRecord(list.metadata) ? list.metadata : {};
  // A server written in Go says null for an empty list.
  const items = list.items ?? [];
  if (!Array.isArray(items)) throw malformed(what, "the list has no items");
  const { resourceVersion } = metadata;
  if (typeof resourceVersion !== "string" || resourceVersion === "")
    throw malformed(what, "the list has no resourceVersion");
  const kind = list.kind.slice(0, -"List".length);
  const objects = items.map((item: unknown) => {
    if (!isKubernetesObject(item)) throw malformed(what, "an item of the list has no metadata.name");
    if (item.kind !== undefined && item.apiVersion !== undefined) return item;
    return { ...(typeof list.apiVersion === "string" ? { apiVersion: list.apiVersion } : {}), kind, ...item };
  });
  const continueToken = typeof metadata.continue === "string" ? metadata.continue : "";
  return { objects, resourceVersion, continueToken };
}

/** True for what can be named: an object with `metadata.name`. */
export function isKubernetesObject(value: unknown): value is KubernetesObject {
  return isRecord(value) && isRecord(value.metadata) && typeof value.metadata.name === "string";
}

/** True for a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The error for an answer that cannot be understood. */
export function malformed(what: string, why: string): ElectorateError {
  return new ElectorateError("malformed-answer", `${what}: ${why}; is this the address of a Kubernetes API server?`);
}

function parseOrUndefined(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch {
    return undefined;
  }
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= LONGEST_MESSAGE ? line : `${line.slice(0, LONGEST_MESSAGE)}...`;
}
