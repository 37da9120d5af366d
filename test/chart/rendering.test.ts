/** What Helm makes of the chart: goldens of the ways to deploy it, and what must hold of all of them. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { loadConfiguration } from "../../src/config/load.ts";
import { resourceLabel, shardLabels, shardsOf } from "../../src/lease/names.ts";
import { requireTools } from "../support/tools.ts";
import { NotedChart, noted } from "./branches.ts";
import {
  CHART,
  caseNames,
  caseValues,
  goldenText,
  LEAST_VALUES,
  notes,
  only,
  type RenderedObject,
  rendered,
  template,
} from "./rendering.ts";
import { fieldsOf, valueAt } from "./values-document.ts";

beforeEach((context) => requireTools(context, "helm", "helm3"));

describe.each(caseNames())("the values of %s", (name) => {
  it("render something else than they did", async () => {
    const text = goldenText(await rendered(caseValues(name)));
    await expect(text).toMatchFileSnapshot(`goldens/${name}.yaml`);
  });

  it("render something else by Helm 3", async () => {
    const [now, before] = await Promise.all([rendered(caseValues(name)), rendered(caseValues(name), "helm3")]);
    expect(goldenText(before)).toEqual(goldenText(now));
  });

  it("render something else the next time, and every upgrade rolls the pods", async () => {
    const [one, other] = await Promise.all([template(caseValues(name)), template(caseValues(name))]);
    expect(other.stdout).toEqual(one.stdout);
  });

  it("give the program a configuration that it refuses", async () => {
    for (const text of configurationsOf(await rendered(caseValues(name)))) {
      expect(() => loadConfiguration(text, "/app/config/electorate.yaml")).not.toThrow();
    }
  });
});

function configurationsOf(objects: readonly RenderedObject[]): readonly string[] {
  return objects
    .filter(({ kind }) => kind === "ConfigMap")
    .map(({ data }) => fieldsOf(data)["electorate.yaml"])
    .filter((text) => typeof text === "string");
}

describe("a branch of a template", () => {
  it("is in no golden, and nobody sees it break", async () => {
    const chart = new NotedChart();
    onTestFinished(() => chart.close());
    const taken = new Set<string>();
    for (const name of caseNames()) {
      const { stdout, taken: found } = await chart.render(caseValues(name));
      for (const branch of found) taken.add(branch);
      // Notes that changed what is rendered would speak of another chart.
      if (name === "watched") expect(stdout).toBe((await template(caseValues(name))).stdout);
    }
    expect(chart.branches.length).toBeGreaterThan(100);
    expect(chart.branches.filter((branch) => !taken.has(branch))).toEqual([]);
  });

  it("is overlooked, or a refusal is taken for one", () => {
    const source =
      '{{- if .a }}1{{ else if .b -}} 2{{ end }}\n{{ with .c }}{{ . }}{{- else }}3{{ end }}{{ if .d }}{{ fail "no" }}{{ end }}';
    const { text, branches } = noted("x.yaml", source);
    expect(branches).toEqual([
      "x.yaml:1 if .a, taken",
      "x.yaml:1 else if .b, taken",
      "x.yaml:1 if .a, not taken",
      "x.yaml:2 with .c, taken",
      "x.yaml:2 else, taken",
      "x.yaml:2 if .d, not taken",
    ]);
    expect(text.replaceAll(/\{\{ \$_ := set \$\.Values\.global "[^"]*" true -?\}\}/g, "")).toBe(
      source.replace("2{{ end }}", "2{{ else }}{{ end }}").replace('"no" }}{{ end }}', '"no" }}{{ else }}{{ end }}'),
    );
  });
});

describe("the Deployment", () => {
  it("takes a pod away before its successor is there, and every rollout moves shards twice", async () => {
    const { spec } = only(await rendered(LEAST_VALUES), "Deployment");
    expect(valueAt(spec, "strategy.rollingUpdate")).toEqual({ maxSurge: 1, maxUnavailable: 0 });
  });

  it.each([
    ["25s", 30],
    ["1m30.5s", 96],
    ["45500ms", 51],
  ])("is killed while it stops within %s", async (shutdownTimeout, seconds) => {
    const { spec } = only(await rendered({ ...LEAST_VALUES, shutdownTimeout }), "Deployment");
    expect(valueAt(spec, "template.spec.terminationGracePeriodSeconds")).toBe(seconds);
  });

  it("keeps the pods of an old handler when the handler changes", async () => {
    const checksum = async (handlers: string): Promise<unknown> => {
      const { spec } = only(await rendered({ ...LEAST_VALUES, handlers }), "Deployment");
      return fieldsOf(valueAt(spec, "template.metadata.annotations"))["checksum/configuration"];
    };
    const before = await checksum("export const reconcile = 1;\n");
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    expect(await checksum("export const reconcile = 2;\n")).not.toBe(before);
  });

  it("moves every shard when nothing but the chart's own version changes", async () => {
    const { spec } = only(await rendered(LEAST_VALUES), "Deployment");
    expect(JSON.stringify(valueAt(spec, "template.metadata"))).not.toContain("helm.sh/chart");
  });

  it("says how many replicas there are while something else decides it", async () => {
    const values = { ...LEAST_VALUES, autoscaling: { enabled: true } };
    expect(fieldsOf(only(await rendered(values), "Deployment").spec)).not.toHaveProperty("replicas");
  });
});

describe("the Leases of static mode", () => {
  const LONG = "widgets.of-a-group-whose-name-is-longer-than-a-label-may-be.example.com";
  const resources = [
    { resource: "configmaps", buckets: 12 },
    { resource: "deployments.v1.apps" },
    { resource: `${LONG}/v1beta1`, buckets: 2 },
  ];
  const leases = async (values: object): Promise<readonly RenderedObject[]> =>
    (await rendered({ ...LEAST_VALUES, lease: { static: true }, resources, ...values })).filter(
      ({ kind }) => kind === "Lease",
    );

  it("are others than those that the program looks for", async () => {
    const [configMaps, deployments, widgets] = [
      shardsOf("shop-electorate", { plural: "configmaps", group: "" }, 12, ""),
      shardsOf("shop-electorate", { plural: "deployments", group: "apps" }, 1, ""),
      shardsOf("shop-electorate", { plural: "widgets", group: LONG.replace("widgets.", "") }, 2, ""),
    ];
    expect(resourceLabel(LONG)).not.toBe(LONG);
    const wanted = [...configMaps, ...deployments, ...widgets].map((shard) => ({
      name: shard.leaseName,
      resource: shard.resource,
      labels: shardLabels("shop-electorate", shard),
    }));
    const made = (await leases({})).map(({ metadata }) => ({
      name: metadata.name,
      resource: fieldsOf(valueAt(metadata, "annotations"))["electorate.dev/resource"],
      labels: Object.fromEntries(
        Object.entries(fieldsOf(valueAt(metadata, "labels"))).filter(([label]) => label.startsWith("electorate.dev/")),
      ),
    }));
    expect(made).toEqual(wanted);
  });

  it("have a spec, a key map or the chart's version, and an upgrade writes over their holders", async () => {
    for (const object of await leases({})) {
      expect(Object.keys(object).toSorted()).toEqual(["apiVersion", "kind", "metadata"]);
      expect(JSON.stringify(object)).not.toMatch(/key-map|helm\.sh\/chart|app\.kubernetes\.io\/version/);
    }
  });

  it("are deleted by an upgrade that has fewer buckets, under the replicas that hold them", async () => {
    for (const { metadata } of await leases({})) {
      expect(fieldsOf(valueAt(metadata, "annotations"))["helm.sh/resource-policy"]).toBe("keep");
    }
  });

  it("are made where there are none to be made", async () => {
    expect(await leases({ lease: { static: false } })).toEqual([]);
    expect(await leases({ leaderElection: "none" })).toEqual([]);
  });
});

describe("a version", () => {
  const root = resolve(CHART, "../..");
  const textOf = (file: string): string => readFileSync(join(root, file), "utf8");

  it("is one in package.json and another one in the chart, the image or its documents", () => {
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(textOf("package.json")));
    const chart = fieldsOf(parse(textOf("charts/electorate/Chart.yaml")));
    expect([chart["version"], chart["appVersion"]]).toEqual([version, version]);
    expect(textOf("Dockerfile")).toContain(`ARG VERSION=${version}\n`);
    const named = [...["Dockerfile", "charts/electorate/README.md", "docs/operations.md"].map(textOf)].flatMap((text) =>
      [...text.matchAll(/electorate:(\d+\.\d+\.\d+)/g)].map(([, one]) => one),
    );
    expect(new Set(named)).toEqual(new Set([version]));
  });
});

describe("a handler's text", () => {
  it("is changed on its way: braces, quotes, tabs and a missing last line end", async () => {
    const handlers = "export const text = `{{ .Values }} \"x\" 'y'\t#`;\n\n\nexport async function reconcile() {}";
    const { data } = only(await rendered({ ...LEAST_VALUES, handlers }), "ConfigMap");
    expect(String(fieldsOf(data)["handlers.js"]).trimEnd()).toBe(handlers);
  });
});

describe("two releases", () => {
  it("of one name in two namespaces fight over what belongs to none", async () => {
    const objects = await Promise.all(
      ["one", "two"].map(async (namespace) => {
        const { stdout } = await template(caseValues("watched"), "helm", ["--namespace", namespace]);
        return new Set(
          stdout.split("\n---\n").flatMap((text) => {
            const object: unknown = parse(text);
            const kind = String(valueAt(object, "kind"));
            return /^(?:Cluster|Flow|Validating)/.test(kind)
              ? [`${kind}/${String(valueAt(object, "metadata.name"))}`]
              : [];
          }),
        );
      }),
    );
    expect(objects[0]!.size).toBeGreaterThan(4);
    expect([...objects[0]!].filter((name) => objects[1]!.has(name))).toEqual([]);
  });
});

describe("the notes", () => {
  const warnings = async (values: object): Promise<readonly string[]> => {
    const text = await notes({ ...LEAST_VALUES, ...values });
    return [...text.matchAll(/^WARNING: (.*)$/gm)].map(([, warning = ""]) => warning);
  };
  const sharded = { resources: [{ resource: "configmaps", buckets: 16 }] };

  it("warn of what is well", async () => {
    expect(await warnings(sharded)).toEqual([]);
    const sound = { driver: "bull", redis: { url: "rediss://redis:6379" } };
    expect(await warnings({ ...sharded, queue: sound })).toEqual([]);
  });

  it.each<readonly [string, object, RegExp]>([
    ["a single replica", { ...sharded, replicaCount: 1 }, /^with fewer than two replicas nothing takes over/],
    [
      "a single replica at least",
      { ...sharded, autoscaling: { enabled: true, minReplicas: 1 } },
      /^with fewer than two/,
    ],
    ["replicas that idle", { replicaCount: 3 }, /^3 replicas and 1 shard: 2 of them would idle/],
    [
      "replicas that would idle",
      { ...sharded, autoscaling: { enabled: true, maxReplicas: 20 } },
      /^20 replicas and 16 shards: 4/,
    ],
    [
      "a kill while keys are in work",
      { ...sharded, terminationGracePeriodSeconds: 10 },
      /\(10s\) is shorter than drainTimeout \(20s\)/,
    ],
    [
      "a kill before shards are given away",
      { ...sharded, terminationGracePeriodSeconds: 25 },
      /\(25s\) leaves no time after shutdownTimeout/,
    ],
    [
      "a password that travels in the open",
      { ...sharded, queue: { driver: "bull", redis: { url: "redis://redis" } } },
      /^Redis is reached without TLS/,
    ],
    ["work that is done twice", { ...sharded, leaderElection: "none" }, /^leaderElection is none: each of 2 replicas/],
    ["work that outlives its Lease", { ...sharded, onOverrun: "report" }, /^onOverrun is report/],
    [
      "a rollout that moves more",
      { ...sharded, strategy: { rollingUpdate: { maxUnavailable: 1 } } },
      /^strategy.rollingUpdate.maxUnavailable/,
    ],
  ])("do not warn of %s", async (_, values, warning) => {
    expect(await warnings(values)).toEqual([expect.stringMatching(warning)]);
  });
});
