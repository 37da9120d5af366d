/**
 * The chart's README, whose tables are its values.yaml: a comment above a key says what the key means, a comment that stands alone
 * is a heading. A map whose keys have comments is not a value itself.
 */
import { parse } from "yaml";

interface DocumentedValue {
  /** `lease.duration`. */
  readonly path: string;
  readonly meaning: string;
  readonly heading: string;
}

/** Every value that has a comment, in the order of the file. */
export function documentedValues(valuesYaml: string): readonly DocumentedValue[] {
  const found: DocumentedValue[] = [];
  const parents: { readonly key: string; readonly indent: number }[] = [];
  let heading = "";
  let comment: string[] = [];
  for (const line of valuesYaml.split("\n")) {
    const said = /^\s*# ?(.*)$/.exec(line);
    const key = /^(\s*)([A-Za-z]+):/.exec(line);
    if (said !== null) {
      comment.push(said[1] ?? "");
    } else if (line.trim() === "") {
      if (comment.length > 0) heading = comment.join(" ");
      comment = [];
    } else if (key !== null) {
      const [, space = "", name = ""] = key;
      while ((parents.at(-1)?.indent ?? -1) >= space.length) parents.pop();
      parents.push({ key: name, indent: space.length });
      if (comment.length > 0) {
        found.push({ path: parents.map((parent) => parent.key).join("."), meaning: comment.join(" "), heading });
      }
      comment = [];
    }
  }
  return found;
}

/** Paths of values.yaml that nothing explains: neither they nor a map above them has a comment. */
export function unexplainedValues(valuesYaml: string): readonly string[] {
  const explained = new Set(documentedValues(valuesYaml).map(({ path }) => path));
  const isAbove = (path: string): boolean => [...explained].some((below) => below.startsWith(`${path}.`));
  const visit = (value: unknown, path: string): string[] => {
    if (explained.has(path)) return [];
    if (path !== "" && !isAbove(path)) return [path];
    return Object.entries(fieldsOf(value)).flatMap(([key, below]) =>
      visit(below, path === "" ? key : `${path}.${key}`),
    );
  };
  return visit(parse(valuesYaml), "");
}

/** The tables of values, one for each heading. */
function valueTables(valuesYaml: string): string {
  const values: unknown = parse(valuesYaml);
  const headings = Map.groupBy(documentedValues(valuesYaml), ({ heading }) => heading);
  return [...headings]
    .map(([heading, documented]) => {
      const rows = documented.map(({ path, meaning }) => {
        return `| \`${path}\` | ${defaultText(valueAt(values, path))} | ${meaning.replaceAll("|", "\\|")} |`;
      });
      return `### ${heading.replace(/\.$/, "")}\n\n| value | default | meaning |\n| --- | --- | --- |\n${rows.join("\n")}`;
    })
    .join("\n\n");
}

export function valueAt(values: unknown, path: string): unknown {
  return path.split(".").reduce((value: unknown, key) => fieldsOf(value)[key], values);
}

/** What a map has; nothing for what is none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function defaultText(value: unknown): string {
  return value === "" || value === null ? "" : `\`${JSON.stringify(value)}\``;
}

/** The README with its tables made anew. */
export function readmeWith(readme: string, valuesYaml: string): string {
  return withGenerated(readme, "values", valueTables(valuesYaml));
}

/** The document with what stands between the marks of that name made anew. */
export function withGenerated(document: string, name: string, content: string): string {
  const [beginMark, endMark] = [`<!-- ${name}: made by \`npm run chart\` -->`, `<!-- end of ${name} -->`];
  const begin = document.indexOf(beginMark);
  const end = document.indexOf(endMark);
  if (begin < 0 || end < begin) throw new Error(`the document lacks the lines ${beginMark} and ${endMark}`);
  return `${document.slice(0, begin + beginMark.length)}\n\n${content}\n\n${document.slice(end)}`;
}
