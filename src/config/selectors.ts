/**
 * The syntax of label and field selectors, checked before anything is started: the API server would refuse a wrong one with
 * 400 on every list, for ever. Each function answers what is wrong, or undefined.
 */

const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const REQUIREMENT = /^(?:(?<absent>!)\s*(?<absentKey>\S+)|(?<key>[^\s=!<>(),]+)\s*(?<rest>.*))$/;
const EQUALITY = /^(?:==|!=|=)\s*(?<value>[^\s=!<>(),]*)$/;
const ORDER = /^[<>]\s*-?\d+$/;
const SET = /^(?:in|notin)\s*\((?<values>[^()]*)\)$/;

/** Equality (`app=shop`, `tier!=web`), sets (`app in (a,b)`), existence (`app`, `!app`) and order (`size>3`), joined by commas. */
export function labelSelectorProblem(selector: string): string | undefined {
  if (selector.trim() === "") return 'must select something, but is ""; leave the key out to select everything';
  for (const requirement of requirementsOf(selector)) {
    const problem = requirementProblem(requirement.trim());
    if (problem !== undefined)
      return `${problem} in "${selector}"; write it as app=shop, tier!=web, "app in (a,b)" or !app, joined by commas`;
  }
  return undefined;
}

/** `path=value` and `path!=value`, joined by commas. Which paths exist is for the API server to say. */
export function fieldSelectorProblem(selector: string): string | undefined {
  const wrong = selector.split(",").find((term) => !/^\s*[A-Za-z][A-Za-z0-9.]*\s*(?:==|!=|=)[^=!,]*$/.test(term));
  return wrong === undefined
    ? undefined
    : `has "${wrong}" in "${selector}"; write it as metadata.name=shop or spec.nodeName!=a, joined by commas`;
}

/** What the API server would refuse of the labels of an object, with 422 at every write, for ever; and what only coordinators may write. */
export function labelsProblem(labels: Readonly<Record<string, unknown>>): string | undefined {
  for (const [key, value] of Object.entries(labels)) {
    const shown = `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
    if (!isLabelKey(key)) return `has ${shown}, whose key is no label key; write it as team or example.com/team`;
    if (key.startsWith("electorate.dev/"))
      return `has ${shown}, by which a coordinator knows its Leases; choose another key`;
    if (typeof value !== "string" || !isLabelValue(value)) {
      return `has ${shown}, which is no label value: a text of at most 63 letters, digits, "-", "_" and "."`;
    }
  }
  return undefined;
}

/** Splits at the commas that are not within parentheses. */
function requirementsOf(selector: string): string[] {
  const requirements = [""];
  let within = false;
  for (const part of selector.split(/([,()])/)) {
    if (part === "(" || part === ")") within = part === "(";
    if (part === "," && !within) requirements.push("");
    else requirements.push(`${requirements.pop() ?? ""}${part}`);
  }
  return requirements;
}

function requirementProblem(requirement: string): string | undefined {
  const groups = REQUIREMENT.exec(requirement)?.groups;
  if (groups === undefined)
    return requirement === "" ? "has an empty requirement" : `has "${requirement}", which is no requirement,`;
  const key = groups.absentKey ?? groups.key ?? "";
  if (!isLabelKey(key)) return `has "${key}", which is no label key,`;
  const rest = groups.rest ?? "";
  if (rest === "" || ORDER.test(rest)) return undefined;
  const values = EQUALITY.exec(rest)?.groups?.value ?? SET.exec(rest)?.groups?.values;
  if (values === undefined) return `has "${requirement}", which is no requirement,`;
  const wrong = values.split(",").find((value) => !isLabelValue(value.trim()));
  return wrong === undefined ? undefined : `has "${wrong.trim()}", which is no label value,`;
}

function isLabelKey(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash < 0) return NAME.test(key);
  const prefix = key.slice(0, slash);
  return prefix.length <= 253 && PREFIX.test(prefix) && NAME.test(key.slice(slash + 1));
}

function isLabelValue(value: string): boolean {
  return value === "" || NAME.test(value);
}
