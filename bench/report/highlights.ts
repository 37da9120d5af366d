import { tableText } from "./document.ts";
import type { Section } from "./section.ts";

const BEGIN = "<!-- bench: made by `npm run bench -- report` -->";
const END = "<!-- bench: end -->";

/** The README with the most telling figures between its two marks; everything else is kept. */
export function readmeWith(readme: string, sections: readonly Section[]): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin === -1 || end < begin)
    throw new Error(`README.md must have the lines "${BEGIN}" and "${END}", in this order`);
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${figuresText(sections)}\n\n${readme.slice(end)}`;
}

function figuresText(sections: readonly Section[]): string {
  const rows = sections.flatMap(({ highlight }) =>
    highlight === undefined ? [] : [[highlight.what, ...highlight.figures]],
  );
  if (rows.length === 0) return "`npm run bench` measures this; there are no results yet.";
  const chart = sections
    .flatMap(({ parts }) => parts)
    .find((part) => part.type === "chart" && part.file === "picture.svg");
  const picture = chart?.type === "chart" ? [`![${chart.caption}](bench/results/${chart.file})`] : [];
  return [
    tableText(["16 shards on 3 replicas, 15/10/2 s", "Electorate", "client-go", "Knative"], rows),
    ...picture,
  ].join("\n\n");
}
