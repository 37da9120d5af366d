/** The columns that `kubectl get` prints for the kinds it knows. */
import type { KubernetesObject } from "../kube/api.ts";
import { isFields } from "./decode.ts";
import { creationTimestampOf } from "./metadata.ts";
import type { Column } from "./resources.ts";

const NAME_DESCRIPTION =
  "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client" +
  " to request the generation of an appropriate name automatically.";
const AGE_DESCRIPTION = "CreationTimestamp is a timestamp representing the server time when this object was created.";

type Cell = Column["cell"];

export function column(name: string, description: string, cell: Cell, rest: Partial<Column> = {}): Column {
  return { name, type: "string", format: "", description, priority: 0, cell, ...rest };
}

/** A value deep in an object, or nothing when a step of the path is missing. */
export function valueAt(object: KubernetesObject, ...path: readonly string[]): unknown {
  let value: unknown = object;
  for (const step of path) {
    if (!isFields(value)) return undefined;
    value = value[step];
  }
  return value;
}

export function textAt(object: KubernetesObject, ...path: readonly string[]): string {
  const value = valueAt(object, ...path);
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;

/** `90s`, `2m30s`, `5h`, `3d4h`, `2y30d`: two units while the first is small, as kubectl writes durations. */
function durationText(ms: number): string {
  const two = (unit: number, name: string, lesser: number, lesserName: string): string => {
    const rest = Math.floor((ms % unit) / lesser);
    return `${Math.floor(ms / unit)}${name}${rest === 0 ? "" : `${rest}${lesserName}`}`;
  };
  if (ms < 0) return ms < -SECOND_MS ? "<invalid>" : "0s";
  if (ms < 2 * MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`;
  if (ms < 10 * MINUTE_MS) return two(MINUTE_MS, "m", SECOND_MS, "s");
  if (ms < 3 * HOUR_MS) return `${Math.floor(ms / MINUTE_MS)}m`;
  if (ms < 8 * HOUR_MS) return two(HOUR_MS, "h", MINUTE_MS, "m");
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)}h`;
  if (ms < 8 * DAY_MS) return two(DAY_MS, "d", HOUR_MS, "h");
  if (ms < 2 * YEAR_MS) return `${Math.floor(ms / DAY_MS)}d`;
  if (ms < 8 * YEAR_MS) return two(YEAR_MS, "y", DAY_MS, "d");
  return `${Math.floor(ms / YEAR_MS)}y`;
}

/** How long ago an instant was, or `<unknown>`. */
export function sinceText(instant: string, wallMs: number): string {
  const ms = Date.parse(instant);
  return Number.isNaN(ms) ? "<unknown>" : durationText(wallMs - ms);
}

export const NAME = column("Name", NAME_DESCRIPTION, (object) => object.metadata.name, { format: "name" });

export const AGE = column("Age", AGE_DESCRIPTION, (object, wallMs) => sinceText(creationTimestampOf(object), wallMs));

/** What the real server shows for a kind without columns of its own. */
export const DEFAULT_COLUMNS: readonly Column[] = [NAME, { ...AGE, type: "date" }];
export const CREATED_AT_COLUMNS: readonly Column[] = [
  NAME,
  column("Created At", AGE_DESCRIPTION, (object) => creationTimestampOf(object), { type: "date" }),
];

const countOf = (value: unknown): number => (isFields(value) ? Object.keys(value).length : 0);

export const LEASE_COLUMNS: readonly Column[] = [
  NAME,
  column("Holder", "holderIdentity contains the identity of the holder of a current lease.", (lease) =>
    textAt(lease, "spec", "holderIdentity"),
  ),
  AGE,
];

export const CONFIG_MAP_COLUMNS: readonly Column[] = [
  NAME,
  column("Data", "Data contains the configuration data.", (map) => countOf(map.data) + countOf(map.binaryData)),
  AGE,
];

export const SECRET_COLUMNS: readonly Column[] = [
  NAME,
  column("Type", "Used to facilitate programmatic handling of secret data.", (secret) => textAt(secret, "type")),
  column("Data", "Data contains the secret data.", (secret) => countOf(secret.data)),
  AGE,
];

export const NAMESPACE_COLUMNS: readonly Column[] = [
  NAME,
  column("Status", "The status of the namespace", (namespace) => textAt(namespace, "status", "phase")),
  AGE,
];

function readyContainers(pod: KubernetesObject): string {
  const statuses = valueAt(pod, "status", "containerStatuses");
  const ready = Array.isArray(statuses)
    ? statuses.filter((status) => isFields(status) && status.ready === true).length
    : 0;
  const containers = valueAt(pod, "spec", "containers");
  return `${ready}/${Array.isArray(containers) ? containers.length : 0}`;
}

export const POD_COLUMNS: readonly Column[] = [
  NAME,
  column("Ready", "The aggregate readiness state of this pod for accepting traffic.", readyContainers),
  column("Status", "The aggregate status of the containers in this pod.", (pod) =>
    pod.metadata.deletionTimestamp === undefined ? textAt(pod, "status", "phase") : "Terminating",
  ),
  AGE,
];

const lastSeen = (event: KubernetesObject): string =>
  textAt(event, "series", "lastObservedTime") || textAt(event, "lastTimestamp") || textAt(event, "eventTime");

function involved(event: KubernetesObject): string {
  const kind = textAt(event, "involvedObject", "kind");
  const name = textAt(event, "involvedObject", "name");
  return kind === "" ? name : `${kind.toLowerCase()}/${name}`;
}

const eventSource = (event: KubernetesObject): string =>
  [
    textAt(event, "source", "component") || textAt(event, "reportingComponent"),
    textAt(event, "source", "host") || textAt(event, "reportingInstance"),
  ]
    .filter((part) => part !== "")
    .join(", ");

export const EVENT_COLUMNS: readonly Column[] = [
  column("Last Seen", "The time at which the most recent occurrence of this event was recorded.", (event, wallMs) =>
    sinceText(lastSeen(event), wallMs),
  ),
  column("Type", "Type of this event (Normal, Warning)", (event) => textAt(event, "type")),
  column("Reason", "The reason for the transition into the object's current status.", (event) =>
    textAt(event, "reason"),
  ),
  column("Object", "The object that this event is about.", involved),
  column("Subobject", "The part of the object.", (event) => textAt(event, "involvedObject", "fieldPath"), {
    priority: 1,
  }),
  column("Source", "The component reporting this event.", eventSource, { priority: 1 }),
  column("Message", "A human-readable description of the status of this operation.", (event) =>
    textAt(event, "message"),
  ),
  column(
    "First Seen",
    "The time at which the event was first recorded.",
    (event, wallMs) => sinceText(textAt(event, "firstTimestamp") || textAt(event, "eventTime"), wallMs),
    { priority: 1 },
  ),
  column("Count", "The number of times this event has occurred.", (event) => Number(textAt(event, "count") || 1), {
    priority: 1,
  }),
  { ...NAME, priority: 1 },
];
