import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Question } from "../arena/question.ts";
import { readResult } from "../arena/results.ts";
import { documentOf, sectionText } from "./document.ts";
import { readmeWith } from "./highlights.ts";
import { placementGoals, placementSection } from "./placement.ts";
import { queueGoals, queueSection } from "./queue.ts";
import { HEAD, TAIL } from "./words.ts";

const BENCH = join(import.meta.dirname, "..");
/** The project's own, which tells the most telling figures. */
const README = "../README.md";

/** The report's files, by path below `bench`. */
function reportFiles(questions: readonly Question[]): ReadonlyMap<string, string> {
  const chapters = questions.map((question) => {
    const result = readResult(question.name);
    return { question: question.name, result, section: result === undefined ? undefined : question.section(result) };
  });
  const { files } = documentOf(
    HEAD,
    chapters,
    [...placementGoals(), ...queueGoals()],
    [placementSection(), queueSection(), TAIL].join("\n\n"),
  );
  const sections = chapters.flatMap(({ section }) => (section === undefined ? [] : [section]));
  return new Map([...files, [README, readmeWith(readFileSync(join(BENCH, README), "utf8"), sections)]]);
}

/** What was measured, for a terminal. */
export function answersText(questions: readonly Question[]): string {
  const sections = questions.flatMap((question) => {
    const result = readResult(question.name);
    return result === undefined ? [] : [sectionText(question.section(result))];
  });
  return `${sections.join("\n\n")}\n`;
}

export function writeReport(questions: readonly Question[]): readonly string[] {
  const files = reportFiles(questions);
  for (const [path, content] of files) {
    mkdirSync(dirname(join(BENCH, path)), { recursive: true });
    writeFileSync(join(BENCH, path), content);
  }
  return [...files.keys()];
}

/** The files that are not what the results say. */
export function staleFiles(questions: readonly Question[]): readonly string[] {
  return [...reportFiles(questions)]
    .filter(([path, content]) => {
      const file = join(BENCH, path);
      return !existsSync(file) || readFileSync(file, "utf8") !== content;
    })
    .map(([path]) => path);
}
