/**
 * How objects are written out: whole, as a `Table` for `kubectl get`, or as their metadata alone.
 *
 * Promises of this file: an object is serialised once per version and form, however often it is read or watched; items of a
 * list of a typed kind carry no `kind` and `apiVersion`, as on the real server.
 */
import type { KubernetesObject } from "../kube/api.ts";
import type { ChangeType, Entry } from "./collection.ts";
import { DEFAULT_COLUMNS } from "./columns.ts";
import { Refusal } from "./refusal.ts";
import { groupVersionOf, type ResourceDefinition } from "./resources.ts";

export type Form = "object" | "table" | "metadata";

interface Accepted {
  readonly form: Form;
  /** Whether the form was asked for as a list. */
  readonly list: boolean;
}

const NOT_ACCEPTABLE =
  "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml," +
  " application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";

const parsedAccepts = new Map<string, readonly Accepted[]>();
const MOST_PARSED_ACCEPTS = 1_000;

function parseAccept(header: string): readonly Accepted[] {
  const known = parsedAccepts.get(header);
  if (known !== undefined) return known;
  const accepted: Accepted[] = [];
  for (const range of header.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    if (!["application/json", "application/*", "*/*"].includes(type)) continue;
    const parameter = (name: string): string | undefined =>
      parameters.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
    const as = parameter("as");
    if (as === undefined) accepted.push({ form: "object", list: false });
    if (parameter("g") !== "meta.k8s.io" || parameter("v") !== "v1") continue;
    if (as === "Table") accepted.push({ form: "table", list: false });
    if (as === "PartialObjectMetadata") accepted.push({ form: "metadata", list: false });
    if (as === "PartialObjectMetadataList") accepted.push({ form: "metadata", list: true });
  }
  if (parsedAccepts.size >= MOST_PARSED_ACCEPTS) parsedAccepts.clear();
  parsedAccepts.set(header, accepted);
  return accepted;
}

/** The form that the client asked for first and that fits; 406 when there is none. */
export function negotiate(accept: string | undefined, list: boolean, resource: ResourceDefinition): Form {
  if (accept === undefined || accept === "" || accept === "application/json") return "object";
  const [first] = parseAccept(accept);
  if (first === undefined) throw new Refusal(406, "NotAcceptable", NOT_ACCEPTABLE, {});
  if (first.form === "metadata" && first.list !== list) {
    const asked = first.list ? "PartialObjectMetadataList" : "PartialObjectMetadata";
    const what = list ? `is a list (*${resource.listKind})` : `is not a list (*${resource.kind})`;
    throw new Refusal(406, "NotAcceptable", `you requested ${asked}, but the requested object ${what}`);
  }
  return first.form;
}

/** Which part of each object the rows of a table carry. */
export type RowObject = "None" | "Metadata" | "Object";

export interface ListMetadata {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

type LineKeys = Readonly<Record<ChangeType, string>>;

const lineKeys = new Map<string, LineKeys>();

/** The same strings for the same form, so that looking up a shared line compares two pointers. */
function lineKeysOf(form: string): LineKeys {
  let keys = lineKeys.get(form);
  if (keys === undefined) {
    keys = { ADDED: `ADDED:${form}`, MODIFIED: `MODIFIED:${form}`, DELETED: `DELETED:${form}` };
    lineKeys.set(form, keys);
  }
  return keys;
}

/** Writes the objects of one resource in one form. */
export class Representation {
  readonly resource: ResourceDefinition;
  readonly form: Form;
  /** Names this form among the lines of a change, for each type of event. */
  readonly lineKeys: LineKeys;
  readonly #rowObject: RowObject;
  readonly #wallMs: () => number;

  constructor(resource: ResourceDefinition, form: Form, rowObject: RowObject, wallMs: () => number) {
    this.resource = resource;
    this.form = form;
    this.lineKeys = lineKeysOf(`${groupVersionOf(resource)}:${form}:${rowObject}`);
    this.#rowObject = rowObject;
    this.#wallMs = wallMs;
  }

