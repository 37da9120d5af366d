/** The table of alerts in docs/operations.md, which is made of the alerts themselves. */
import { parse } from "yaml";
import { z } from "zod";
import { withGenerated } from "./values-document.ts";

const alertsSchema = z.array(
  z.looseObject({ alert: z.string(), severity: z.string(), for: z.string().optional(), summary: z.string() }),
);

/** The runbook with its table made anew. */
export function operationsWith(operations: string, alertsYaml: string): string {
  const rows = alertsSchema.parse(parse(alertsYaml)).map(({ alert, severity, for: after = "at once", summary }) => {
    return `| [${alert}](#${alert.toLowerCase()}) | ${severity} | ${after} | ${readable(summary)} |`;
  });
  const table = ["| alert | severity | after | says |", "| --- | --- | --- | --- |", ...rows];
  return withGenerated(operations, "alerts", table.join("\n"));
}

/** What Prometheus and the chart fill in, as people read it. */
function readable(summary: string): string {
  return summary
    .replace(/\{\{ \$labels\.(\w+) \}\}/g, "*$1*")
    .replace("{{ $value }}", "*some*")
    .replace("$replicas", "`replicaCount`");
}
