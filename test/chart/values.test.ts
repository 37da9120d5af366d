/** What may be set: every value is explained, checked by the schema, and has the program's own default. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parseDuration } from "../../src/config/duration.ts";
import { fieldSchemas, resourceFieldSchemas } from "../../src/config/schema.ts";
import { requireTools, runTool } from "../support/tools.ts";
import { CHART, LEAST_VALUES, only, rendered, template, withValuesFile } from "./rendering.ts";
import { REFUSED_TOGETHER, VALUE_CASES } from "./value-cases.ts";
import { documentedValues, fieldsOf, readmeWith, unexplainedValues, valueAt } from "./values-document.ts";

const textOf = (file: string): string => readFileSync(join(CHART, file), "utf8");
const valuesYaml = textOf("values.yaml");
const defaults: unknown = parse(valuesYaml);

/** `{ a: { b: value } }` of `a.b`, over what is there. */
function withValue(values: object, path: string, value: unknown): object {
  const [key = "", ...below] = path.split(".");
  const there: unknown = Reflect.get(values, key);
  return { ...values, [key]: below.length === 0 ? value : withValue(fieldsOf(there), below.join("."), value) };
}

const paths = documentedValues(valuesYaml).map(({ path }) => path);

describe("values.yaml", () => {
  it("has a value that nothing explains", () => {
    expect(unexplainedValues(valuesYaml)).toEqual([]);
  });

  it("explains a value otherwise than the README, or has one that the README lacks: `npm run chart`", () => {
    expect(readmeWith(textOf("README.md"), valuesYaml)).toBe(textOf("README.md"));
  });

  it("has a value that no case is tried with", () => {
    expect(Object.keys(VALUE_CASES)).toEqual(paths);
  });
});

describe.each(["helm", "helm3"] as const)("the schema, to %s", (helm) => {
  beforeEach((context) => requireTools(context, helm));

  it("takes a wrong value, or does not say where it is", async () => {
    const wrong = paths.reduce((values, path) => withValue(values, path, VALUE_CASES[path]?.wrong), {});
    const { code, stderr } = await template(wrong, helm);
    expect(code).not.toBe(0);
    const named = new Set([...stderr.matchAll(/at '\/([^']*)'/g)].map(([, at = ""]) => at.replaceAll("/", ".")));
    const silent = paths.filter((path) => ![...named].some((at) => at === path || at.startsWith(`${path}.`)));
    expect(silent).toEqual([]);
  });

  it("refuses a right value", async () => {
    const right = paths.reduce((values, path) => withValue(values, path, VALUE_CASES[path]?.right), {});
    const { code, stderr } = await template(right, helm);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("takes a value that does not exist, wherever it stands", async () => {
    const maps = ["", ...new Set(paths.flatMap((path) => (path.includes(".") ? [path.replace(/\.[^.]*$/, "")] : [])))];
    const misspelt = maps.reduce((values, map) => withValue(values, map === "" ? "mispelt" : `${map}.mispelt`, 1), {});
    const { code, stderr } = await template(misspelt, helm);
    expect(code).not.toBe(0);
    const complaints = [...stderr.matchAll(/at '\/?([^']*)': additional properties 'mispelt' not allowed/g)];
    expect(complaints.map(([, at = ""]) => at.replaceAll("/", ".")).sort()).toEqual(maps.sort());
  });

  it("is closed for what charts around this one share", async () => {
    const { code } = await template({ ...LEAST_VALUES, global: { imageRegistry: "registry.example.com" } }, helm);
    expect(code).toBe(0);
  });
});

describe("values that need each other", () => {
  beforeEach((context) => requireTools(context, "helm"));

  it.each(REFUSED_TOGETHER)("are taken without a word: %s", async (message, values) => {
    const { code, stderr } = await template(values);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  });

  it("are checked in a way that no case tries", () => {
    const checks = textOf("templates/_configuration.tpl").match(/\{\{- fail /g) ?? [];
    expect(checks.length).toBeGreaterThan(0);
    expect(checks).toHaveLength(REFUSED_TOGETHER.length);
  });
});

describe("a default of the chart", () => {
  /** What the program makes of a key that is left out, as the YAML writes it; `undefined` for none. */
  const programDefault = (schema: { safeParse(value: unknown): { data?: unknown } }): unknown =>
    schema.safeParse(undefined).data;
  const asProgram = (value: unknown): unknown => {
    if (value === "" || value === null) return undefined;
    const parsed = typeof value === "string" ? parseDuration(value) : value;
    return typeof parsed === "number" ? parsed : value;
  };

  it("differs from the program's", () => {
    const { coordinator: _, namespace: __, resources: ___, ...fields } = fieldSchemas;
    for (const [key, schema] of Object.entries(fields)) {
      const wanted = programDefault(schema);
      const given = valueAt(defaults, key);
      if (typeof wanted === "object" && wanted !== null) {
        for (const [below, value] of Object.entries(fieldsOf(wanted))) {
          expect({ [`${key}.${below}`]: asProgram(valueAt(given, below)) }).toEqual({ [`${key}.${below}`]: value });
        }
      } else expect({ [key]: asProgram(given) }).toEqual({ [key]: wanted });
    }
  });

  it("of a resource differs from the program's", async (context) => {
    requireTools(context, "helm");
    const { data } = only(await rendered(LEAST_VALUES), "ConfigMap");
    const [resource] = valueAt(parse(String(fieldsOf(data)["electorate.yaml"])), "resources") as [object];
    expect(Object.keys(resource).filter((key) => !(key in resourceFieldSchemas))).toEqual([]);
    for (const [key, schema] of Object.entries(resourceFieldSchemas)) {
      const wanted = programDefault(schema);
      if (wanted !== undefined) expect({ [key]: valueAt(resource, key) }).toEqual({ [key]: wanted });
    }
  });
});

describe.each(["helm", "helm3"] as const)("%s lint", (helm) => {
  beforeEach((context) => requireTools(context, helm));

  it("finds a fault in the chart", async () => {
    const lint = (values: object) =>
      withValuesFile(values, (file) =>
        runTool(helm, ["lint", "--strict", "--kube-version", "1.36.0", "--values", file, CHART]),
      );
    for (const values of [{}, LEAST_VALUES]) {
      const { code, stdout, stderr } = await lint(values);
      expect(code === 0 ? "" : stdout + stderr).toBe("");
    }
  });
});
