/**
 * Raw results: one JSON file for each question, with the machine and the versions, and every cell with what was measured.
 * A run that is not finished stands beside them, so that it can go on where it stopped; it replaces the result when it is whole.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import { environmentSchema } from "./environment.ts";

export const RESULTS = join(import.meta.dirname, "../results");

const cellSchema = z.object({
  name: z.string(),
  /** Parsed by the question that wrote it. */
  setting: z.unknown(),
  measuredAt: z.string(),
  tookSeconds: z.number(),
  /** Before the cell began. */
  loadAverage: z.number(),
  figures: z.unknown(),
  /** Why there are no figures. */
  failure: z.string().optional(),
});

export type Cell = z.output<typeof cellSchema>;

const resultSchema = z.object({
  question: z.string(),
  set: z.enum(["default", "full"]),
  environment: environmentSchema,
  cells: z.array(cellSchema),
});

export type Result = z.output<typeof resultSchema>;

function resultFile(question: string): string {
  return join(RESULTS, `${question}.json`);
}

function unfinishedFile(question: string): string {
  return join(RESULTS, "unfinished", `${question}.json`);
}

export function parseResult(text: string): Result {
  return resultSchema.parse(JSON.parse(text));
}

export function readResult(question: string): Result | undefined {
  const file = resultFile(question);
  return existsSync(file) ? parseResult(readFileSync(file, "utf8")) : undefined;
}

/**
 * This run with what an interrupted one has measured, if both measure the same code on the same machine. Peers need not be the same: a run
 * builds those that it still needs.
 */
export function resumed(fresh: Result): Result {
  const file = unfinishedFile(fresh.question);
  if (!existsSync(file)) return fresh;
  const old = parseResult(readFileSync(file, "utf8"));
  const peers = { ...old.environment.peers, ...fresh.environment.peers };
  const environment = { ...fresh.environment, peers };
  const identity = (result: Result): string =>
    JSON.stringify({ ...result, environment: { ...result.environment, peers }, cells: [] });
  if (identity(old) !== identity(fresh)) return fresh;
  return { ...fresh, environment, cells: old.cells.filter(({ failure }) => failure === undefined) };
}

export function writeUnfinished(result: Result): void {
  write(unfinishedFile(result.question), result);
}

/** Keeps what a cell said when it failed, logs of all replicas included; answers where. */
export function keepFailure(words: string): string {
  const file = unfinishedFile("failures").replace(/json$/, "log");
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${words}\n\n`);
  return relative(process.cwd(), file);
}

export function finish(result: Result): void {
  writeUnfinished(result);
  renameSync(unfinishedFile(result.question), resultFile(result.question));
}

function write(file: string, result: Result): void {
  mkdirSync(dirname(file), { recursive: true });
  // In one step: a run that is killed here leaves the older state whole.
  writeFileSync(`${file}.new`, `${compactNumbers(JSON.stringify(result, undefined, 2))}\n`);
  renameSync(`${file}.new`, file);
}

/** Lists of numbers on one line: a thousand gaps are no thousand lines. */
function compactNumbers(text: string): string {
  return text.replaceAll(/\[[\s\d.,e+-]*\]/g, (list) => list.replaceAll(/\s+/g, " ").replaceAll(/\[ | \]/g, trimmed));
}

function trimmed(bracket: string): string {
  return bracket.trim();
}
