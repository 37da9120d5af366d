/** What the server knows about each resource it serves, and the registry of them. */
import type { ApiResource, KubernetesObject } from "../kube/api.ts";
import type { Fields } from "./decode.ts";
import type { NameRule } from "./names.ts";
import type { FieldProblem } from "./refusal.ts";
import type { SelectableFields } from "./selectors.ts";

/** What a table shows in one place; `null` for a value that the object does not have. */
export type Cell = string | number | boolean | null;

/** One column of a `Table`, as `kubectl get` prints it. */
export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format: "" | "name";
  readonly description: string;
  /** Columns of priority 1 are shown by `-o wide` only. */
  readonly priority: 0 | 1;
  readonly cell: (object: KubernetesObject, wallMs: number) => Cell;
}

/** Another served form of the same stored objects. */
export interface View {
  readonly toStored: (served: Fields) => Fields;
  readonly fromStored: (stored: KubernetesObject) => KubernetesObject;
}

export interface ResourceDefinition extends ApiResource {
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** The collection that holds the objects. Resources that name the same one are views of the same objects. */
  readonly collection: string;
  readonly view: View | undefined;
  readonly nameRule: NameRule;
  /** Whether `/status` exists; then status is ignored on the object itself and everything else on `/status`. */
  readonly status: boolean;
  /** Whether the server counts changes of anything but metadata and status in `metadata.generation`. */
  readonly generation: boolean;
  /** Whether a PUT to a missing object creates it. */
  readonly createsOnUpdate: boolean;
  /** Whether a PUT without resourceVersion replaces whatever is there. */
  readonly unconditionalUpdate: boolean;
  /** Custom kinds keep every field, insist on apiVersion and kind, and know no strategic merge patch. */
  readonly custom: boolean;
  /** Whether all objects can be deleted at once. */
  readonly deletesCollections: boolean;
  /** Deletions answer with the object instead of a Status. */
  readonly returnsDeleted: boolean;
  readonly fields: SelectableFields;
  readonly columns: readonly Column[];
  /** Reads everything but metadata from a body; throws `DecodeFailure`. Notes unknown fields. */
  readonly decode: (body: Fields, unknown: string[]) => Fields;
  /** Completes a new object, such as the phase of a Namespace. */
  readonly complete: (object: KubernetesObject) => KubernetesObject;
  /** Problems of the object itself, metadata apart. */
  readonly validate: (object: KubernetesObject, previous: KubernetesObject | undefined) => FieldProblem[];
}

const METADATA = new Set(["kind", "apiVersion", "metadata"]);

/** Every field of the body but those of the envelope; `null` reads as absent. */
function decodeAnything(body: Fields): Fields {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) {
    if (!METADATA.has(name) && value !== null) kept[name] = value;
  }
  return kept;
}

export type ResourceOptions = ApiResource & Partial<Omit<ResourceDefinition, keyof ApiResource>>;

/** A definition with the defaults of most kinds. */
export function defineResource(options: ResourceOptions): ResourceDefinition {
  const singular = options.singular ?? options.kind.toLowerCase();
  return {
    singular,
    listKind: `${options.kind}List`,
    shortNames: [],
    categories: [],
    collection: options.group === "" ? options.plural : `${options.plural}.${options.group}`,
    view: undefined,
    nameRule: "subdomain",
    status: false,
    generation: false,
    createsOnUpdate: false,
    unconditionalUpdate: true,
    custom: false,
    deletesCollections: true,
    returnsDeleted: false,
    fields: {},
    columns: [],
    decode: decodeAnything,
    complete: (object) => object,
    validate: () => [],
    ...options,
  };
}

/** A custom kind, as a CustomResourceDefinition makes it. */
export interface CustomResource extends ApiResource {
  readonly singular?: string;
  readonly listKind?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Whether it has a status subresource. Default: no. */
  readonly status?: boolean;
  /** Columns beside the name; the age when left out. */
  readonly columns?: readonly Column[];
}

export function defineCustom(custom: CustomResource): ResourceDefinition {
  return defineResource({
    ...custom,
    generation: true,
    unconditionalUpdate: false,
    custom: true,
    status: custom.status ?? false,
  });
}

export const groupVersionOf = (resource: Pick<ApiResource, "group" | "version">): string =>
  resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;

export class ResourceRegistry {
  readonly #byPath = new Map<string, ResourceDefinition>();
  readonly #groupVersions = new Map<string, number>();

  add(definition: ResourceDefinition): void {
    const groupVersion = groupVersionOf(definition);
    const path = `${groupVersion}/${definition.plural}`;
    if (!this.#byPath.has(path))
      this.#groupVersions.set(groupVersion, (this.#groupVersions.get(groupVersion) ?? 0) + 1);
    this.#byPath.set(path, definition);
  }

  remove(group: string, plural: string): void {
    for (const [path, definition] of [...this.#byPath]) {
      if (definition.group !== group || definition.plural !== plural) continue;
      this.#byPath.delete(path);
      const groupVersion = groupVersionOf(definition);
      const left = (this.#groupVersions.get(groupVersion) ?? 1) - 1;
      if (left === 0) this.#groupVersions.delete(groupVersion);
      else this.#groupVersions.set(groupVersion, left);
    }
  }

  /** The resource at `<group>/<version>/<plural>`, or `<version>/<plural>` for the core group. */
  find(groupVersion: string, plural: string): ResourceDefinition | undefined {
    return this.#byPath.get(`${groupVersion}/${plural}`);
  }

  /** Any version of a resource, for questions that name no version. */
  findAnyVersion(group: string, plural: string): ResourceDefinition | undefined {
    return this.all().find((definition) => definition.group === group && definition.plural === plural);
  }

  hasGroupVersion(groupVersion: string): boolean {
    return this.#groupVersions.has(groupVersion);
  }

  hasGroup(group: string): boolean {
    return this.all().some((definition) => definition.group === group);
  }

  all(): ResourceDefinition[] {
    return [...this.#byPath.values()];
  }
}
