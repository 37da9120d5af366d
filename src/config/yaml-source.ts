import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
} from "yaml";
import type { ConfigurationProblem, Path } from "./relations.ts";

/** A line and column of a file, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A problem with its place in the text. */
export interface PlacedProblem extends Position {
  /** `resources[0].handler`, empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

/** A YAML text as data, with the place where each of its values stands. */
export class YamlSource {
  /** The data, `undefined` when the text is no YAML. */
  readonly data: unknown;
  /** What makes the text no YAML, and keys that are given twice. */
  readonly problems: readonly PlacedProblem[];
  readonly #document: Document.Parsed<ParsedNode, true>;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const problems = this.#document.errors.map(({ code, message, pos }) => ({
      ...this.#positionAt(pos[0]),
      path: code === "DUPLICATE_KEY" ? pathText(pathAt(this.#document.contents, pos[0]) ?? []) : "",
      message: code === "DUPLICATE_KEY" ? "is given twice in one map; remove one of them" : syntaxText(code, message),
    }));
    const readable = this.#document.errors.every(({ code }) => code === "DUPLICATE_KEY");
    this.data = readable ? this.#read(problems) : undefined;
    this.problems = problems;
  }

  /** Where the value of a path stands; of a value that is not there, where its nearest parent stands. */
  place({ path, message }: ConfigurationProblem, of: "value" | "key" = "value"): PlacedProblem {
    return { ...this.positionOf(path, of), path: pathText(path), message };
  }

  positionOf(path: Path, of: "value" | "key" = "value"): Position {
    let node: Node | null | undefined = this.#document.contents;
    let offset = node?.range?.[0] ?? 0;
    for (const [index, segment] of path.entries()) {
      const step: Step | undefined = stepInto(isAlias(node) ? node.resolve(this.#document) : node, segment);
      if (step === undefined) break;
      const wantsKey = (of === "key" && index === path.length - 1) || isEmpty(step.value);
      offset = (wantsKey ? step.key?.range?.[0] : step.value?.range?.[0]) ?? offset;
      node = step.value;
    }
    return this.#positionAt(offset);
  }

  /** Aliases that multiply without bound, or name no anchor, are found only here. */
  #read(problems: PlacedProblem[]): unknown {
    try {
      return this.#document.toJS();
    } catch (error) {
      problems.push({
        ...this.#positionAt(0),
        path: "",
        message: `is not YAML: ${error instanceof Error ? error.message : String(error)}`,
      });
      return undefined;
    }
  }

  #positionAt(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

interface Step {
  readonly key: Node | undefined;
  readonly value: Node | null | undefined;
}

function stepInto(node: Node | null | undefined, segment: string | number): Step | undefined {
  if (isSeq<Node>(node)) {
    const value = node.items[Number(segment)];
    return value === undefined ? undefined : { key: undefined, value };
  }
  if (!isMap<Node, Node>(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment));
  return pair === undefined ? undefined : { key: pair.key, value: pair.value };
}

function isEmpty(node: Node | null | undefined): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}

function syntaxText(code: string, message: string): string {
  return code === "MULTIPLE_DOCS" ? "a second document begins here; keep one in a file" : `is not YAML: ${message}`;
}

/** The path of the key that begins at `offset`. */
function pathAt(node: Node | null | undefined, offset: number): (string | number)[] | undefined {
  const steps: { readonly segment: string | number; readonly key: Node | null; readonly value: Node | null }[] = isMap<
    Node,
    Node
  >(node)
    ? node.items.map(({ key, value }) => ({ segment: isScalar(key) ? String(key.value) : "", key, value }))
    : isSeq<Node>(node)
      ? node.items.map((value, segment) => ({ segment, key: null, value }))
      : [];
  for (const { segment, key, value } of steps) {
    if (key?.range?.[0] === offset) return [segment];
    const rest = pathAt(value, offset);
    if (rest !== undefined) return [segment, ...rest];
  }
  return undefined;
}

/** `resources[0].namespaces[1]`. */
function pathText(path: Path): string {
  return path.reduce<string>((text, segment) => {
    if (typeof segment === "number") return `${text}[${segment}]`;
    return text === "" ? segment : `${text}.${segment}`;
  }, "");
}
