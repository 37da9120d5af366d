/**
 * Reads TypeScript as text: enough of its grammar to tell code from comments and strings, and to find what a file imports.
 * (TypeScript 7 has no programming interface yet; the compiler stays the judge of everything else.)
 */

/** One `import` or `export … from`, static or dynamic. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `import type …` and `export type …`: nothing of it exists at run time. */
  readonly typeOnly: boolean;
}

export interface SourceFile {
  /** Relative to the repository, with `/`. */
  readonly path: string;
  readonly text: string;
  /** `text` with comments and the contents of strings blanked; every character keeps its place. */
  readonly code: string;
  /** `text` with comments blanked. */
  readonly uncommented: string;
  readonly imports: readonly Import[];
}

export function sourceFile(path: string, text: string): SourceFile {
  const { code, uncommented, balanced } = separate(text);
  if (!balanced) throw new Error(`${path}: the scanner lost its way: braces or quotes do not match`);
  return { path, text, code, uncommented, imports: importsOf(code, uncommented) };
}

export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < index; at = text.indexOf("\n", at + 1)) line += 1;
  return line;
}

/** What the scanner is inside of; a template's `${` puts "code" on top of it again. */
type Inside = "code" | "template";

const REGEX_MAY_FOLLOW = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|of|in|await|yield|throw))\s*$/;

interface Separated {
  readonly code: string;
  readonly uncommented: string;
  /** False when braces do not match: the text is no TypeScript, or the scanner took a division for a regular expression. */
  readonly balanced: boolean;
}

function separate(text: string): Separated {
  const code = blank(text).split("");
  const uncommented = blank(text).split("");
  const nesting: { inside: Inside; depth: number }[] = [{ inside: "code", depth: 0 }];
  let at = 0;

  const keep = (end: number, asCode: boolean): void => {
    for (; at < end && at < text.length; at += 1) {
      uncommented[at] = text.charAt(at);
      if (asCode) code[at] = text.charAt(at);
    }
  };

  while (at < text.length) {
    const top = nesting.at(-1) ?? { inside: "code", depth: 0 };
    const here = text.charAt(at);
    const pair = text.slice(at, at + 2);
    if (top.inside === "template") {
      if (here === "`") {
        nesting.pop();
        keep(at + 1, true);
      } else if (pair === "${") {
        nesting.push({ inside: "code", depth: 0 });
        keep(at + 2, true);
      } else keep(at + (here === "\\" ? 2 : 1), false);
    } else if (pair === "//" || (at === 0 && pair === "#!")) at = after(text, "\n", at);
    else if (pair === "/*") at = after(text, "*/", at + 2);
    else if (here === '"' || here === "'") keepQuoted(text, at, keep);
    else if (here === "`") {
      nesting.push({ inside: "template", depth: 0 });
      keep(at + 1, true);
    } else if (here === "/" && REGEX_MAY_FOLLOW.test(code.slice(Math.max(0, at - 40), at).join(""))) {
      const end = endOfRegex(text, at);
      keep(at + 1, true);
      keep(end - 1, false);
      keep(end, true);
    } else {
      if (here === "{") top.depth += 1;
      if (here === "}" && top.depth === 0 && nesting.length > 1) nesting.pop();
      else if (here === "}") top.depth -= 1;
      keep(at + 1, true);
    }
  }
  const balanced = nesting.length === 1 && nesting[0]?.depth === 0;
  return { code: code.join(""), uncommented: uncommented.join(""), balanced };
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

/** The index after the next `end`, or of the end of the text. */
function after(text: string, end: string, from: number): number {
  const found = text.indexOf(end, from);
  return found === -1 ? text.length : found + end.length;
}

function keepQuoted(text: string, start: number, keep: (end: number, asCode: boolean) => void): void {
  const quote = text.charAt(start);
  let end = start + 1;
  while (end < text.length && text.charAt(end) !== quote && text.charAt(end) !== "\n") {
    end += text.charAt(end) === "\\" ? 2 : 1;
  }
  keep(start + 1, true);
  keep(end, false);
  keep(end + 1, true);
}

/** The index after the closing slash; a slash within a class `[…]` does not close. */
function endOfRegex(text: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < text.length; at += 1) {
    const here = text.charAt(at);
    if (here === "\n") return at;
    if (here === "\\") at += 1;
    else if (here === "[") inClass = true;
    else if (here === "]") inClass = false;
    else if (here === "/" && !inClass) return at + 1;
  }
  return text.length;
}

/** Static imports and re-exports, bare `import "x"`, and dynamic `import("x")`; strings are blank in `code`, so none hides in one. */
const IMPORT = /(?<![\w$.])(?:(?:import|export)(\s+type)?\b[^;"'`()=]*?\bfrom\s*|import\s*\(?\s*)["']/g;

function importsOf(code: string, uncommented: string): readonly Import[] {
  const imports: Import[] = [];
  for (const match of code.matchAll(IMPORT)) {
    const start = match.index + match[0].length;
    const quote = uncommented.charAt(start - 1);
    const specifier = uncommented.slice(start, uncommented.indexOf(quote, start));
    imports.push({ specifier, line: lineAt(code, match.index), typeOnly: match[1] !== undefined });
  }
  return imports;
}
