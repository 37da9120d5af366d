/** Two result files beside each other: ratios of the medians of everything that both have measured, second over first. */
import { readFileSync } from "node:fs";
import Table from "cli-table3";
import { type Cell, parseResult } from "../arena/results.ts";
import { quantile } from "../figures/quantiles.ts";
import { number } from "../report/section.ts";

export interface Compared {
  readonly cell: string;
  readonly figure: string;
  readonly one: number;
  readonly other: number;
}

export function compareFiles(one: string, other: string): string {
  const results = [one, other].map((file) => parseResult(readFileSync(file, "utf8")));
  const [first, second] = results;
  if (first === undefined || second === undefined || first.question !== second.question) {
    throw new Error(
      `${one} answers ${first?.question ?? "nothing"} and ${other} answers ${second?.question ?? "nothing"}; give two of one question`,
    );
  }
  const table = new Table({ head: ["cell", "figure", "A", "B", "B / A"], style: { head: [], border: [] } });
  for (const { cell, figure, one: before, other: after } of compareCells(first.cells, second.cells)) {
    table.push([cell, figure, number(before), number(after), before === 0 ? "-" : (after / before).toFixed(2)]);
  }
  return `${table.toString()}\n`;
}

/** Cells are the same when their names are; figures that only one of them has are left out. */
export function compareCells(one: readonly Cell[], other: readonly Cell[]): Compared[] {
  return one.flatMap((cell) => {
    const match = other.find(({ name }) => name === cell.name);
    if (match === undefined) return [];
    const after = new Map(numbersIn(match.figures));
    return numbersIn(cell.figures).flatMap(([figure, value]) => {
      const against = after.get(figure);
      return against === undefined ? [] : [{ cell: cell.name, figure, one: value, other: against }];
    });
  });
}

/** Every number by its path; of a list of numbers its p50 and p99. */
function numbersIn(figures: unknown, path = ""): [figure: string, value: number][] {
  if (typeof figures === "number") return [[path, figures]];
  if (typeof figures !== "object" || figures === null) return [];
  if (Array.isArray(figures)) {
    const values = figures.filter((value) => typeof value === "number");
    if (values.length === 0) return [];
    return [0.5, 0.99].map((q) => [`${path} p${q * 100}`, quantile(values, q)]);
  }
  return Object.entries(figures).flatMap(([key, value]) => numbersIn(value, path === "" ? key : `${path}.${key}`));
}
