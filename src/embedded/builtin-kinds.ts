/** The kinds that are served without being registered: those that controllers and their electors touch. */
import type { KubernetesObject } from "../kube/api.ts";
import {
  AGE,
  CONFIG_MAP_COLUMNS,
  CREATED_AT_COLUMNS,
  column,
  EVENT_COLUMNS,
  LEASE_COLUMNS,
  NAME,
  NAMESPACE_COLUMNS,
  POD_COLUMNS,
  SECRET_COLUMNS,
  textAt,
} from "./columns.ts";
import { booleanField, type Fields, isFields, noteUnknown, stringField, stringMapField } from "./decode.ts";
import {
  coreEventProblems,
  decodeEvent,
  eventFields,
  groupedEventProblems,
  toCoreEvent,
  toGroupedEvent,
} from "./event-kind.ts";
import { decodeLease, leaseProblems } from "./lease-kind.ts";
import { configKeyProblems } from "./names.ts";
import { type FieldProblem, forbiddenValue, invalidValue, tooLong } from "./refusal.ts";
import { defineResource, type ResourceDefinition } from "./resources.ts";

const ENVELOPE = ["kind", "apiVersion", "metadata"];
const LEASE_FIELDS = new Set([...ENVELOPE, "spec"]);
const CONFIG_MAP_FIELDS = new Set([...ENVELOPE, "data", "binaryData", "immutable"]);

function decodeConfigMap(body: Fields, unknown: string[]): Fields {
  noteUnknown(body, CONFIG_MAP_FIELDS, "", unknown);
  const data = stringMapField(body.data, { struct: "ConfigMap", path: "data" });
  const binaryData = stringMapField(body.binaryData, { struct: "ConfigMap", path: "binaryData" });
  const immutable = booleanField(body.immutable, { struct: "ConfigMap", path: "immutable" });
  return {
    ...(data === undefined ? {} : { data }),
    ...(binaryData === undefined ? {} : { binaryData }),
    ...(immutable === undefined ? {} : { immutable }),
  };
}

const keysOf = (value: unknown): string[] => (isFields(value) ? Object.keys(value) : []);

const LARGEST_DATA_BYTES = 1024 * 1024;

const bytesOf = (value: unknown): number =>
  isFields(value) ? Object.values(value).reduce<number>((sum, one) => sum + Buffer.byteLength(String(one)), 0) : 0;

function dataProblems(object: KubernetesObject, previous: KubernetesObject | undefined): FieldProblem[] {
  const problems = [
    ...configKeyProblems("data", keysOf(object.data)),
    ...configKeyProblems("binaryData", keysOf(object.binaryData)),
  ];
  // The real server names no field of a ConfigMap here.
  if (bytesOf(object.data) + bytesOf(object.binaryData) > LARGEST_DATA_BYTES) {
    problems.push(tooLong(object.kind === "Secret" ? "data" : "[]", LARGEST_DATA_BYTES));
  }
  return previous?.immutable === true ? [...problems, ...immutableProblems(object, previous)] : problems;
}

function immutableProblems(object: KubernetesObject, previous: KubernetesObject): FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (object.immutable !== true)
    problems.push(forbiddenValue("immutable", "field is immutable when `immutable` is set"));
  for (const field of ["data", "binaryData"]) {
    if (JSON.stringify(object[field]) !== JSON.stringify(previous[field])) {
      problems.push(forbiddenValue(field, "field is immutable when `immutable` is set"));
    }
  }
  return problems;
}

function decodeSecret(body: Fields): Fields {
  const data = stringMapField(body.data, { struct: "Secret", path: "data" });
  const given = stringMapField(body.stringData, { struct: "Secret", path: "stringData" }) ?? {};
  const merged: Record<string, string> = { ...data };
  for (const [key, value] of Object.entries(given)) merged[key] = Buffer.from(value).toString("base64");
  const immutable = booleanField(body.immutable, { struct: "Secret", path: "immutable" });
  return {
    ...(keysOf(merged).length === 0 ? {} : { data: merged }),
    ...(immutable === undefined ? {} : { immutable }),
    type: stringField(body.type, { struct: "Secret", path: "type" }) || "Opaque",
  };
}

/** A new Namespace is active at once and is labelled with its own name. */
function completeNamespace(namespace: KubernetesObject): KubernetesObject {
  const { labels } = namespace.metadata;
  return {
    ...namespace,
    metadata: {
      ...namespace.metadata,
      labels: { ...labels, "kubernetes.io/metadata.name": namespace.metadata.name },
    },
    spec: { finalizers: ["kubernetes"] },
    status: { phase: "Active" },
  };
}

function completePod(pod: KubernetesObject): KubernetesObject {
  const status = isFields(pod.status) ? pod.status : {};
  return { ...pod, status: { phase: "Pending", ...status } };
}

/** Names that can be told from the others, and the one way to convert that there is. */
function completeCustomResourceDefinition(crd: KubernetesObject): KubernetesObject {
  const spec = isFields(crd.spec) ? crd.spec : {};
  const names = isFields(spec.names) ? spec.names : {};
  const kind = typeof names.kind === "string" ? names.kind : "";
  return {
    ...crd,
    spec: {
      conversion: { strategy: "None" },
      ...spec,
      names: { singular: kind.toLowerCase(), listKind: `${kind}List`, ...names },
    },
  };
}

function customResourceDefinitionProblems(crd: KubernetesObject): FieldProblem[] {
  const wanted = `${textAt(crd, "spec", "names", "plural")}.${textAt(crd, "spec", "group")}`;
  if (wanted === crd.metadata.name) return [];
  return [invalidValue("metadata.name", crd.metadata.name, 'must be spec.names.plural+"."+spec.group')];
}

