/** Label and field selectors: from a query's text to a predicate over objects. */
import type { KubernetesObject } from "../kube/api.ts";
import { labelKeyWords, labelValueWords } from "./names.ts";
import { badRequest } from "./refusal.ts";

export type LabelPredicate = (labels: Readonly<Record<string, string>>) => boolean;

const TOKEN = /\s*(==|!=|=|!|,|\(|\)|<|>|[^\s=!,()<>]+)/y;
const OPERATORS = "in, notin, =, ==, !=, gt, lt";
const PUNCTUATION = new Set(["==", "!=", "=", "!", ",", "(", ")", "<", ">"]);

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) tokens.push(match[1] ?? "");
  return tokens;
}

/** A reader over the tokens of one selector; an absent token reads as the empty string. */
class Reader {
  readonly #tokens: readonly string[];
  #position = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  peek(): string {
    return this.#tokens[this.#position] ?? "";
  }

  take(): string {
    const token = this.peek();
    this.#position += 1;
    return token;
  }

  identifier(): string {
    const token = this.take();
    if (token === "" || PUNCTUATION.has(token)) throw unparsable(token, "identifier");
    return token;
  }
}

const unparsable = (found: string, expected: string): Error =>
  badRequest(`unable to parse requirement: found '${found}', expected: ${expected}`);

function checkedKey(key: string): string {
  for (const words of labelKeyWords(key)) {
    throw badRequest(`unable to parse requirement: key: Invalid value: ${JSON.stringify(key)}: ${words}`);
  }
  return key;
}

function checkedValue(key: string, value: string): string {
  for (const words of labelValueWords(value)) {
    throw badRequest(
      `unable to parse requirement: values[0][${key}]: Invalid value: ${JSON.stringify(value)}: ${words}`,
    );
  }
  return value;
}

function setOfValues(reader: Reader, key: string): ReadonlySet<string> {
  const values = new Set<string>();
  if (reader.peek() !== "(") throw unparsable(reader.peek(), "'('");
  do {
    reader.take();
    const empty = reader.peek() === "," || reader.peek() === ")";
    values.add(empty ? "" : checkedValue(key, reader.identifier()));
  } while (reader.peek() === ",");
  if (reader.take() !== ")") throw unparsable(reader.peek(), "',' or ')'");
  return values;
}

function exactValue(reader: Reader, key: string): string {
  // `key=` selects the empty value.
  if (reader.peek() === "" || reader.peek() === ",") return "";
  return checkedValue(key, reader.identifier());
}

function bound(reader: Reader, key: string): bigint {
  const text = reader.identifier();
  if (!/^-?\d+$/.test(text)) {
    throw badRequest(
      `unable to parse requirement: values[0][${key}]: Invalid value: ${JSON.stringify(text)}: for 'Gt', 'Lt' operators, the value must be an integer`,
    );
  }
  return BigInt(text);
}

function compared(labels: Readonly<Record<string, string>>, key: string, test: (value: bigint) => boolean): boolean {
  const value = labels[key];
  return value !== undefined && /^-?\d+$/.test(value) && test(BigInt(value));
}

function requirement(reader: Reader): LabelPredicate {
  if (reader.peek() === "!") {
    reader.take();
    const key = checkedKey(reader.identifier());
    return (labels) => labels[key] === undefined;
  }
  const key = checkedKey(reader.identifier());
  if (reader.peek() === "" || reader.peek() === ",") return (labels) => labels[key] !== undefined;
  const operator = reader.take();
  switch (operator) {
    case "=":
    case "==": {
      const value = exactValue(reader, key);
      return (labels) => labels[key] === value;
    }
    case "!=": {
      const value = exactValue(reader, key);
      return (labels) => labels[key] !== value;
    }
    case "in": {
      const values = setOfValues(reader, key);
      return (labels) => values.has(labels[key] ?? "") && labels[key] !== undefined;
    }
    case "notin": {
      const values = setOfValues(reader, key);
      return (labels) => labels[key] === undefined || !values.has(labels[key] ?? "");
    }
    case ">": {
      const least = bound(reader, key);
      return (labels) => compared(labels, key, (value) => value > least);
    }
    case "<": {
      const most = bound(reader, key);
      return (labels) => compared(labels, key, (value) => value < most);
    }
    default:
      throw unparsable(operator, OPERATORS);
  }
}

/** The predicate of a label selector, or nothing for the empty one, which selects everything. */
export function parseLabelSelector(text: string | undefined): LabelPredicate | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const reader = new Reader(text);
  const requirements: LabelPredicate[] = [requirement(reader)];
  while (reader.peek() === ",") {
    reader.take();
    requirements.push(requirement(reader));
  }
  if (reader.peek() !== "") throw badRequest(`found '${reader.peek()}', expected: ',' or 'end of string'`);
  return (labels) => requirements.every((matches) => matches(labels));
}

export type ObjectPredicate = (object: KubernetesObject) => boolean;

/** How to read each field that a resource can be selected by. */
export type SelectableFields = Readonly<Record<string, (object: KubernetesObject) => string>>;

const METADATA_FIELDS: SelectableFields = {
  "metadata.name": (object) => object.metadata.name,
  "metadata.namespace": (object) => object.metadata.namespace ?? "",
};

/** One `field=value` of a field selector. */
export interface FieldRequirement {
  readonly field: string;
  readonly value: string;
  readonly equal: boolean;
}

/** Splits at commas that no backslash escapes. */
function splitFields(text: string): string[] {
  return (text.match(/(?:\\.|[^,\\])+/g) ?? []).filter((part) => part.trim() !== "");
}

export function parseFieldSelector(text: string | undefined): FieldRequirement[] {
  return splitFields(text ?? "").map((part) => {
    const match = /^([^=!]+?)(==|!=|=)(.*)$/s.exec(part);
    if (match === null) throw badRequest(`invalid selector: '${text ?? ""}'; can't understand '${part}'`);
    const [, field = "", operator = "", value = ""] = match;
    return { field, value: value.replace(/\\([\\,=])/g, "$1"), equal: operator !== "!=" };
  });
}

/** The predicate of a field selector over the fields that the resource knows. */
export function fieldPredicate(
  requirements: readonly FieldRequirement[],
  fields: SelectableFields,
  unknown: (field: string) => Error,
): ObjectPredicate | undefined {
  if (requirements.length === 0) return undefined;
  const tests = requirements.map(({ field, value, equal }) => {
    const read = METADATA_FIELDS[field] ?? fields[field];
    if (read === undefined) throw unknown(field);
    return (object: KubernetesObject) => (read(object) === value) === equal;
  });
  return (object) => tests.every((test) => test(object));
}
