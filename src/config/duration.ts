/** Durations as Kubernetes writes them: `15s`, `500ms`, `1m30s`, `2h`. */

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
const LONGEST_MS = 24 * 3_600_000;
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|h|m|s))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|h|m|s)/g;

/** Milliseconds of a duration of at most 24 hours, or a text that says what is wrong with it, the value and the remedy. */
export function parseDuration(text: string): number | { readonly problem: string } {
  if (/^\d+(\.\d+)?$/.test(text)) return { problem: unitless(text) };
  if (!WHOLE.test(text)) return { problem: `must be a duration such as 15s, 500ms, 1m30s or 2h, but is "${text}"` };
  let totalMs = 0;
  for (const [, number = "", unit = ""] of text.matchAll(PART))
    totalMs += Number(number) * (UNIT_MS[unit] ?? Number.NaN);
  // 0.1 + 0.2 seconds are whole milliseconds to a person, although not to floating point.
  const roundedMs = Math.round(totalMs);
  if (Math.abs(roundedMs - totalMs) > 1e-6) return { problem: `must be whole milliseconds, but is "${text}"` };
  if (roundedMs > LONGEST_MS) return { problem: `must be at most 24h, but is "${text}"` };
  return roundedMs;
}

/** What to say of a bare number, which could be seconds to one reader and milliseconds to the next. */
export function unitless(value: number | string): string {
  return `must be a duration with a unit, but is the bare number ${value}; write ${value}s for seconds or ${value}ms for milliseconds`;
}

/** `15s`, `1m30s`, `250ms`; the shortest text that {@link parseDuration} reads back as the same milliseconds. */
export function formatDuration(durationMs: number): string {
  let restMs = Math.round(durationMs);
  if (restMs === 0) return "0s";
  let text = "";
  for (const [unit, unitMs] of Object.entries(UNIT_MS)) {
    const count = Math.floor(restMs / unitMs);
    if (count > 0) text += `${count}${unit}`;
    restMs -= count * unitMs;
  }
  return text;
}
