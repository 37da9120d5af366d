/**
 * `bench/README.md` and its charts, made from the raw results and nothing else: the same results give the same bytes, so that
 * `npm run check` can tell a report that is not of these results.
 */
import type { Result } from "../arena/results.ts";
import type { Goal, Section } from "./section.ts";

export interface Chapter {
  readonly question: string;
  readonly result: Result | undefined;
  readonly section: Section | undefined;
}

export interface Document {
  /** Path below `bench` to content. */
  readonly files: ReadonlyMap<string, string>;
}

export function documentOf(
  head: string,
  chapters: readonly Chapter[],
  otherGoals: readonly Goal[],
  tail: string,
): Document {
  const files = new Map<string, string>();
  const body = chapters.flatMap(({ question, result, section }) =>
    result === undefined || section === undefined
      ? []
      : [`## ${section.title}`, ...partsOf(section, files), source(question, result)],
  );
  const unmeasured = chapters.filter(({ result }) => result === undefined).map(({ question }) => `\`${question}\``);
  const rest =
    unmeasured.length === 0
      ? []
      : [
          `Not measured yet, or not part of the set that was: ${unmeasured.join(", ")} (\`npm run bench -- <question> --full\`).`,
        ];
  const machines = [...new Set(chapters.flatMap(({ result }) => (result === undefined ? [] : [machineText(result)])))];
  files.set(
    "README.md",
    `${[head, ...machines, ...goalsOf(chapters, otherGoals), ...body, ...rest, tail].join("\n\n")}\n`,
  );
  return { files };
}

/** The tables of one section as text, for a terminal. */
export function sectionText({ title, parts }: Section): string {
  const tables = parts.flatMap((part) => (part.type === "table" ? [tableText(part.head, part.rows)] : []));
  return [title, ...tables].join("\n\n");
}

function goalsOf(chapters: readonly Chapter[], others: readonly Goal[]): string[] {
  const goals = [...chapters.flatMap(({ section }) => section?.goals ?? []), ...others];
  if (goals.length === 0) return [];
  const rows = goals.map(({ what, goal, measured, met }) => [what, goal, measured, met ? "met" : "**missed**"]);
  return ["## Goals and what was measured", tableText(["what", "goal", "measured", ""], rows)];
}

function partsOf({ parts }: Section, files: Map<string, string>): string[] {
  return parts.flatMap((part) => {
    switch (part.type) {
      case "text":
        return [part.text];
      case "table":
        return part.rows.length === 0 ? [] : [tableText(part.head, part.rows)];
      case "chart":
        files.set(`results/${part.file}`, part.svg());
        return [`![${part.caption}](results/${part.file})`];
      default:
        return part satisfies never;
    }
  });
}

/** A table as Markdown, its columns aligned. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)].join("\n");
}

function source(question: string, { set, cells }: Result): string {
  const failed = cells.filter(({ failure }) => failure !== undefined);
  const loads = cells.map(({ loadAverage }) => loadAverage);
  const busy =
    loads.length === 0 ? "" : `; load average before each cell ${Math.min(...loads)} to ${Math.max(...loads)}`;
  const lines = [
    `\`npm run bench -- ${question}${set === "full" ? " --full" : ""}\`; method in [${question}.ts](${question}.ts); raw results in ` +
      `[results/${question}.json](results/${question}.json), measured ${cells[0]?.measuredAt.slice(0, 10) ?? "never"}${busy}.`,
    ...failed.map(({ name, failure }) => `Not measured: ${name}: ${failure ?? ""}`),
  ];
  return lines.join("\n\n");
}

function machineText({ environment }: Result): string {
  const { commit, electorate, node, apiServer, peers, cpu, cores, memoryGiB, system } = environment;
  const beside = Object.entries(peers).map(([peer, version]) => `${peer} ${version}`);
  return (
    `Electorate ${electorate} (${commit}), Node ${node}, ${apiServer}; ${beside.length === 0 ? "no peers" : beside.join("; ")}. ` +
    `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}; API server, etcd, replicas and the benchmark itself share them.`
  );
}
