/**
 * The Grafana dashboards, made of the table of metrics: every metric has its panel, and none that does not exist has one. What a
 * number of one type is worth looking at as is decided here, by type and unit; what is worth another look is named below.
 */
import { METRICS, type MetricDeclaration } from "../../src/telemetry/metric-table.ts";

interface Dashboard {
  readonly file: string;
  readonly title: string;
  readonly uid: string;
  readonly rows: readonly Row[];
}

interface Row {
  readonly title: string;
  /** Which metrics stand in it; a metric stands in the first row that wants it. */
  readonly wants: RegExp;
}

const DASHBOARDS: readonly Dashboard[] = [
  {
    file: "dashboard-fleet.json",
    title: "Electorate: shards and replicas",
    uid: "electorate-fleet",
    rows: [
      { title: "Owners", wants: /^electorate_(?:shards|members|build)/ },
      { title: "Moves", wants: /^electorate_(?:transitions|drain|overruns)|^leader_election/ },
      { title: "Leases", wants: /^electorate_(?:shard_gate|renewal|fences|identities)/ },
    ],
  },
  {
    file: "dashboard-work.json",
    title: "Electorate: work",
    uid: "electorate-work",
    rows: [
      { title: "Queues", wants: /^workqueue_|^electorate_queue/ },
      { title: "Handlers", wants: /^controller_runtime_/ },
      { title: "API server and caches", wants: /./ },
    ],
  },
];

/** How a gauge of several replicas is one line; the greatest where nothing else is said. */
const GAUGES: Readonly<Record<string, string>> = {
  electorate_shards_owned: "sum by (pod)",
  electorate_shard_gate_margin_seconds: "min by (pod)",
  electorate_source_synced: "min by (resource)",
  electorate_source_objects: "max by (pod, resource)",
  electorate_queue_available: "min by (shard)",
  electorate_build_info: "count by (version)",
  leader_election_master_status: "sum by (name)",
  workqueue_depth: "sum by (name)",
  controller_runtime_active_workers: "sum by (controller)",
  controller_runtime_max_concurrent_reconciles: "sum by (controller)",
};

const SERIES = 'namespace="$namespace",pod=~"$release-[a-z0-9]+-[a-z0-9]+"';
const DATA_SOURCE = { type: "prometheus", uid: "${datasource}" };
const PANEL = { width: 8, height: 7 };
const PANELS_PER_ROW = 24 / PANEL.width;

interface Query {
  readonly expr: string;
  readonly legend: string;
}

function queriesOf({ name, type, labels }: MetricDeclaration): readonly Query[] {
  const legend = labels.map((label) => `{{${label}}}`).join(" ");
  if (type === "histogram") {
    const by = ["le", ...labels].join(", ");
    return [0.5, 0.99].map((quantile) => ({
      expr: `histogram_quantile(${quantile}, sum by (${by}) (rate(${name}_bucket{${SERIES}}[$__rate_interval])))`,
      legend: `p${quantile * 100} ${legend}`.trim(),
    }));
  }
  if (type === "counter") {
    const by = labels.length === 0 ? "pod" : labels.join(", ");
    return [{ expr: `sum by (${by}) (rate(${name}{${SERIES}}[$__rate_interval]))`, legend: legend || "{{pod}}" }];
  }
  const fold = GAUGES[name] ?? `max by (${labels.join(", ")})`;
  const folded = /\((.*)\)/.exec(fold)?.[1] ?? "";
  return [{ expr: `${fold} (${name}{${SERIES}})`, legend: folded.replace(/\w+/g, "{{$&}}").replaceAll(",", "") }];
}

function panelOf(metric: MetricDeclaration, index: number, top: number): object {
  const unit = metric.name.includes("_seconds") ? "s" : metric.type === "counter" ? "cps" : "short";
  return {
    type: "timeseries",
    title: titleOf(metric.name),
    description: `${metric.help}.`,
    datasource: DATA_SOURCE,
    gridPos: {
      x: (index % PANELS_PER_ROW) * PANEL.width,
      y: top + Math.floor(index / PANELS_PER_ROW) * PANEL.height,
      w: PANEL.width,
      h: PANEL.height,
    },
    fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 10 } }, overrides: [] },
    options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
    targets: queriesOf(metric).map(({ expr, legend }, at) => ({
      refId: "ABCDEF".charAt(at),
      datasource: DATA_SOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}

/** `electorate_shards_unowned_seconds` as people read it. */
function titleOf(name: string): string {
  const words = name
    .replace(/^(?:electorate|controller_runtime)_/, "")
    .replace(/_(?:seconds|total)$/, "")
    .replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function variable(name: string, query: string): object {
  return {
    name,
    type: "query",
    datasource: DATA_SOURCE,
    query: { query, refId: name },
    refresh: 2,
    sort: 1,
    includeAll: false,
    multi: false,
  };
}

function dashboardOf({ title, uid, rows }: Dashboard, metricsOf: (row: Row) => readonly MetricDeclaration[]): object {
  const panels: object[] = [];
  let top = 0;
  for (const row of rows) {
    const metrics = metricsOf(row);
    panels.push({
      type: "row",
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y: top, w: 24, h: 1 },
      panels: [],
    });
    panels.push(...metrics.map((metric, index) => panelOf(metric, index, top + 1)));
    top += 1 + Math.ceil(metrics.length / PANELS_PER_ROW) * PANEL.height;
  }
  return {
    uid,
    title,
    tags: ["electorate"],
    schemaVersion: 39,
    editable: false,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [
        { name: "datasource", type: "datasource", query: "prometheus" },
        variable("namespace", "label_values(electorate_build_info, namespace)"),
        {
          ...variable("release", 'label_values(electorate_build_info{namespace="$namespace"}, pod)'),
          regex: "/^(.*)-[a-z0-9]+-[a-z0-9]+$/",
        },
      ],
    },
    panels: panels.map((panel, index) => ({ id: index + 1, ...panel })),
  };
}

/** File name to content, ready to be written. */
export function dashboards(metrics: readonly MetricDeclaration[] = METRICS): ReadonlyMap<string, string> {
  const rows = DASHBOARDS.flatMap((dashboard) => dashboard.rows);
  const rowOf = (metric: MetricDeclaration): Row | undefined => rows.find(({ wants }) => wants.test(metric.name));
  return new Map(
    DASHBOARDS.map((dashboard) => {
      const content = dashboardOf(dashboard, (row) => metrics.filter((metric) => rowOf(metric) === row));
      return [dashboard.file, `${JSON.stringify(content, undefined, 1)}\n`];
    }),
  );
}
