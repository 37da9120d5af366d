/**
 * The rules of the house as functions: files in, findings out. `test/structure.test.ts` runs them on the repository and
 * on small planted violations.
 */
import { posix } from "node:path";
import { lineAt, type SourceFile } from "./source-text.ts";

/** `file:line: what is wrong`. */
export type Finding = string;

interface Ban {
  readonly what: RegExp;
  readonly instead: string;
  /** Rooms in which it is allowed. */
  readonly allowed: readonly string[];
}

const TIME = "take a Clock (src/runtime/clock.ts)";
const CHANCE = "take a Randomness (src/runtime/randomness.ts)";

const BANNED: readonly Ban[] = [
  { what: /(?<![\w$])Date\.now\b/g, instead: TIME, allowed: ["runtime"] },
  { what: /\bnew Date\b(?!\s*\(\s*[^\s)])/g, instead: TIME, allowed: ["runtime"] },
  { what: /(?<![\w$]|new )Date\(\s*\)/g, instead: TIME, allowed: ["runtime"] },
  { what: /\bperformance\.now\b/g, instead: TIME, allowed: ["runtime"] },
  { what: /\bprocess\.hrtime\b/g, instead: TIME, allowed: ["runtime"] },
  { what: /(?:(?<![\w$.])|globalThis\.)set(?:Timeout|Interval|Immediate)\b/g, instead: TIME, allowed: ["runtime"] },
  { what: /\bAbortSignal\.timeout\b/g, instead: TIME, allowed: ["runtime"] },
  { what: /\bMath\.random\b/g, instead: CHANCE, allowed: ["runtime"] },
  { what: /(?<![\w$])random(?:UUID|Bytes|Int)\b/g, instead: CHANCE, allowed: ["runtime"] },
  { what: /(?<![\w$.])console\./g, instead: "take a Log (src/runtime/telemetry.ts)", allowed: ["cli"] },
];

