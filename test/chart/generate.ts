/** `npm run chart`: writes what the chart has of other files, the tables of its README and its dashboards. */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { dashboards } from "./dashboards.ts";
import { readmeWith } from "./values-document.ts";

const chart = resolve(import.meta.dirname, "../../charts/electorate");
const readme = join(chart, "README.md");

writeFileSync(readme, readmeWith(readFileSync(readme, "utf8"), readFileSync(join(chart, "values.yaml"), "utf8")));
for (const [file, content] of dashboards()) writeFileSync(join(chart, "files", file), content);
