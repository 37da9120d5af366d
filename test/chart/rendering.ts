/** The chart as Helm renders it: objects for tests that look at them, and text for goldens. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parse, parseAllDocuments, stringify } from "yaml";
import { z } from "zod";
import { type Ran, runTool } from "../support/tools.ts";
import { fieldsOf } from "./values-document.ts";

export const CHART = resolve(import.meta.dirname, "../../charts/electorate");
const CASES = join(import.meta.dirname, "cases");

export const RELEASE = "shop";
const NAMESPACE = "web";

export interface RenderedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** Values that render: one kind, one handler. */
export const LEAST_VALUES = {
  resources: [{ resource: "configmaps" }],
  handlers: "export async function reconcile() {}\n",
} as const;

/** Names of the values files that stand for the ways to deploy. */
export function caseNames(): readonly string[] {
  return readdirSync(CASES).map((file) => file.replace(/\.yaml$/, ""));
}

export function caseValues(name: string): object {
  return fieldsOf(parse(readFileSync(join(CASES, `${name}.yaml`), "utf8")));
}

/** `helm template` as it ended. Helm 3 does not know of which Kubernetes it is, unless it is told. */
export function template(
  values: object,
  helm: "helm" | "helm3" = "helm",
  args: readonly string[] = [],
  chart = CHART,
): Promise<Ran> {
  return withValuesFile(values, (file) => {
    const subject = ["template", RELEASE, chart, "--namespace", NAMESPACE, "--kube-version", "1.36.0"];
    return runTool(helm, [...subject, "--values", file, ...args]);
  });
}

export async function withValuesFile<T>(values: object, use: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "electorate-values-"));
  try {
    const file = join(folder, "values.yaml");
    // JSON, which Helm's older YAML reads as it is meant: there, an unquoted `yes` is true.
    writeFileSync(file, JSON.stringify(values));
    return await use(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What Helm tells whoever installs the chart. */
export async function notes(values: object): Promise<string> {
  const { code, stdout, stderr } = await withValuesFile(values, (file) =>
    runTool("helm", ["install", RELEASE, CHART, "--dry-run=client", "--output", "json", "--values", file]),
  );
  if (code !== 0) throw new Error(`helm install failed: ${stderr}`);
  const { info } = z.object({ info: z.object({ notes: z.string() }) }).parse(JSON.parse(stdout));
  return info.notes;
}

/** The objects, or an error with all that Helm said. */
export async function rendered(values: object, helm: "helm" | "helm3" = "helm"): Promise<readonly RenderedObject[]> {
  const { code, stdout, stderr } = await template(values, helm);
  if (code !== 0) throw new Error(`${helm} template failed: ${stderr}`);
  return objectsOf(stdout);
}

function objectsOf(yaml: string): readonly RenderedObject[] {
  return parseAllDocuments(yaml)
    .map((document): unknown => {
      const [error] = document.errors;
      if (error !== undefined) throw error;
      const object: unknown = document.toJS();
      return object;
    })
    .filter((object): object is RenderedObject => object !== null);
}

function nameOf({ kind, metadata }: RenderedObject): string {
  return [kind, ...(metadata.namespace === undefined ? [] : [metadata.namespace]), metadata.name].join("/");
}

/** The objects as a golden shows them: by kind and name, whatever order and spacing a version of Helm gives them. */
export function goldenText(objects: readonly RenderedObject[]): string {
  return objects
    .toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))
    .map((object) => stringify(object, { sortMapEntries: true, lineWidth: 0, aliasDuplicateObjects: false }))
    .join("---\n");
}

/** The object of a kind that has the release's own name. */
export function only(objects: readonly RenderedObject[], kind: string): RenderedObject {
  const wanted = `${RELEASE}-electorate`;
  const object = objects.find((candidate) => candidate.kind === kind && candidate.metadata.name === wanted);
  if (object === undefined) throw new Error(`no ${kind} ${wanted} among ${objects.map(nameOf).join(", ")}`);
  return object;
}
