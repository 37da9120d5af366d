import { z } from "zod";
import { parseDuration, unitless } from "./duration.ts";

/** What the values of `electorate.yaml` are made of. A message never names its path; the caller puts file, line and path before it. */

/** What to say when a value is missing or of another type. */
export function wanted(description: string) {
  return (issue: { readonly input?: unknown }): string =>
    issue.input === undefined
      ? `is required: give ${description}`
      : `must be ${description}, but is ${described(issue.input)}`;
}

/** A value as a message shows it: short, with its type where that is the mistake. */
function described(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "a map";
  if (typeof value === "string") return `the string "${value.slice(0, 60)}"`;
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
    ? `the ${typeof value} ${value}`
    : `of type ${typeof value}`;
}

export function text(description: string, problemOf: (value: string) => string | undefined) {
  return z.string({ error: wanted(description) }).superRefine((value, context) => {
    const problem = problemOf(value);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });
}

export function duration(example: string) {
  return z
    .string({
      error: (issue) =>
        typeof issue.input === "number" ? unitless(issue.input) : wanted(`a duration such as ${example}`)(issue),
    })
    .transform((value, context) => {
      const parsed = parseDuration(value);
      if (typeof parsed === "number") return parsed;
      context.addIssue({ code: "custom", message: parsed.problem });
      return z.NEVER;
    });
}

export function wholeNumber(most: number, what: string) {
  const description = `a whole number of ${what} from 1 to ${most}`;
  return z.number({ error: wanted(description) }).superRefine((value, context) => {
    if (Number.isInteger(value) && value >= 1 && value <= most) return;
    context.addIssue({ code: "custom", message: `must be ${description}, but is ${value}` });
  });
}