const UNSAFE: readonly RegExp[] = [/[:<,|&]\s*any\b(?!\s*[(:?.])/g, /\bas\s+any\b/g, /\.only\s*\(/g, /\.todo\s*\(/g];

/** Spoken only in comments, so looked for in the text itself. */
const FORBIDDEN_COMMENTS = /@ts-(?:ignore|nocheck)\b|\b(?:TODO|FIXME|XXX)\b/g;

const DRAWERS = /^(?:utils?|helpers?|common|types|misc|shared)$/;

export function inSource(file: SourceFile): boolean {
  return file.path.startsWith("src/");
}

/** `src/lease/record.ts` is in room `lease`; `src/index.ts` is a room of its own. */
function roomOf(path: string): string {
  const [, second = "", third] = path.split("/");
  return third === undefined ? second.replace(/\.ts$/, "") : second;
}

function targetOf(file: SourceFile, specifier: string): string {
  return posix.join(posix.dirname(file.path), specifier);
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith(".");
}

function find(file: SourceFile, text: string, pattern: RegExp, say: (found: string) => string): readonly Finding[] {
  return [...text.matchAll(pattern)].map(
    (match) => `${file.path}:${lineAt(text, match.index)}: ${say(match[0].trim())}`,
  );
}

/**
 * For each room, the rooms that it may import from; `type x` allows types of that room only, `x/y.ts` that file only.
 * A room may always import from itself.
 */
export type ImportTable = Readonly<Record<string, readonly string[]>>;

export function importsAgainstTheTable(files: readonly SourceFile[], table: ImportTable): readonly Finding[] {
  return files.filter(inSource).flatMap((file) => {
    const room = roomOf(file.path);
    const allowed = table[room];
    if (allowed === undefined) return [`${file.path}:1: the room ${room} is not in the import table`];
    return file.imports.flatMap(({ specifier, line, typeOnly }) => {
      if (!isRelative(specifier)) return [];
      const target = targetOf(file, specifier);
      if (!target.startsWith("src/")) return [`${file.path}:${line}: ${specifier} is outside src`];
      const other = roomOf(target);
      const names = [other, target.slice("src/".length), ...(typeOnly ? [`type ${other}`] : [])];
      if (other === room || names.some((name) => allowed.includes(name))) return [];
      return [`${file.path}:${line}: ${room} may not import ${typeOnly ? "types of " : ""}${other} (${specifier})`];
    });
  });
}

/** For each package, the rooms that may import it. Node's own modules are free unless they are in the table. */
export type PackageTable = Readonly<Record<string, readonly string[]>>;

export function packagesInForeignRooms(files: readonly SourceFile[], table: PackageTable): readonly Finding[] {
  return files.filter(inSource).flatMap((file) =>
    file.imports.flatMap(({ specifier, line }) => {
      if (isRelative(specifier)) return [];
      const name = specifier.startsWith("node:") ? specifier : packageOf(specifier);
      const rooms = table[name] ?? (name.startsWith("node:") ? undefined : []);
      if (rooms === undefined || rooms.includes(roomOf(file.path))) return [];
      return [`${file.path}:${line}: only ${rooms.join(", ") || "no room"} may import ${name}`];
    }),
  );
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Every cycle among the files, once, as the list of its files. */
export function importCycles(files: readonly SourceFile[]): readonly Finding[] {
  const targets = new Map(
    files.map((file) => [
      file.path,
      file.imports.filter(({ specifier }) => isRelative(specifier)).map(({ specifier }) => targetOf(file, specifier)),
    ]),
  );
  const done = new Set<string>();
  const findings: Finding[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(path);
    if (seenAt !== -1) {
      findings.push(`${path}:1: import cycle ${[...trail.slice(seenAt), path].join(" -> ")}`);
      return;
    }
    if (done.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of targets.keys()) visit(path, []);
  return findings;
}

export function importsOfNothing(files: readonly SourceFile[], exists: (path: string) => boolean): readonly Finding[] {
  return files.flatMap((file) =>
    file.imports.flatMap(({ specifier, line }) => {
      if (!isRelative(specifier)) return [];
      if (!specifier.endsWith(".ts")) return [`${file.path}:${line}: ${specifier} does not end in .ts`];
      return exists(targetOf(file, specifier)) ? [] : [`${file.path}:${line}: ${specifier} does not exist`];
    }),
  );
}

/**
 * The compiler rewrites `.ts` in imports only: such a name in a string (a worker's file) is gone in the package,
 * unless the same file chooses between it and its `.js` twin.
 */
export function sourceFilesNamedInStrings(files: readonly SourceFile[]): readonly Finding[] {
  const literal = /["'`](\.{1,2}\/[\w./-]*\.ts)["'`]/g;
  return files.filter(inSource).flatMap((file) => {
    const imported = new Set(file.imports.map(({ specifier, line }) => `${line} ${specifier}`));
    return [...file.uncommented.matchAll(literal)].flatMap((match) => {
      const line = lineAt(file.uncommented, match.index);
      const isImport = [...imported].some((known) => known.endsWith(` ${match[1]}`));
      const hasTwin = file.uncommented.includes(match[0].replace(/\.ts(?=.$)/, ".js"));
      return isImport || hasTwin ? [] : [`${file.path}:${line}: ${match[0]} is not there in the built package`];
    });
  });
}

export function bannedGlobals(files: readonly SourceFile[]): readonly Finding[] {
  return files
    .filter(inSource)
    .flatMap((file) =>
      BANNED.filter(({ allowed }) => !allowed.includes(roomOf(file.path))).flatMap(({ what, instead }) =>
        find(file, file.code, what, (found) => `${found} is banned here: ${instead}`),
      ),
    );
}

export function unsafeConstructs(files: readonly SourceFile[]): readonly Finding[] {
  return files.flatMap((file) => [
    ...UNSAFE.flatMap((pattern) => find(file, file.code, pattern, (found) => `${found} is not used here`)),
    ...find(file, commentsOf(file), FORBIDDEN_COMMENTS, (found) => `${found} is left over`),
  ]);
}

/** Comments only: the text wherever the uncommented text is blank. */
function commentsOf(file: SourceFile): string {
  const comments = Array.from({ length: file.text.length }, (_, at) => {
    const here = file.text.charAt(at);
    return here === "\n" || file.uncommented.charAt(at) !== here ? here : " ";
  });
  return comments.join("");
}

export function longFiles(files: readonly SourceFile[], limitOf: (path: string) => number): readonly Finding[] {
  return files.flatMap((file) => {
    const lines = file.text.split("\n").length - 1;
    const limit = limitOf(file.path);
    return lines <= limit ? [] : [`${file.path}:${limit + 1}: ${lines} lines, and at most ${limit} are read at once`];
  });
}

export function drawers(paths: readonly string[]): readonly Finding[] {
  return paths.flatMap((path) =>
    path
      .split("/")
      .filter((part) => DRAWERS.test(part.replace(/\..*$/, "")))
      .map((part) => `${path}:1: ${part} says nothing of what is in it`),
  );
}

/** Absolute paths of one machine; what stands beside the clone may be named by `.ci/` alone. */
export function machinePaths(path: string, text: string): readonly Finding[] {
  const absolute = [...text.matchAll(/(?<![\w.:-])\/(?:work|tmp)\//g)].map((match) => ({
    match,
    what: "a path of one machine",
  }));
  const beside = path.startsWith(".ci/")
    ? []
    : [...text.matchAll(/\.\.\/shared\b/g)].map((match) => ({ match, what: "outside the repository" }));
  return [...absolute, ...beside].map(
    ({ match, what }) => `${path}:${lineAt(text, match.index)}: ${match[0]} is ${what}`,
  );
}

/** `door` re-exports by name, and each name has a docstring where it is declared. */
export function undocumentedNames(door: SourceFile, files: readonly SourceFile[]): readonly Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return namesOf(door).flatMap(({ name, from, line }) => {
    if (name === "*") return [`${door.path}:${line}: export * hides what is public`];
    if (hasDocstring(name, from === undefined ? door : byPath.get(targetOf(door, from)), byPath)) return [];
    return [`${door.path}:${line}: ${name} has no docstring in ${from ?? door.path}`];
  });
}

interface PublicName {
  readonly name: string;
  /** The file that it is re-exported from; undefined when the door declares it. */
  readonly from: string | undefined;
  readonly line: number;
}

function namesOf(file: SourceFile): readonly PublicName[] {
  const lists = /\bexport\s+(?:type\s+)?(\{[^}]*\}|\*(?:\s+as\s+\w+)?)(?:\s*from\s*["']([^"']+)["'])?/g;
  return [...file.uncommented.matchAll(lists)].flatMap((match) => {
    const line = lineAt(file.uncommented, match.index);
    const list = match[1] ?? "";
    if (list.startsWith("*")) return [{ name: "*", from: match[2], line }];
    const names = list
      .slice(1, -1)
      .split(",")
      .map((name) => name.trim().replace(/^type\s+/, ""));
    return names
      .filter((name) => name !== "")
      .map((name) => ({ name: name.replace(/\s+as\s+\w+$/, ""), from: match[2], line }));
  });
}

function hasDocstring(name: string, file: SourceFile | undefined, files: ReadonlyMap<string, SourceFile>): boolean {
  if (file === undefined) return false;
  const declaration = new RegExp(
    `^(?:export\\s+)?(?:declare\\s+)?(?:abstract\\s+)?(?:async\\s+)?(?:function\\*?|class|interface|type|const|let)\\s+${name}\\b`,
    "m",
  );
  const found = declaration.exec(file.uncommented);
  if (found !== null) return /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*$/.test(file.text.slice(0, found.index));
  const passedOn = namesOf(file).find((candidate) => candidate.name === name && candidate.from !== undefined);
  return passedOn?.from !== undefined && hasDocstring(name, files.get(targetOf(file, passedOn.from)), files);
}
