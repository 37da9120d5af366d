/** What a Markdown document claims and a machine can check: its code samples, npm scripts and files. */
import { lineAt } from "./source-text.ts";

export interface Sample {
  readonly language: "ts" | "js";
  readonly code: string;
  /** Of the first line of code. */
  readonly line: number;
}

/** A fence of backticks or tildes, its language, and all until the same fence closes; indented as in a list, too. */
const FENCE = /^([ \t]*)(`{3,}|~{3,})[ \t]*([\w-]*)[^\n]*\n([\s\S]*?)^[ \t]*\2[ \t]*$/gm;

const LANGUAGES: Readonly<Record<string, Sample["language"]>> = {
  ts: "ts",
  typescript: "ts",
  js: "js",
  javascript: "js",
};

export function samplesOf(markdown: string): readonly Sample[] {
  return [...markdown.matchAll(FENCE)].flatMap(([whole, indent = "", , name = "", body = ""], index, all) => {
    const language = LANGUAGES[name.toLowerCase()];
    if (language === undefined) return [];
    const start = (all[index]?.index ?? 0) + whole.indexOf("\n");
    const code = body.split("\n").map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
    return [{ language, code: code.join("\n"), line: lineAt(markdown, start) + 1 }];
  });
}

export interface Mention {
  readonly name: string;
  readonly line: number;
}

function mentions(markdown: string, pattern: RegExp): readonly Mention[] {
  return [...markdown.matchAll(pattern)].map((match) => ({
    name: match[1] ?? "",
    line: lineAt(markdown, match.index),
  }));
}

/** Every script that is run with `npm run x`, and `test` and `start` for their short forms. */
export function npmScriptsOf(markdown: string): readonly Mention[] {
  const run = mentions(markdown, /\bnpm (?:run|run-script)(?: -[\w-]+)* ([a-z][\w:.-]*)/g);
  return [...run, ...mentions(markdown, /\bnpm (test|start|stop)\b/g)].map(({ name, line }) => ({
    name: name.replace(/[.:]$/, ""),
    line,
  }));
}

/** Every file of the repository that is linked to, or named in backticks by its path from the root. */
export function filesOf(markdown: string): readonly Mention[] {
  const prose = markdown.replace(FENCE, (fence) => fence.replace(/[^\n]/g, " "));
  const links = mentions(prose, /\]\(\.?\/?((?![a-z]+:|#|\/)[^)\s#]+)(?:#[^)\s]*)?\)/g);
  const named = mentions(prose, /`((?:src|test|bench|charts|examples)\/[\w./-]*\w)/g);
  return [...links, ...named];
}

/** A test that a row of a table names: its file in backticks, then words of its title in quotes. */
export interface Proof {
  readonly file: string;
  readonly title: string;
  readonly line: number;
}

export function proofsOf(markdown: string): readonly Proof[] {
  return [...markdown.matchAll(/`(test\/[\w./-]+\.ts)` "([^"\n]+)"/g)].map((match) => ({
    file: match[1] ?? "",
    title: match[2] ?? "",
    line: lineAt(markdown, match.index),
  }));
}

/** Lines of table rows, heads aside, that name no test. */
export function rowsWithoutProof(markdown: string): readonly number[] {
  const lines = markdown.split("\n");
  const isRule = (line = ""): boolean => /^\|[\s:|-]+\|$/.test(line);
  return lines.flatMap((line, index) => {
    const isRow = line.startsWith("|") && !isRule(line) && !isRule(lines[index + 1]);
    return isRow && proofsOf(line).length === 0 ? [index + 1] : [];
  });
}
