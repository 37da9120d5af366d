import Table from "cli-table3";
import { stringify } from "yaml";

/** How reports become text: tables for people, JSON and YAML for programs. Pure. */

export const OUTPUTS = ["table", "wide", "json", "yaml"] as const;
export type Output = (typeof OUTPUTS)[number];

/** Data for programs; `undefined` where a table is wanted. */
export function structuredText(data: object, output: Output): string | undefined {
  if (output === "json") return `${JSON.stringify(data, undefined, 2)}\n`;
  return output === "yaml" ? stringify(data) : undefined;
}

/** Columns two blanks apart and nothing else, as kubectl prints them, so that awk and cut work. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const nothing = "";
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2, compact: true },
    chars: {
      top: nothing,
      "top-mid": nothing,
      "top-left": nothing,
      "top-right": nothing,
      bottom: nothing,
      "bottom-mid": nothing,
      "bottom-left": nothing,
      "bottom-right": nothing,
      left: nothing,
      "left-mid": nothing,
      mid: nothing,
      "mid-mid": nothing,
      right: nothing,
      "right-mid": nothing,
      middle: nothing,
    },
  });
  for (const row of rows) table.push(row.map(printable));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Somebody may have written anything into a Lease; nothing of it may move the cursor or open a line of its own. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}

export function dash(text: string | undefined): string {
  return text === undefined || text === "" ? "-" : text;
}

/** The part of an identity before `_`, which people know. */
export function nameIn(identity: string): string {
  const end = identity.lastIndexOf("_");
  return end < 0 ? identity : identity.slice(0, end);
}

const AGE_UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** The two largest units, as kubectl shows ages: `45s`, `2m5s`, `3h4m`, `12d`. */
export function ageText(ageMs: number | undefined): string {
  if (ageMs === undefined) return "-";
  if (ageMs < 0) return `-${ageText(-ageMs)}`;
  if (ageMs < 10_000) return `${Math.floor(ageMs / 100) / 10}s`;
  const first = AGE_UNITS.findIndex(([, unitMs]) => ageMs >= unitMs);
  const [unit, unitMs] = AGE_UNITS[first] ?? ["s", 1_000];
  const count = Math.floor(ageMs / unitMs);
  const [nextUnit, nextMs] = AGE_UNITS[first + 1] ?? ["", Number.POSITIVE_INFINITY];
  const rest = Math.floor((ageMs - count * unitMs) / nextMs);
  return rest > 0 && count < 10 ? `${count}${unit}${rest}${nextUnit}` : `${count}${unit}`;
}

export function agoText(agoMs: number | undefined): string {
  if (agoMs === undefined) return "-";
  // The clock that wrote it is ahead of ours.
  return agoMs < 0 ? "just now" : `${ageText(agoMs)} ago`;
}
