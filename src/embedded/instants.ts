/** Go's two JSON time formats: `Time` (RFC 3339, whole seconds on output) and `MicroTime` (exactly six fraction digits). */
import { DecodeFailure, type Site, wrongType } from "./decode.ts";

const TIME_LAYOUT = "2006-01-02T15:04:05Z07:00";
const MICRO_TIME_LAYOUT = "2006-01-02T15:04:05.000000Z07:00";

/** What clients write: nothing more needs to be looked at unless the day or the hour may not exist. */
const PLAIN = "\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\\d|2[0-8])T(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d";
const PLAIN_TIME = new RegExp(`^${PLAIN}Z$`);
const PLAIN_MICRO_TIME = new RegExp(`^${PLAIN}\\.\\d{6}Z$`);

/** The pieces of both layouts in order, each with the text by which Go names it in an error. */
const PIECES: readonly (readonly [RegExp, string])[] = [
  [/^\d{4}/, "2006"],
  [/^-/, "-"],
  [/^\d{2}/, "01"],
  [/^-/, "-"],
  [/^\d{2}/, "02"],
  [/^T/, "T"],
  [/^\d{2}/, "15"],
  [/^:/, ":"],
  [/^\d{2}/, "04"],
  [/^:/, ":"],
  [/^\d{2}/, "05"],
];
const MICROS: readonly [RegExp, string] = [/^\.\d{6}/, ".000000"];
const ANY_FRACTION: readonly [RegExp, string] = [/^(?:\.\d+)?/, ""];
const ZONE: readonly [RegExp, string] = [/^(?:Z|[+-]\d{2}:\d{2})/, "Z07:00"];

function split(text: string, layout: string, pieces: readonly (readonly [RegExp, string])[]): string[] {
  const found: string[] = [];
  let rest = text;
  for (const [pattern, name] of pieces) {
    const match = pattern.exec(rest);
    if (match === null)
      throw unparsable(text, layout, `cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(name)}`);
    found.push(match[0]);
    rest = rest.slice(match[0].length);
  }
  if (rest !== "") throw new DecodeFailure(`parsing time ${JSON.stringify(text)}: extra text: ${JSON.stringify(rest)}`);
  return found;
}

const unparsable = (text: string, layout: string, because: string): DecodeFailure =>
  new DecodeFailure(`parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: ${because}`);

/** The instant in seconds since 1970, in UTC; refuses a day that does not exist. */
function seconds(text: string, pieces: readonly string[], zone: string): number {
  const [year, , month, , day, , hour, , minute, , second] = pieces.map(Number);
  const outOfRange = (what: string): DecodeFailure =>
    new DecodeFailure(`parsing time ${JSON.stringify(text)}: ${what} out of range`);
  const [y, mo, d] = [year ?? 0, month ?? 0, day ?? 0];
  if (mo < 1 || mo > 12) throw outOfRange("month");
  if (d < 1 || d > new Date(Date.UTC(y, mo, 0)).getUTCDate()) throw outOfRange("day");
  if ((hour ?? 0) > 23) throw outOfRange("hour");
  if ((minute ?? 0) > 59) throw outOfRange("minute");
  if ((second ?? 0) > 59) throw outOfRange("second");
  const utc = Date.UTC(y, mo - 1, d, hour, minute, second) / 1000;
  if (zone === "Z") return utc;
  const sign = zone.startsWith("-") ? -1 : 1;
  return utc - sign * (Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(4, 6)) * 60);
}

const inUtc = (unixSeconds: number): string => new Date(unixSeconds * 1000).toISOString().slice(0, 19);

/** A `MicroTime`, in UTC, or nothing when it is absent. */
export function microTimeField(value: unknown, site: Site): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw wrongType(value, site, "string");
  if (PLAIN_MICRO_TIME.test(value)) return value;
  const pieces = split(value, MICRO_TIME_LAYOUT, [...PIECES, MICROS, ZONE]);
  const [fraction = "", zone = ""] = pieces.slice(PIECES.length);
  const unixSeconds = seconds(value, pieces, zone);
  return zone === "Z" ? value : `${inUtc(unixSeconds)}${fraction}Z`;
}

/** A `Time`, in UTC and whole seconds, or nothing when it is absent. */
export function timeField(value: unknown, site: Site): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw wrongType(value, site, "string");
  if (PLAIN_TIME.test(value)) return value;
  const pieces = split(value, TIME_LAYOUT, [...PIECES, ANY_FRACTION, ZONE]);
  return `${inUtc(seconds(value, pieces, pieces.at(-1) ?? ""))}Z`;
}

/** The text that the server writes for an instant of its own. */
export const timeText = (wallMs: number): string => `${inUtc(Math.floor(wallMs / 1000))}Z`;
