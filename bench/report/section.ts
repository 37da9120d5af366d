/** What a question says in the report: text, tables, and charts that stand beside the report as SVG files. */
export type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "table"; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] }
  | { readonly type: "chart"; readonly file: string; readonly caption: string; svg(): string };

export interface Section {
  readonly title: string;
  readonly parts: readonly Part[];
  /** What this project wants to reach, beside what was measured. */
  readonly goals: readonly Goal[];
  /** The figure by which the README tells of this question; none when its cells were not measured. */
  readonly highlight?: Highlight | undefined;
}

export interface Highlight {
  readonly what: string;
  /** By contender; one that has no such operation says so. */
  readonly figures: readonly [ours: string, clientGo: string, knative: string];
}

export interface Goal {
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
}

/** A goal that a number must not exceed. */
export function atMost(what: string, most: number, measured: number, unit = ""): Goal {
  return { what, goal: `<= ${most}${unit}`, measured: `${fine(measured)}${unit}`, met: measured <= most };
}

/** A goal that a number must reach. */
export function atLeast(what: string, least: number, measured: number): Goal {
  return { what, goal: `>= ${least}`, measured: fine(measured), met: measured >= least };
}

/** Three digits that count, so that a goal that is just missed is not rounded to one that is met. */
function fine(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}

export function text(words: string): Part {
  return { type: "text", text: words };
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): Part {
  return { type: "table", head, rows };
}

/** `12.3` below 100, `123` above, `1,234` above a thousand. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (Math.abs(value) < 1) return value === 0 ? "0" : value.toPrecision(2);
  if (Math.abs(value) < 100) return value.toFixed(1);
  return Math.round(value).toLocaleString("en-US");
}

/** `12.3 / 45.6 / 78.9`. */
export function numbers(values: readonly number[]): string {
  return values.map(number).join(" / ");
}
