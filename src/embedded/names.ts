/** The syntax of names, labels and annotations, with the words in which the real API server refuses a wrong one. */
import { type FieldProblem, invalidValue, tooLong } from "./refusal.ts";

export type NameRule = "subdomain" | "label" | "rfc1035-label" | "path-segment";

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const RFC_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const VALUE = `(${QUALIFIED})?`;
const CONFIG_KEY = "[-._a-zA-Z0-9]+";

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);
const LABEL_PATTERN = whole(LABEL);
const SUBDOMAIN_PATTERN = whole(SUBDOMAIN);
const RFC_1035_PATTERN = whole(RFC_1035);
const QUALIFIED_PATTERN = whole(QUALIFIED);
const VALUE_PATTERN = whole(VALUE);
const CONFIG_KEY_PATTERN = whole(CONFIG_KEY);

const SUBDOMAIN_WORDS =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end" +
  ` with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`;
const LABEL_WORDS =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an" +
  ` alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`;
const RFC_1035_WORDS =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end" +
  ` with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '${RFC_1035}')`;
const QUALIFIED_WORDS =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character" +
  ` (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`;
const VALUE_WORDS =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with" +
  ` an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${VALUE}')`;
const CONFIG_KEY_WORDS =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'" +
  ` (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '${CONFIG_KEY}')`;

const LONGEST_ANNOTATIONS_BYTES = 256 * 1024;

/** The words against `name`, or an empty list when it is well formed. */
function wordsAgainst(name: string, rule: NameRule): string[] {
  switch (rule) {
    case "subdomain":
      return against(name, SUBDOMAIN_PATTERN, SUBDOMAIN_WORDS, 253);
    case "label":
      if (name.includes(".")) return ["must not contain dots"];
      return against(name, LABEL_PATTERN, LABEL_WORDS, 63);
    case "rfc1035-label":
      return against(name, RFC_1035_PATTERN, RFC_1035_WORDS, 63);
    case "path-segment": {
      if (name === "." || name === "..") return [`may not be '${name}'`];
      return ["/", "%"]
        .filter((character) => name.includes(character))
        .map((character) => `may not contain '${character}'`);
    }
  }
}

function against(text: string, pattern: RegExp, words: string, longest: number): string[] {
  const problems: string[] = [];
  if (text.length > longest) problems.push(`must be no more than ${longest} characters`);
  if (!pattern.test(text)) problems.push(words);
  return problems;
}

export function nameProblems(field: string, name: string, rule: NameRule): FieldProblem[] {
  return wordsAgainst(name, rule).map((words) => invalidValue(field, name, words));
}

/** What generated names begin with: a dash at its end is no problem, as more follows. */
export function prefixProblems(field: string, prefix: string, rule: NameRule): FieldProblem[] {
  const masked = prefix.length > 1 && prefix.endsWith("-") ? `${prefix.slice(0, -1)}a` : prefix;
  return wordsAgainst(masked, rule).map((words) => invalidValue(field, prefix, words));
}

/** A key of a label or annotation: an optional DNS subdomain and `/`, then a name of at most 63 characters. */
function qualifiedNameWords(key: string): string[] {
  const parts = key.split("/");
  const name = parts.at(-1) ?? "";
  if (parts.length > 2) {
    return [
      "a valid qualified name must consist of alphanumeric characters, '-', '_' or '.', with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
    ];
  }
  const prefixed =
    parts.length === 2 ? wordsAgainst(parts[0] ?? "", "subdomain").map((words) => `prefix part ${words}`) : [];
  if (name === "") return [...prefixed, "name part must be non-empty", QUALIFIED_WORDS];
  if (name.length > 63) prefixed.push("name part must be no more than 63 characters");
  if (!QUALIFIED_PATTERN.test(name)) prefixed.push(QUALIFIED_WORDS);
  return prefixed;
}

export function labelProblems(labels: Readonly<Record<string, string>>): FieldProblem[] {
  const problems: FieldProblem[] = [];
  for (const [key, value] of Object.entries(labels)) {
    for (const words of qualifiedNameWords(key)) problems.push(invalidValue("metadata.labels", key, words));
    for (const words of labelValueWords(value)) problems.push(invalidValue("metadata.labels", value, words));
  }
  return problems;
}

export const labelValueWords = (value: string): string[] => against(value, VALUE_PATTERN, VALUE_WORDS, 63);

export const labelKeyWords = (key: string): string[] => qualifiedNameWords(key);

export function annotationProblems(annotations: Readonly<Record<string, string>>): FieldProblem[] {
  const problems: FieldProblem[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    bytes += key.length + Buffer.byteLength(value);
    for (const words of qualifiedNameWords(key.toLowerCase()))
      problems.push(invalidValue("metadata.annotations", key, words));
  }
  if (bytes > LONGEST_ANNOTATIONS_BYTES) {
    problems.push(tooLong("metadata.annotations", LONGEST_ANNOTATIONS_BYTES));
  }
  return problems;
}

const STANDARD_FINALIZERS = new Set(["foregroundDeletion", "orphan", "kubernetes"]);

/** A finalizer is a qualified name. On built-in kinds one without a domain must be one of Kubernetes' own. */
export function finalizerProblems(finalizers: readonly string[], custom: boolean): FieldProblem[] {
  return finalizers.flatMap((finalizer, index) => {
    const problems = qualifiedNameWords(finalizer).map((words) =>
      invalidValue("metadata.finalizers", finalizer, words),
    );
    if (!custom && !finalizer.includes("/") && !STANDARD_FINALIZERS.has(finalizer)) {
      const because = "name is neither a standard finalizer name nor is it fully qualified";
      problems.push(invalidValue(`metadata.finalizers[${index}]`, finalizer, because));
    }
    return problems;
  });
}

export function configKeyProblems(field: string, keys: readonly string[]): FieldProblem[] {
  return keys.flatMap((key) =>
    against(key, CONFIG_KEY_PATTERN, CONFIG_KEY_WORDS, 253).map((words) =>
      invalidValue(`${field}[${key}]`, key, words),
    ),
  );
}
