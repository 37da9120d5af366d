/** The alerts and dashboards: they name metrics that exist, each has its runbook, and each fires when it should and not before. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { METRICS } from "../../src/telemetry/metric-table.ts";
import { requireTools, runTool, toolPath } from "../support/tools.ts";
import { ALERT_CASES, type AlertCase } from "./alert-cases.ts";
import { operationsWith } from "./alert-table.ts";
import { dashboards } from "./dashboards.ts";
import { CHART, LEAST_VALUES, only, rendered } from "./rendering.ts";

const ruleSchema = z.looseObject({
  alert: z.string(),
  expr: z.string(),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
});
const groupsSchema = z.object({ groups: z.array(z.looseObject({ rules: z.array(ruleSchema) })) });

type Groups = z.output<typeof groupsSchema>;

async function groupsOf(values: object = {}): Promise<Groups> {
  const objects = await rendered({ ...LEAST_VALUES, prometheusRule: { enabled: true }, ...values });
  return groupsSchema.parse(only(objects, "PrometheusRule").spec);
}

/** Every series that a metric of the table has. */
const SERIES = new Set(
  METRICS.flatMap(({ name, type }) =>
    type === "histogram" ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
  ),
);
const unknownSeries = (expression: string): readonly string[] =>
  [...expression.matchAll(/\b([a-z][a-z_]*)\{/g)].map(([, name = ""]) => name).filter((name) => !SERIES.has(name));

const runbook = readFileSync(resolve(CHART, "../../docs/operations.md"), "utf8");
const ALERTS = [...runbook.matchAll(/^### (Electorate\w+)$/gm)].map(([, name = ""]) => name);

describe("the dashboards", () => {
  it("are not those that the table of metrics makes: `npm run chart`", () => {
    for (const [file, content] of dashboards()) expect(readFileSync(join(CHART, "files", file), "utf8")).toBe(content);
  });

  it("name a metric that does not exist, or lack one that does", () => {
    const text = [...dashboards().values()].join("\n");
    expect(unknownSeries(text)).toEqual([]);
    expect(METRICS.filter(({ name }) => !text.includes(`${name}{`) && !text.includes(`${name}_bucket{`))).toEqual([]);
  });
});

describe("the ScaledObject", () => {
  beforeEach((context) => requireTools(context, "helm"));

  it("scales by a metric that does not exist", async () => {
    const values = { ...LEAST_VALUES, keda: { enabled: true, serverAddress: "http://prometheus:9090" } };
    const { spec } = only(await rendered(values), "ScaledObject");
    const text = JSON.stringify(spec);
    expect(text).toContain('"query":"max(electorate_queue_oldest_age_seconds{');
    expect(unknownSeries(text)).toEqual([]);
  });
});

describe("the alerts", () => {
  beforeEach((context) => requireTools(context, "helm"));

  it("name a metric that does not exist", async () => {
    const { groups } = await groupsOf();
    const expressions = groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
    expect(expressions.length).toBeGreaterThanOrEqual(12);
    expect(expressions.flatMap(unknownSeries)).toEqual([]);
    expect(expressions.join(" ")).not.toMatch(/\$[a-z]/i);
  });

  it("are others than those that the document lists: `npm run chart`", () => {
    expect(operationsWith(runbook, readFileSync(join(CHART, "files/alerts.yaml"), "utf8"))).toBe(runbook);
  });

  it("are looked up in the document by a link that leads nowhere", () => {
    const headings = [...runbook.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
    const links = [...runbook.matchAll(/\]\(#([^)]*)\)/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(ALERTS.length);
    expect(links.filter((link) => !headings.includes(link ?? ""))).toEqual([]);
  });

  it("have no runbook, or a runbook no alert", async () => {
    const { groups } = await groupsOf({
      prometheusRule: { enabled: true, runbookUrl: "https://example.com/operations" },
    });
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.map(({ alert }) => alert)).toEqual(ALERTS);
    for (const { alert, annotations } of rules) {
      expect(annotations["runbook_url"]).toBe(`https://example.com/operations#${alert.toLowerCase()}`);
    }
  });

  it("are tried in fewer than three cases, of which one fires and one does not", () => {
    expect(Object.keys(ALERT_CASES)).toEqual(ALERTS);
    const meagre = Object.entries(ALERT_CASES).filter(([, cases]) => {
      return cases.length < 3 || new Set(cases.map((one) => one.fires)).size < 2;
    });
    expect(meagre.map(([alert]) => alert)).toEqual([]);
  });
});

describe.each(Object.entries(ALERT_CASES))("%s", (alert, cases) => {
  let groups: Groups;
  beforeAll(async () => {
    if (toolPath("helm") !== undefined) groups = await groupsOf({ replicaCount: 3 });
  });
  beforeEach((context) => requireTools(context, "helm", "promtool"));

  it(`fires too soon, or not at all: ${cases.map(({ when }) => when).join("; ")}`, async () => {
    const { code, stdout, stderr } = await promtool(groups, alert, cases);
    expect(`${stdout}${stderr}`).toContain("SUCCESS");
    expect(code).toBe(0);
  });
});

/** Runs the cases of one alert; what fails is told by the case's name. */
async function promtool(groups: Groups, alert: string, cases: readonly AlertCase[]) {
  const folder = mkdtempSync(join(tmpdir(), "electorate-alerts-"));
  try {
    writeFileSync(join(folder, "rules.json"), JSON.stringify(groups));
    const tests = cases.map(({ when, series, minutes, fires }) => ({
      name: when,
      interval: "1m",
      input_series: Object.entries(series).map(([name, values]) => ({ series: complete(name), values })),
      promql_expr_test: [
        {
          expr: `max(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`,
          eval_time: `${minutes}m`,
          exp_samples: [{ labels: "{}", value: fires ? 1 : 0 }],
        },
      ],
    }));
    const file = join(folder, "tests.json");
    writeFileSync(file, JSON.stringify({ rule_files: ["rules.json"], evaluation_interval: "1m", tests }));
    return await runTool("promtool", ["test", "rules", file]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A series of this release's first pod, unless it says which pod or namespace it is of. */
function complete(series: string): string {
  const [, name = "", labels = ""] = /^(\w+)(?:\{(.*)\})?$/.exec(series) ?? [];
  const given = labels === "" ? [] : [labels];
  const namespace = labels.includes("namespace=") ? [] : ['namespace="web"'];
  const pod = labels.includes("pod=") ? [] : ['pod="shop-electorate-6c9f7d-x2x8v"'];
  return `${name}{${[...given, ...namespace, ...pod].join(",")}}`;
}
