/** Events: stored once, served as core/v1 and as events.k8s.io/v1, which name the same fields differently. */
import type { KubernetesObject } from "../kube/api.ts";
import { textAt } from "./columns.ts";
import { type Fields, isFields, objectField, present, shownValue, stringField } from "./decode.ts";
import { microTimeField, timeField } from "./instants.ts";
import { type FieldProblem, invalidValue, requiredValue } from "./refusal.ts";
import type { SelectableFields } from "./selectors.ts";

/** The name in events.k8s.io/v1 of each field that has another name in core/v1. */
const RENAMED: readonly (readonly [core: string, grouped: string])[] = [
  ["involvedObject", "regarding"],
  ["message", "note"],
  ["source", "deprecatedSource"],
  ["firstTimestamp", "deprecatedFirstTimestamp"],
  ["lastTimestamp", "deprecatedLastTimestamp"],
  ["count", "deprecatedCount"],
  ["reportingComponent", "reportingController"],
];
const TO_GROUPED = new Map(RENAMED);
const TO_CORE = new Map(RENAMED.map(([core, grouped]) => [grouped, core]));
/** Fields that core/v1 writes out even when they are empty, and events.k8s.io/v1 leaves out. */
const BARE_WHEN_EMPTY = new Set(["reportingComponent", "reportingInstance"]);

function renamed(fields: Fields, names: ReadonlyMap<string, string>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) result[names.get(name) ?? name] = value;
  return result;
}

export const toCoreEvent = (served: Fields): Fields => renamed(served, TO_CORE);

export function toGroupedEvent(stored: KubernetesObject): KubernetesObject {
  const kept = Object.entries(stored).filter(([name, value]) => !(BARE_WHEN_EMPTY.has(name) && value === ""));
  const fields = renamed(Object.fromEntries(kept), TO_GROUPED);
  return { ...fields, kind: "Event", apiVersion: "events.k8s.io/v1", metadata: stored.metadata };
}

const site = (path: string) => ({ struct: "Event", path });

/** Reads a core/v1 Event; what is always written out is given its empty value. */
export function decodeEvent(body: Fields): Fields {
  const { series } = body;
  return {
    involvedObject: present(objectField(body.involvedObject, site("involvedObject"), "v1.ObjectReference") ?? {}),
    ...present({
      reason: stringField(body.reason, site("reason")) || undefined,
      message: stringField(body.message, site("message")) || undefined,
    }),
    source: present(objectField(body.source, site("source"), "v1.EventSource") ?? {}),
    firstTimestamp: timeField(body.firstTimestamp, site("firstTimestamp")) ?? null,
    lastTimestamp: timeField(body.lastTimestamp, site("lastTimestamp")) ?? null,
    ...present({
      count: typeof body.count === "number" && body.count !== 0 ? body.count : undefined,
      type: stringField(body.type, site("type")) || undefined,
    }),
    eventTime: microTimeField(body.eventTime, site("eventTime")) ?? null,
    ...present({
      series: isFields(series)
        ? present({
            ...series,
            lastObservedTime: microTimeField(series.lastObservedTime, site("series.lastObservedTime")),
          })
        : undefined,
      action: stringField(body.action, site("action")) || undefined,
      related: objectField(body.related, site("related"), "v1.ObjectReference"),
    }),
    reportingComponent: stringField(body.reportingComponent, site("reportingComponent")) ?? "",
    reportingInstance: stringField(body.reportingInstance, site("reportingInstance")) ?? "",
  };
}

/** An event about an object of the cluster lives in `default`, a new-style one in `kube-system` too. */
function namespaceProblems(event: KubernetesObject, newStyle: boolean): FieldProblem[] {
  const about = textAt(event, "involvedObject", "namespace");
  const { namespace } = event.metadata;
  const fits =
    about === ""
      ? namespace === "default" || (newStyle && namespace === "kube-system")
      : newStyle || about === namespace;
  return fits ? [] : [invalidValue("involvedObject.namespace", about, "does not match event.namespace")];
}

/** An event with an `eventTime` is of the new style, which insists on the fields that say who reports what. */
export function coreEventProblems(event: KubernetesObject): FieldProblem[] {
  const newStyle = event.eventTime !== null;
  const problems = namespaceProblems(event, newStyle);
  if (!newStyle) return problems;
  const { reportingComponent, reportingInstance, action, reason } = event;
  if (reportingComponent === "") problems.push(requiredValue("reportingController"));
  if (reportingInstance === "") problems.push(requiredValue("reportingInstance"));
  if (action === undefined) problems.push(requiredValue("action"));
  if (reason === undefined) problems.push(requiredValue("reason"));
  return problems;
}

/** Through events.k8s.io only new-style events can be made. */
export function groupedEventProblems(event: KubernetesObject, previous: KubernetesObject | undefined): FieldProblem[] {
  const problems = coreEventProblems(event);
  if (previous !== undefined) return problems;
  const { eventTime, type } = event;
  if (eventTime === null) problems.push(requiredValue("eventTime"));
  if (type !== "Normal" && type !== "Warning") {
    problems.push(invalidValue("type", type ?? "", `has invalid value: ${shownValue(type ?? "")}`));
  }
  return problems;
}

const ABOUT = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];

/** Selectable by the object an event is about: `kubectl describe` asks so. `prefix` is the name that the version has for it. */
export function eventFields(prefix: "involvedObject" | "regarding"): SelectableFields {
  const about = ABOUT.map((field): [string, (event: KubernetesObject) => string] => [
    `${prefix}.${field}`,
    (event) => textAt(event, "involvedObject", field),
  ]);
  return {
    ...Object.fromEntries(about),
    reason: (event) => textAt(event, "reason"),
    type: (event) => textAt(event, "type"),
    reportingComponent: (event) => textAt(event, "reportingComponent"),
    source: (event) => textAt(event, "source", "component") || textAt(event, "reportingComponent"),
  };
}
