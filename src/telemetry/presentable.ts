import { ElectorateError } from "../runtime/errors.ts";

/**
 * What may stand in a log line. Errors become a few short fields, values under a name that sounds like a secret, a body or
 * headers become `[redacted]`, and nothing is deep or long. An API answer may hold a Secret and a request's headers hold a
 * token, so neither ever reaches a line, whatever a caller passes.
 */

const REDACTED = "[redacted]";
const CUT = "[...]";
const SECRET =
  /^(body|headers|rawheaders|cookie|set-cookie|authorization|proxy-authorization|kubeconfig|.*(token|password|passwd|secret|credential|privatekey|apikey|certificate)s?)$/i;
const LONGEST_TEXT = 1_000;
const LONGEST_LIST = 50;
const DEEPEST = 4;
const MOST_FRAMES = 6;

/** `fields` as they may be written. Never throws, whatever a field's getter does. */
export function presentable(fields: object): Record<string, unknown> {
  return fields instanceof Error ? { err: presentableError(fields) } : presentableFields(fields, 0);
}

function presentableFields(fields: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(fields).map((name) => [
      name,
      isSecret(name) ? REDACTED : presentableValue(read(fields, name), depth + 1),
    ]),
  );
}

function isSecret(name: string): boolean {
  return SECRET.test(name.replaceAll(/[_-]/g, "")) || SECRET.test(name);
}

function read(fields: object, name: string): unknown {
  try {
    return Reflect.get(fields, name);
  } catch {
    return "[unreadable]";
  }
}

function presentableValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return shortened(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return presentableError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : value.toISOString();
  if (depth > DEEPEST) return CUT;
  if (value instanceof Map) return presentableFields(fieldsOf(value), depth);
  if (value instanceof Set || Array.isArray(value)) {
    const items = [...value];
    const shown = items.slice(0, LONGEST_LIST).map((item) => presentableValue(item, depth + 1));
    return items.length > LONGEST_LIST ? [...shown, `${items.length - LONGEST_LIST} more`] : shown;
  }
  return presentableFields(value, depth);
}

function fieldsOf(map: ReadonlyMap<unknown, unknown>): Record<string, unknown> {
  return Object.fromEntries([...map].map(([name, value]) => [String(name), value]));
}

/** Name, code, message and cause; frames only for errors that are neither ours nor the system's, because those are bugs. */
function presentableError(error: Error, depth = 0): Record<string, unknown> {
  const code = read(error, "code");
  const cause = error.cause;
  const carriesAnswer = read(error, "body") !== undefined || read(error, "headers") !== undefined;
  return {
    type: error.name,
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    // The message of @kubernetes/client-node's ApiException repeats the answer's body and headers.
    message: carriesAnswer ? "the API server refused the request" : shortened(error.message),
    ...(error instanceof ElectorateError && error.status !== undefined ? { status: error.status } : {}),
    ...(error instanceof ElectorateError && error.reason !== undefined ? { reason: error.reason } : {}),
    ...(cause instanceof Error && depth < 2 ? { cause: presentableError(cause, depth + 1) } : {}),
    ...(code === undefined && !carriesAnswer && depth === 0 ? { stack: framesOf(error) } : {}),
  };
}

function framesOf(error: Error): string[] {
  return (error.stack ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("at "))
    .slice(0, MOST_FRAMES);
}

function shortened(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}${CUT}`;
}
