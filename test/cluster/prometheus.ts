/** Prometheus beside the pods: it reads their metrics, and judges them by the chart's alerts. */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { only, rendered } from "../chart/rendering.ts";
import type { KubernetesNode } from "../support/node.ts";
import { until } from "../support/waiting.ts";
import type { PodState } from "./pods.ts";

const ADDRESS = "127.0.0.1:9090";
const PORT = 8080;
const BOUND_MS = 60_000;
/** How long each alert waits before it fires, here: what its own wait adds is tested with promtool. */
const PATIENCE = "2s";

const groupsSchema = z.object({
  groups: z.array(z.looseObject({ rules: z.array(z.looseObject({ alert: z.string(), for: z.string().optional() })) })),
});

export class Prometheus {
  readonly #node: KubernetesNode;
  readonly #namespace: string;
  readonly #targets: string;

  private constructor(node: KubernetesNode, namespace: string, targets: string) {
    this.#node = node;
    this.#namespace = namespace;
    this.#targets = targets;
  }

  /** Starts it with the alerts that the chart makes of these values; it ends with the node. */
  static async start(node: KubernetesNode, namespace: string, values: object): Promise<Prometheus> {
    const rule = only(await rendered({ ...values, prometheusRule: { enabled: true } }), "PrometheusRule");
    const { groups } = groupsSchema.parse(rule["spec"]);
    const patient = groups.map((group) => ({
      ...group,
      rules: group.rules.map((alert) => (alert.for === undefined ? alert : { ...alert, for: PATIENCE })),
    }));
    const rules = join(node.folder, "alerts.json");
    writeFileSync(rules, JSON.stringify({ groups: patient }));
    const config = join(node.folder, "prometheus.json");
    const targets = join(node.folder, "targets.json");
    writeFileSync(config, JSON.stringify(configuration(rules, targets)));
    const flags = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(node.folder, "prometheus")}`,
      `--web.listen-address=${ADDRESS}`,
      "--log.level=warn",
    ];
    await node.background("prometheus", ["prometheus", ...flags]);
    const prometheus = new Prometheus(node, namespace, targets);
    await until("Prometheus to answer", BOUND_MS, async () => (await prometheus.#ask("vector(1)")).length > 0);
    return prometheus;
  }

  /** From now on it reads these pods, with the labels that a PodMonitor gives them. Debian's cannot ask Kubernetes for them. */
  reads(pods: readonly PodState[]): void {
    const groups = pods
      .filter(({ ip }) => ip !== "")
      .map(({ name, ip }) => ({ targets: [`${ip}:${PORT}`], labels: { namespace: this.#namespace, pod: name } }));
    const next = `${this.#targets}.next`;
    writeFileSync(next, JSON.stringify(groups));
    renameSync(next, this.#targets);
  }

  /** Waits until so many pods are read. */
  async hasRead(pods: number): Promise<void> {
    await until(`${pods} pods that Prometheus reads`, BOUND_MS, async () => {
      const up = await this.#ask("up == 1");
      return up.length === pods;
    });
  }

  /** Names of the alerts that fire now, sorted. */
  async firing(): Promise<readonly string[]> {
    return this.#alerts('ALERTS{alertstate="firing"}');
  }

  /** Names of the alerts that have fired within the last seconds, sorted. */
  async firedWithin(seconds: number): Promise<readonly string[]> {
    return this.#alerts(`count_over_time(ALERTS{alertstate="firing"}[${Math.ceil(seconds)}s])`);
  }

  async #alerts(query: string): Promise<readonly string[]> {
    const lines = await this.#ask(query);
    const names = lines.flatMap((line) => /alertname="(\w+)"/.exec(line)?.[1] ?? []);
    return [...new Set(names)].sort();
  }

  /** The series that answer a query, a line each; none while it does not answer at all. */
  async #ask(query: string): Promise<readonly string[]> {
    const { code, stdout } = await this.#node.run(["promtool", "query", "instant", `http://${ADDRESS}`, query]);
    return code === 0 ? stdout.split("\n").filter(Boolean) : [];
  }
}

function configuration(rules: string, targets: string): object {
  return {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: [rules],
    scrape_configs: [{ job_name: "pods", file_sd_configs: [{ files: [targets], refresh_interval: "2s" }] }],
  };
}
