import { ElectorateError } from "../runtime/errors.ts";

/**
 * Order of resourceVersions. They are decimal strings of any length and are compared as such: as numbers, two versions
 * above 2^53 would look equal. Anything else has no order and fails closed.
 */

const DECIMAL = /^(?:0|[1-9][0-9]*)$/;

/** True for a decimal string without leading zeros, the only resourceVersions that have an order. */
export function isResourceVersion(text: unknown): text is string {
  return typeof text === "string" && DECIMAL.test(text);
}

/** -1, 0 or 1 as `a` is older than, equal to or newer than `b`. Throws `malformed-answer` when either is not a resourceVersion. */
export function compareResourceVersions(a: string, b: string): -1 | 0 | 1 {
  requireResourceVersion(a);
  requireResourceVersion(b);
  if (a === b) return 0;
  if (a.length !== b.length) return a.length < b.length ? -1 : 1;
  return a < b ? -1 : 1;
}

/** Throws `malformed-answer` unless `text` is a resourceVersion that has an order. */
export function requireResourceVersion(text: unknown): asserts text is string {
  if (isResourceVersion(text)) return;
  const shown = typeof text === "string" ? JSON.stringify(text.slice(0, 40)) : String(text);
  throw new ElectorateError(
    "malformed-answer",
    `resourceVersion ${shown} is not a decimal number without leading zeros, so it has no order; Electorate needs an API server that follows KEP-5504`,
  );
}
