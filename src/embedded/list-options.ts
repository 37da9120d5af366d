/** The options of lists and watches, and which of them go together. */
import {
  badRequest,
  type FieldProblem,
  forbiddenValue,
  internal,
  invalidOptions,
  unsupportedValue,
} from "./refusal.ts";

type Query = Readonly<Record<string, string>>;

const FIELD = "resourceVersionMatch";

/** Refuses combinations that the real server refuses, with all problems at once. */
export function checkListOptions(query: Query, watching: boolean): void {
  const match = query.resourceVersionMatch ?? "";
  if (match === "" && query.sendInitialEvents === undefined) return;
  const problems = watching ? watchProblems(query, match) : listProblems(query, match);
  if (problems.length > 0) throw invalidOptions("ListOptions", problems);
}

function listProblems(query: Query, match: string): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const version = query.resourceVersion ?? "";
  if (match !== "") {
    if (version === "") {
      problems.push(forbiddenValue(FIELD, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    }
    if ((query.continue ?? "") !== "") {
      problems.push(forbiddenValue(FIELD, "resourceVersionMatch is forbidden when continue is provided"));
    }
    if (match !== "Exact" && match !== "NotOlderThan") {
      problems.push(unsupportedValue(FIELD, match, ["Exact", "NotOlderThan", ""]));
    }
    if (match === "Exact" && version === "0") {
      problems.push(forbiddenValue(FIELD, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (query.sendInitialEvents !== undefined) {
    problems.push(forbiddenValue("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
  return problems;
}

function watchProblems(query: Query, match: string): FieldProblem[] {
  if (query.sendInitialEvents === undefined) {
    return [forbiddenValue(FIELD, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")];
  }
  if (match === "") {
    return [forbiddenValue(FIELD, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")];
  }
  return match === "NotOlderThan" ? [] : [unsupportedValue(FIELD, match, ["NotOlderThan"])];
}

/** A resourceVersion of a query; 0 when it is left out. */
export function parseRevision(text: string | undefined, verb: "get" | "list" | "watch"): number {
  if (text === undefined || text === "") return 0;
  if (/^\d+$/.test(text)) return Number(text);
  const message = `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw verb === "list" ? badRequest(`invalid resource version: ${message}`) : internal(message);
}