  /** `headed` says whether a table carries its column definitions; in a watch only the first event does. */
  one(entry: Entry, headed = true): string {
    switch (this.form) {
      case "object":
        return servedJson(this.resource, entry);
      case "metadata":
        return partial(entry.object);
      case "table":
        return this.#table([entry], { resourceVersion: entry.object.metadata.resourceVersion ?? "" }, headed);
    }
  }

  many(entries: readonly Entry[], metadata: ListMetadata): string {
    switch (this.form) {
      case "object": {
        const kind = `"kind":${JSON.stringify(this.resource.listKind)},"apiVersion":"${groupVersionOf(this.resource)}"`;
        const items = entries.map((entry) => this.#item(entry)).join(",");
        // Lists of custom kinds always have the field.
        const all = this.resource.custom ? { continue: "", ...metadata } : metadata;
        return `{${kind},"metadata":${JSON.stringify(all)},"items":[${items}]}`;
      }
      case "metadata": {
        const items = entries.map((entry) => partial(entry.object)).join(",");
        return `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":${JSON.stringify(metadata)},"items":[${items}]}`;
      }
      case "table":
        return this.#table(entries, metadata, true);
    }
  }

  /** A bookmark's object: the kind and a resourceVersion, nothing else. */
  bookmark(revision: number, annotations: Readonly<Record<string, string>> | undefined, headed: boolean): string {
    const metadata = { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) };
    if (this.form === "metadata") {
      return JSON.stringify({ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata });
    }
    if (this.form === "table") return this.#table([], { resourceVersion: String(revision) }, headed);
    const { kind, custom } = this.resource;
    const rest = custom ? {} : this.resource.decode({}, []);
    return JSON.stringify({ kind, apiVersion: groupVersionOf(this.resource), metadata, ...rest });
  }

  #item(entry: Entry): string {
    const json = servedJson(this.resource, entry);
    if (this.resource.custom) return json;
    // Every stored object begins with its kind and apiVersion, in this order.
    const prefix = `{"kind":"${this.resource.kind}","apiVersion":"${groupVersionOf(this.resource)}",`;
    return json.startsWith(prefix) ? `{${json.slice(prefix.length)}` : json;
  }

  #table(entries: readonly Entry[], metadata: ListMetadata, headed: boolean): string {
    const wallMs = this.#wallMs();
    const columns = this.resource.columns.length === 0 ? DEFAULT_COLUMNS : this.resource.columns;
    const rows = entries.map((entry) => {
      const cells = JSON.stringify(columns.map((one) => one.cell(entry.object, wallMs)));
      return `{"cells":${cells},"object":${this.#rowObjectOf(entry)}}`;
    });
    const definitions = columns.map(({ name, type, format, description, priority }) => ({
      name,
      type,
      format,
      description,
      priority,
    }));
    const columnDefinitions = headed ? definitions : null;
    const head = { kind: "Table", apiVersion: "meta.k8s.io/v1", metadata, columnDefinitions };
    return `${JSON.stringify(head).slice(0, -1)},"rows":[${rows.join(",")}]}`;
  }

  #rowObjectOf(entry: Entry): string {
    if (this.#rowObject === "None") return "null";
    return this.#rowObject === "Object" ? servedJson(this.resource, entry) : partial(entry.object);
  }
}

function partial(object: KubernetesObject): string {
  return `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":${JSON.stringify(object.metadata)}}`;
}

const viewed = new WeakMap<Entry, Map<string, string>>();

/** The object as this resource serves it; other views of the stored form are made once per version. */
export function servedJson(resource: ResourceDefinition, entry: Entry): string {
  if (resource.view === undefined) return entry.json;
  let views = viewed.get(entry);
  if (views === undefined) {
    views = new Map();
    viewed.set(entry, views);
  }
  const key = groupVersionOf(resource);
  let json = views.get(key);
  if (json === undefined) {
    json = JSON.stringify(resource.view.fromStored(entry.object));
    views.set(key, json);
  }
  return json;
}
