/** Serves the kinds that CustomResourceDefinitions describe, for as long as they exist. */
import type { KubernetesObject } from "../kube/api.ts";
import type { Clock } from "../runtime/clock.ts";
import { CUSTOM_RESOURCE_DEFINITIONS } from "./builtin-kinds.ts";
import type { Change } from "./collection.ts";
import { column, NAME, sinceText, textAt, valueAt } from "./columns.ts";
import { isFields } from "./decode.ts";
import { timeText } from "./instants.ts";
import { type Cell, type Column, defineCustom, type ResourceDefinition, type ResourceRegistry } from "./resources.ts";
import type { Storage } from "./storage.ts";

const listAt = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const textsAt = (value: unknown): string[] => listAt(value).filter((one): one is string => typeof one === "string");

/** A value by a JSONPath of plain steps, which is what printer columns use: `.spec.replicas`. */
function byPath(object: KubernetesObject, path: string): Cell {
  const value = valueAt(object, ...path.split(".").filter((step) => step !== ""));
  if (value === undefined || value === null) return null;
  if (typeof value === "number" || typeof value === "string" || typeof value === "boolean") return value;
  return JSON.stringify(value);
}

const COLUMN_TYPES: readonly Column["type"][] = ["string", "integer", "number", "boolean", "date"];

function printerColumn(described: unknown): Column[] {
  if (!isFields(described)) return [];
  const { name, jsonPath, description, priority } = described;
  if (typeof name !== "string" || typeof jsonPath !== "string") return [];
  const about =
    typeof description === "string"
      ? description
      : `Custom resource definition column (in JSONPath format): ${jsonPath}`;
  const type = COLUMN_TYPES.find((one) => one === described.type) ?? "string";
  const cell = (object: KubernetesObject, wallMs: number): Cell => {
    const value = byPath(object, jsonPath);
    return type === "date" && typeof value === "string" ? sinceText(value, wallMs) : value;
  };
  return [column(name, about, cell, { type, priority: typeof priority === "number" && priority > 0 ? 1 : 0 })];
}

/** One definition per served version. */
function definitionsOf(crd: KubernetesObject): ResourceDefinition[] {
  const group = textAt(crd, "spec", "group");
  const plural = textAt(crd, "spec", "names", "plural");
  const kind = textAt(crd, "spec", "names", "kind");
  if (group === "" || plural === "" || kind === "") return [];
  return listAt(valueAt(crd, "spec", "versions"))
    .filter(isFields)
    .filter((version) => version.served === true && typeof version.name === "string")
    .map((version) => {
      const columns = listAt(version.additionalPrinterColumns).flatMap(printerColumn);
      const subresources = isFields(version.subresources) ? version.subresources : {};
      return defineCustom({
        group,
        version: String(version.name),
        plural,
        kind,
        namespaced: textAt(crd, "spec", "scope") !== "Cluster",
        singular: textAt(crd, "spec", "names", "singular") || kind.toLowerCase(),
        listKind: textAt(crd, "spec", "names", "listKind") || `${kind}List`,
        shortNames: textsAt(valueAt(crd, "spec", "names", "shortNames")),
        categories: textsAt(valueAt(crd, "spec", "names", "categories")),
        status: subresources.status !== undefined,
        columns: columns.length === 0 ? [] : [NAME, ...columns],
      });
    });
}

export class CustomKinds {
  readonly #storage: Storage;
  readonly #registry: ResourceRegistry;
  readonly #clock: Clock;
  /** The definitions that each CustomResourceDefinition brought, by its name. */
  readonly #served = new Map<string, readonly ResourceDefinition[]>();

  constructor(storage: Storage, registry: ResourceRegistry, clock: Clock) {
    this.#storage = storage;
    this.#registry = registry;
    this.#clock = clock;
    storage.listen(CUSTOM_RESOURCE_DEFINITIONS, (change) => this.#changed(change));
  }

  /** Serves exactly what the storage describes, after a restore. */
  synchronise(): void {
    for (const name of [...this.#served.keys()]) this.#withdraw(name);
    for (const { object } of this.#storage.collection(CUSTOM_RESOURCE_DEFINITIONS).scan("")) this.#serve(object);
  }

  #changed(change: Change): void {
    const crd = change.entry.object;
    const { name } = crd.metadata;
    if (change.type === "DELETED") {
      for (const { collection } of this.#withdraw(name)) this.#empty(collection);
      return;
    }
    this.#withdraw(name);
    this.#serve(crd);
    if (valueAt(crd, "status", "conditions") === undefined) this.#establish(crd);
  }

  #serve(crd: KubernetesObject): void {
    const definitions = definitionsOf(crd);
    for (const definition of definitions) this.#registry.add(definition);
    this.#served.set(crd.metadata.name, definitions);
  }

  #withdraw(name: string): readonly ResourceDefinition[] {
    const definitions = this.#served.get(name) ?? [];
    for (const { group, plural } of definitions) this.#registry.remove(group, plural);
    this.#served.delete(name);
    return definitions;
  }

  #empty(collection: string): void {
    for (const { key } of this.#storage.collection(collection).scan("")) this.#storage.remove(collection, key);
  }

  /** Says that the kind is served, as the real server does in a second write. */
  #establish(crd: KubernetesObject): void {
    const lastTransitionTime = timeText(this.#clock.wallMs());
    const condition = (type: string, reason: string, message: string) => ({
      type,
      status: "True",
      lastTransitionTime,
      reason,
      message,
    });
    const conditions = [
      condition("NamesAccepted", "NoConflicts", "no conflicts found"),
      condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ];
    const storedVersions = listAt(valueAt(crd, "spec", "versions"))
      .filter(isFields)
      .flatMap((version) => (version.storage === true && typeof version.name === "string" ? [version.name] : []));
    const status = { conditions, acceptedNames: valueAt(crd, "spec", "names"), storedVersions };
    this.#storage.put(CUSTOM_RESOURCE_DEFINITIONS, crd.metadata.name, { ...crd, status });
  }
}