const statusKind = (group: string, plural: string, kind: string, shortName: string): ResourceDefinition =>
  defineResource({
    group,
    version: "v1",
    plural,
    kind,
    namespaced: true,
    shortNames: [shortName],
    categories: ["all"],
    status: true,
    generation: true,
    columns: [NAME, AGE],
  });

const rbacKind = (plural: string, kind: string, namespaced: boolean): ResourceDefinition =>
  defineResource({
    group: "rbac.authorization.k8s.io",
    version: "v1",
    plural,
    kind,
    namespaced,
    nameRule: "path-segment",
    createsOnUpdate: true,
    columns: CREATED_AT_COLUMNS,
  });

const core = (plural: string, kind: string, shortNames: readonly string[]) =>
  ({ group: "", version: "v1", plural, kind, namespaced: true, shortNames }) as const;

const CORE_KINDS: readonly ResourceDefinition[] = [
  defineResource({
    ...core("configmaps", "ConfigMap", ["cm"]),
    columns: CONFIG_MAP_COLUMNS,
    decode: decodeConfigMap,
    validate: dataProblems,
  }),
  defineResource({
    ...core("secrets", "Secret", []),
    columns: SECRET_COLUMNS,
    decode: decodeSecret,
    validate: dataProblems,
    fields: { type: (secret) => textAt(secret, "type") },
  }),
  defineResource({ ...core("endpoints", "Endpoints", ["ep"]), createsOnUpdate: true, columns: [NAME, AGE] }),
  defineResource({
    ...core("services", "Service", ["svc"]),
    nameRule: "rfc1035-label",
    createsOnUpdate: true,
    status: true,
    categories: ["all"],
    columns: [NAME, AGE],
  }),
  defineResource({ ...core("serviceaccounts", "ServiceAccount", ["sa"]), columns: [NAME, AGE] }),
  defineResource({
    ...core("pods", "Pod", ["po"]),
    status: true,
    generation: true,
    categories: ["all"],
    columns: POD_COLUMNS,
    complete: completePod,
    returnsDeleted: true,
    fields: {
      "spec.nodeName": (pod) => textAt(pod, "spec", "nodeName"),
      "spec.restartPolicy": (pod) => textAt(pod, "spec", "restartPolicy"),
      "spec.serviceAccountName": (pod) => textAt(pod, "spec", "serviceAccountName"),
      "status.phase": (pod) => textAt(pod, "status", "phase"),
      "status.podIP": (pod) => textAt(pod, "status", "podIP"),
    },
  }),
  defineResource({
    ...core("nodes", "Node", ["no"]),
    namespaced: false,
    status: true,
    columns: [NAME, AGE],
  }),
  defineResource({
    ...core("namespaces", "Namespace", ["ns"]),
    namespaced: false,
    nameRule: "label",
    status: true,
    deletesCollections: false,
    columns: NAMESPACE_COLUMNS,
    complete: completeNamespace,
    fields: { "status.phase": (namespace) => textAt(namespace, "status", "phase") },
  }),
];

const EVENTS = { version: "v1", plural: "events", kind: "Event", namespaced: true, shortNames: ["ev"] } as const;

const EVENT_KINDS: readonly ResourceDefinition[] = [
  defineResource({
    ...EVENTS,
    group: "",
    createsOnUpdate: true,
    collection: "events",
    columns: EVENT_COLUMNS,
    decode: decodeEvent,
    validate: coreEventProblems,
    fields: eventFields("involvedObject"),
  }),
  defineResource({
    ...EVENTS,
    group: "events.k8s.io",
    createsOnUpdate: true,
    collection: "events",
    view: { toStored: toCoreEvent, fromStored: toGroupedEvent },
    columns: EVENT_COLUMNS,
    decode: decodeEvent,
    validate: groupedEventProblems,
    fields: eventFields("regarding"),
  }),
];

export const NAMESPACES = "namespaces";
export const CUSTOM_RESOURCE_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io";

const CLUSTER_KINDS: readonly ResourceDefinition[] = [
  defineResource({
    group: "apiextensions.k8s.io",
    version: "v1",
    plural: "customresourcedefinitions",
    kind: "CustomResourceDefinition",
    namespaced: false,
    shortNames: ["crd", "crds"],
    categories: ["api-extensions"],
    status: true,
    generation: true,
    unconditionalUpdate: false,
    complete: completeCustomResourceDefinition,
    validate: customResourceDefinitionProblems,
    columns: [
      NAME,
      column("Created At", "When it was created.", (crd) => textAt(crd, "metadata", "creationTimestamp")),
    ],
  }),
  rbacKind("clusterroles", "ClusterRole", false),
  rbacKind("clusterrolebindings", "ClusterRoleBinding", false),
  rbacKind("roles", "Role", true),
  rbacKind("rolebindings", "RoleBinding", true),
];

export const BUILTIN_KINDS: readonly ResourceDefinition[] = [
  ...CORE_KINDS,
  ...EVENT_KINDS,
  defineResource({
    group: "coordination.k8s.io",
    version: "v1",
    plural: "leases",
    kind: "Lease",
    namespaced: true,
    createsOnUpdate: true,
    unconditionalUpdate: false,
    columns: LEASE_COLUMNS,
    decode: (body, unknown) => {
      const fields = decodeLease(body, unknown);
      noteUnknown(body, LEASE_FIELDS, "", unknown);
      return fields;
    },
    validate: leaseProblems,
  }),
  statusKind("apps", "deployments", "Deployment", "deploy"),
  statusKind("apps", "statefulsets", "StatefulSet", "sts"),
  statusKind("apps", "replicasets", "ReplicaSet", "rs"),
  ...CLUSTER_KINDS,
];
