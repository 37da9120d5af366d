/** `npm run chart`: writes what the chart and its documents have of other files: the tables, and the dashboards. */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { operationsWith } from "./alert-table.ts";
import { dashboards } from "./dashboards.ts";
import { readmeWith } from "./values-document.ts";

const root = resolve(import.meta.dirname, "../..");
const chart = join(root, "charts/electorate");
const readme = join(chart, "README.md");
const operations = join(root, "docs/operations.md");
const textOf = (file: string): string => readFileSync(file, "utf8");

writeFileSync(readme, readmeWith(textOf(readme), textOf(join(chart, "values.yaml"))));
writeFileSync(operations, operationsWith(textOf(operations), textOf(join(chart, "files/alerts.yaml"))));
for (const [file, content] of dashboards()) writeFileSync(join(chart, "files", file), content);
