/** Metadata of an object: what is read from a body, what the server itself keeps, and what it refuses. */
import type { KubernetesObject, ObjectMetadata } from "../kube/api.ts";
import {
  type Fields,
  isFields,
  noteUnknown,
  objectField,
  objectListField,
  stringField,
  stringListField,
  stringMapField,
} from "./decode.ts";
import { timeField } from "./instants.ts";
import {
  annotationProblems,
  finalizerProblems,
  labelProblems,
  type NameRule,
  nameProblems,
  prefixProblems,
} from "./names.ts";
import { type FieldProblem, forbiddenValue, invalidValue, requiredValue } from "./refusal.ts";

/** Metadata as a body gave it: every field may be absent. */
export interface GivenMetadata {
  readonly name: string | undefined;
  readonly generateName: string | undefined;
  readonly namespace: string | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly creationTimestamp: string | undefined;
  readonly generation: number | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly ownerReferences: readonly Fields[] | undefined;
  readonly finalizers: readonly string[] | undefined;
}

const KNOWN = new Set([
  "name",
  "generateName",
  "namespace",
  "selfLink",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "labels",
  "annotations",
  "ownerReferences",
  "finalizers",
  "managedFields",
]);

const site = (field: string) => ({ struct: "ObjectMeta", path: `metadata.${field}` });

const text = (fields: Fields, field: string): string | undefined => {
  const value = fields[field];
  return value === undefined ? undefined : stringField(value, site(field)) || undefined;
};

export function decodeMetadata(body: Fields, unknown: string[]): GivenMetadata {
  const fields: Fields = isFields(body.metadata)
    ? body.metadata
    : (objectField(body.metadata, { struct: "", path: "metadata" }, "v1.ObjectMeta") ?? {});
  noteUnknown(fields, KNOWN, "metadata.", unknown);
  return {
    name: text(fields, "name"),
    generateName: text(fields, "generateName"),
    namespace: text(fields, "namespace"),
    uid: text(fields, "uid"),
    resourceVersion: text(fields, "resourceVersion"),
    creationTimestamp: timeField(fields.creationTimestamp, site("creationTimestamp")),
    generation: typeof fields.generation === "number" && fields.generation !== 0 ? fields.generation : undefined,
    labels: stringMapField(fields.labels, site("labels")),
    annotations: stringMapField(fields.annotations, site("annotations")),
    ownerReferences: objectListField(fields.ownerReferences, site("ownerReferences"), "[]v1.OwnerReference"),
    finalizers: stringListField(fields.finalizers, site("finalizers")),
  };
}

/** What the server itself decides about an object. */
export interface KeptMetadata {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number | undefined;
  readonly creationTimestamp: string;
  readonly deletionTimestamp: string | undefined;
}

/** Metadata as it is stored and served, in the order in which the real server writes it. */
export function composeMetadata(given: GivenMetadata, kept: KeptMetadata): ObjectMetadata {
  return {
    name: kept.name,
    ...(given.generateName === undefined ? {} : { generateName: given.generateName }),
    ...(kept.namespace === undefined ? {} : { namespace: kept.namespace }),
    uid: kept.uid,
    resourceVersion: kept.resourceVersion,
    ...(kept.generation === undefined ? {} : { generation: kept.generation }),
    creationTimestamp: kept.creationTimestamp,
    ...(kept.deletionTimestamp === undefined
      ? {}
      : { deletionTimestamp: kept.deletionTimestamp, deletionGracePeriodSeconds: 0 }),
    ...(given.labels === undefined ? {} : { labels: given.labels }),
    ...(given.annotations === undefined ? {} : { annotations: given.annotations }),
    ...(given.ownerReferences === undefined ? {} : { ownerReferences: given.ownerReferences }),
    ...(given.finalizers === undefined ? {} : { finalizers: given.finalizers }),
  };
}

export const creationTimestampOf = (object: KubernetesObject): string => {
  const { creationTimestamp } = object.metadata;
  return typeof creationTimestamp === "string" ? creationTimestamp : "";
};

/** Problems of a new object's metadata. */
export function newMetadataProblems(
  metadata: ObjectMetadata,
  { nameRule, custom }: { readonly nameRule: NameRule; readonly custom: boolean },
): FieldProblem[] {
  const { name, generateName } = metadata;
  if (name === "") return [requiredValue("metadata.name", "name or generateName is required")];
  return [
    ...(typeof generateName === "string" ? prefixProblems("metadata.generateName", generateName, nameRule) : []),
    ...nameProblems("metadata.name", name, nameRule),
    ...sharedProblems(metadata, undefined, custom),
  ];
}

/** Problems of a changed object's metadata; a uid that is given must be the object's. */
export function changedMetadataProblems(
  given: GivenMetadata,
  metadata: ObjectMetadata,
  previous: ObjectMetadata,
  custom: boolean,
): FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (given.uid !== undefined && given.uid !== previous.uid) {
    problems.push(invalidValue("metadata.uid", given.uid, "field is immutable"));
  }
  if (metadata.deletionTimestamp !== undefined) {
    const before = new Set(previous.finalizers ?? []);
    const added = (metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer));
    if (added.length > 0) {
      const list = added.map((finalizer) => JSON.stringify(finalizer)).join(", ");
      const because = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
      problems.push(forbiddenValue("metadata.finalizers", because));
    }
  }
  return [...problems, ...sharedProblems(metadata, previous, custom)];
}

/** Maps that the previous version already had were looked at when they came in. */
function sharedProblems(
  metadata: ObjectMetadata,
  previous: ObjectMetadata | undefined,
  custom: boolean,
): FieldProblem[] {
  const { labels, annotations, finalizers } = metadata;
  return [
    ...(labels === undefined || sameMap(labels, previous?.labels) ? [] : labelProblems(labels)),
    ...(annotations === undefined || sameMap(annotations, previous?.annotations)
      ? []
      : annotationProblems(annotations)),
    ...ownerProblems(metadata.ownerReferences),
    ...(finalizers === undefined ? [] : finalizerProblems(finalizers, custom)),
  ];
}

function sameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>> | undefined): boolean {
  if (b === undefined) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function ownerProblems(owners: unknown): FieldProblem[] {
  if (!Array.isArray(owners)) return [];
  return owners.filter(isFields).flatMap((owner) => {
    const problems: FieldProblem[] = [];
    const field = "metadata.ownerReferences";
    if (!owner.apiVersion) problems.push(invalidValue(`${field}.apiVersion`, "", "version must not be empty"));
    if (!owner.kind) problems.push(invalidValue(`${field}.kind`, "", "must not be empty"));
    if (!owner.name) problems.push(invalidValue(`${field}.name`, "", "must not be empty"));
    if (!owner.uid) problems.push(invalidValue(`${field}.uid`, "", "must not be empty"));
    return problems;
  });
}
