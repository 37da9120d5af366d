import { describe, expect, it } from "vitest";
import { coordinatorOptions } from "../../../src/config/coordinator-options.ts";
import { loadConfiguration } from "../../../src/config/load.ts";
import { configurationJsonSchema } from "../../../src/config/schema.ts";

const WRONG: readonly (readonly [key: string, value: string, path: string, says: RegExp])[] = [
  ["updates", "[]", "resources[0].updates", /is an empty list/],
  ["owns", "[Deployments]", "resources[0].owns[0].resource", /plural name of a resource.*"Deployments"/],
  ["owns", "[3]", "resources[0].owns[0]", /the number 3/],
  ["owns", "[{ resource: pods, namespaces: [a] }]", "resources[0].owns[0].namespaces", /is not a key.*it belongs in/],
  ["watches", "[secrets]", "resources[0].watches[0]", /a map with resource and map/],
  ["watches", "[{ resource: secrets, map: ofSecret }]", "resources[0].watches[0].map", /names no export/],
];

describe("what is owned and watched", () => {
  it.each(WRONG)("is taken although it is wrong: %s: %s", (key, value, path, says) => {
    const entry = [
      "coordinator: shop",
      "resources:",
      "  - resource: pods",
      "    handler: h.js#a",
      `    ${key}: ${value}`,
    ];
    const load = () => loadConfiguration(entry.join("\n"), "e.yaml");
    expect(load).toThrow(/^e\.yaml has 1 problem:\ne\.yaml:5:\d+ /);
    expect(load).toThrow(` ${path}: `);
    expect(load).toThrow(says);
  });

  it("is without the functions of its modules, or its filters drop what changed", () => {
    const configuration = loadConfiguration(
      [
        "coordinator: shop",
        "resources:",
        "  - resource: pods",
        "    updates: [generation, labels]",
        "    owns: [secrets, { resource: deployments.apps, labelSelector: app=shop, updates: [annotations] }]",
        "    watches:",
        "      - { resource: nodes, metadataOnly: true, map: ./h.js#ofNode }",
        "    reconcileTimeout: 1m30s",
        "    handler: h.js#a",
      ].join("\n"),
      "/etc/e.yaml",
    );
    expect(configuration.resources[0]?.watches[0]?.map).toEqual({
      file: "/etc/h.js",
      exportName: "ofNode",
      place: "/etc/e.yaml:7:53 resources[0].watches[0].map",
    });
    const [handler, map] = [async (): Promise<void> => {}, () => []];
    const { resources } = coordinatorOptions(configuration, [{ reconcile: handler, maps: [map] }]);
    expect(resources).toMatchObject([
      {
        owns: [{ resource: "secrets" }, { resource: "deployments.apps", labelSelector: "app=shop" }],
        watches: [{ resource: "nodes", metadataOnly: true, map }],
        reconcileTimeoutMs: 90_000,
      },
    ]);
    const version = (generation: number, labels: Record<string, string>, note: string) => ({
      metadata: { name: "a", generation, labels, annotations: { note } },
    });
    const filter = resources[0]?.updates;
    expect(filter?.(version(1, { a: "1" }, "x"), version(2, { a: "1" }, "x"))).toBe(true);
    expect(filter?.(version(1, { a: "1" }, "x"), version(1, { a: "2" }, "x"))).toBe(true);
    expect(filter?.(version(1, { a: "1" }, "x"), version(1, { a: "1" }, "y"))).toBe(false);
    expect(() => coordinatorOptions(configuration, [{ reconcile: handler, maps: [] }])).toThrow(
      /no map function.*nodes/,
    );
  });

  it("cannot be written as a name by an editor that knows the JSON Schema", () => {
    const schema = JSON.stringify(configurationJsonSchema());
    expect(schema).toMatch(/"owns":\{[^}]*"items":\{"anyOf":\[\{"type":"string"\},\{"type":"object"/);
  });
});
