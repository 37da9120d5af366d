/**
 * create, update, patch and delete.
 *
 * Promises of this file: a write that is refused changes nothing; a write that changes nothing has no new version and no
 * event; preconditions are looked at before the object's own problems; an object with finalizers goes only when the last is
 * removed; with `dryRun` everything is checked and nothing stored.
 */
import type { KubernetesObject } from "../kube/api.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Randomness } from "../runtime/randomness.ts";
import { decodeWhole, type FieldValidation, type GivenObject } from "./bodies.ts";
import type { Entry } from "./collection.ts";
import { type Fields, isFields } from "./decode.ts";
import { type DeleteOptions, refusePreconditions } from "./deletions.ts";
import { sameJson } from "./equality.ts";
import { timeText } from "./instants.ts";
import { changedMetadataProblems, composeMetadata, creationTimestampOf, newMetadataProblems } from "./metadata.ts";
import { checkNamespace } from "./namespaces.ts";
import {
  alreadyExists,
  badRequest,
  conflict,
  type FieldProblem,
  internal,
  invalid,
  invalidValue,
  modifiedMeanwhile,
  noSuchResource,
  notFound,
} from "./refusal.ts";
import { groupVersionOf, type ResourceDefinition } from "./resources.ts";
import { keyOf, type Target } from "./routes.ts";
import type { Storage } from "./storage.ts";

export interface WriterOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly randomness: Randomness;
}

export interface WriteOptions extends FieldValidation {
  readonly dryRun: boolean;
  /** Who owns which fields of what is stored, as `metadata.managedFields`; left out: nobody. */
  readonly owned?: (previous: KubernetesObject | undefined, next: KubernetesObject) => readonly Fields[];
}

export interface Written {
  readonly entry: Entry;
  readonly created: boolean;
}

/** Letters and digits that cannot be mistaken for one another, as the real server uses for generated names. */
const NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789";
const GENERATED_LETTERS = 5;
const LONGEST_GENERATED_BASE = 58;

export class Writer {
  readonly #options: WriterOptions;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  create(target: Target, body: string, options: WriteOptions): Entry {
    const { resource, namespace } = target;
    const given = decodeWhole(resource, body, options);
    sameNamespace(given, target);
    const { name, generateName } = given.metadata;
    return this.createGiven(target, given, name ?? this.#generate(generateName, resource, namespace), options);
  }

  /** Creates an object that was read already: the second half of a POST, and a PUT or an apply to what is not there. */
  createGiven(target: Target, given: GivenObject, name: string, options: WriteOptions, ignoreVersion = false): Entry {
    const { resource, namespace } = target;
    const { storage, clock, randomness } = this.#options;
    checkNamespace(storage, resource, namespace, name);
    const metadata = composeMetadata(given.metadata, {
      name,
      namespace,
      uid: randomness.uuid(),
      resourceVersion: "",
      generation: resource.generation ? 1 : given.metadata.generation,
      creationTimestamp: timeText(clock.wallMs()),
      deletionTimestamp: undefined,
    });
    const fields = resource.status ? withoutStatus(given.fields) : given.fields;
    const object = withOwners(undefined, resource.complete(compose(resource, metadata, fields)), options);
    refuseProblems(resource, name, [
      ...newMetadataProblems(object.metadata, resource),
      ...resource.validate(object, undefined),
    ]);
    if (given.metadata.resourceVersion !== undefined && !ignoreVersion) {
      throw internal("resourceVersion should not be set on objects to be created");
    }
    const key = keyOf(namespace, name);
    const existing = storage.collection(resource.collection).get(key)?.object.metadata;
    if (existing !== undefined) throw alreadyExists(resource, name, existing.deletionTimestamp !== undefined);
    return options.dryRun ? unstored(key, object) : storage.put(resource.collection, key, object);
  }

  update(target: Target, body: string, options: WriteOptions): Written {
    const { resource, namespace, name = "" } = target;
    const given = decodeWhole(resource, body, options);
    sameNamespace(given, target);
    sameName(given, name);
    const previous = this.find(target);
    const { uid } = given.metadata;
    if (uid !== undefined && uid !== (previous?.object.metadata.uid ?? "")) {
      throw conflict(resource, name, uidMismatch(resource, keyOf(namespace, name), uid, previous));
    }
    if (previous === undefined) {
      if (!resource.createsOnUpdate || target.subresource !== undefined) throw notFound(resource, name);
      return { entry: this.createGiven(target, given, name, options, true), created: true };
    }
    checkVersion(resource, given, previous);
    return { entry: this.replace(target, previous, given, options), created: false };
  }

  /** Replaces `previous` by what was given; the preconditions hold already. */
  replace(target: Target, previous: Entry, given: GivenObject, options: WriteOptions): Entry {
    const { resource, name = "" } = target;
    const { storage } = this.#options;
    const changed =
      target.subresource === "status" ? statusOf(previous, given) : this.#changed(resource, previous, given);
    const next = withOwners(previous.object, changed, options);
    refuseProblems(resource, name, [
      ...changedMetadataProblems(given.metadata, next.metadata, previous.object.metadata, resource.custom),
      ...resource.validate(next, previous.object),
    ]);
    const { deletionTimestamp, finalizers = [] } = next.metadata;
    if (deletionTimestamp !== undefined && finalizers.length === 0 && !options.dryRun) {
      if (!keepsFinalizers(next)) {
        storage.remove(resource.collection, previous.key);
        return unstored(previous.key, next);
      }
    }
    if (sameJson(previous.object, next)) return previous;
    return options.dryRun ? unstored(previous.key, next) : storage.put(resource.collection, previous.key, next);
  }

  /** Deletes one object. Says whether it is gone, and its last state if it is not. */
  delete(target: Target, options: DeleteOptions): { readonly entry: Entry; readonly gone: boolean } {
    const { resource, name = "" } = target;
    const { storage, clock } = this.#options;
    const previous = this.find(target);
    if (previous === undefined) throw notFound(resource, name);
    refusePreconditions(resource, previous, options.preconditions);
    const { object } = previous;
    const finalizers = [...(object.metadata.finalizers ?? []), ...options.finalizers];
    const isNamespace = keepsFinalizers(object);
    if (finalizers.length === 0 && !isNamespace) {
      if (!options.dryRun) storage.remove(resource.collection, previous.key);
      return { entry: previous, gone: true };
    }
    if (object.metadata.deletionTimestamp !== undefined || options.dryRun) return { entry: previous, gone: false };
    const metadata = {
      ...object.metadata,
      deletionTimestamp: timeText(clock.wallMs()),
      ...(isNamespace ? {} : { deletionGracePeriodSeconds: 0 }),
      ...(finalizers.length === 0 ? {} : { finalizers: [...new Set(finalizers)] }),
    };
    const status = isNamespace ? { status: { phase: "Terminating" } } : {};
    const entry = storage.put(resource.collection, previous.key, { ...object, metadata, ...status });
    return { entry, gone: false };
  }

  /** The object that a request names, or nothing; refuses a subresource that the kind does not have. */
  find(target: Target): Entry | undefined {
    const { resource, namespace, name = "", subresource } = target;
    if (subresource !== undefined && !(subresource === "status" && resource.status)) throw noSuchResource();
    return this.#options.storage.collection(resource.collection).get(keyOf(namespace, name));
  }

  #changed(resource: ResourceDefinition, previous: Entry, given: GivenObject): KubernetesObject {
    const before = previous.object;
    const fields = resource.status ? { ...withoutStatus(given.fields), ...statusField(before) } : given.fields;
    const metadata = composeMetadata(given.metadata, {
      name: before.metadata.name,
      namespace: before.metadata.namespace,
      uid: before.metadata.uid ?? "",
      resourceVersion: before.metadata.resourceVersion ?? "",
      generation: before.metadata.generation,
      creationTimestamp: creationTimestampOf(before),
      deletionTimestamp: before.metadata.deletionTimestamp,
    });
    const next = compose(resource, metadata, fields);
    if (!resource.generation || sameJson({ ...before, metadata: undefined }, { ...next, metadata: undefined }))
      return next;
    return { ...next, metadata: { ...metadata, generation: (before.metadata.generation ?? 0) + 1 } };
  }

  #generate(base: string | undefined, resource: ResourceDefinition, namespace: string | undefined): string {
    if (base === undefined) return "";
    const { storage, randomness } = this.#options;
    const letter = (): string => NAME_LETTERS[Math.floor(randomness.next() * NAME_LETTERS.length)] ?? "b";
    const collection = storage.collection(resource.collection);
    for (;;) {
      const name = base.slice(0, LONGEST_GENERATED_BASE) + Array.from({ length: GENERATED_LETTERS }, letter).join("");
      if (collection.get(keyOf(namespace, name)) === undefined) return name;
    }
  }
}

function compose(
  resource: ResourceDefinition,
  metadata: KubernetesObject["metadata"],
  fields: Fields,
): KubernetesObject {
  // Views are stored under the version of the core group.
  const apiVersion = resource.view === undefined ? groupVersionOf(resource) : resource.version;
  return { kind: resource.kind, apiVersion, metadata, ...fields };
}

/** The object with its owners, which are the last of its metadata. */
function withOwners(
  previous: KubernetesObject | undefined,
  next: KubernetesObject,
  { owned }: WriteOptions,
): KubernetesObject {
  const managedFields = owned?.(previous, next) ?? [];
  const { managedFields: before, ...metadata } = next.metadata;
  if (managedFields.length === 0 && before === undefined) return next;
  return { ...next, metadata: managedFields.length === 0 ? metadata : { ...metadata, managedFields } };
}

function withoutStatus(fields: Fields): Fields {
  const { status: _, ...rest } = fields;
  return rest;
}

const statusField = (object: KubernetesObject): Fields =>
  object.status === undefined ? {} : { status: object.status };

/** The previous object with the status that was given, and nothing else of it. */
function statusOf(previous: Entry, given: GivenObject): KubernetesObject {
  const { status: _, ...rest } = previous.object;
  return {
    ...rest,
    metadata: previous.object.metadata,
    ...(given.fields.status === undefined ? {} : { status: given.fields.status }),
  };
}

/** A Namespace has finalizers of its own, in its spec, until its contents are gone. */
function keepsFinalizers(object: KubernetesObject): boolean {
  if (object.kind !== "Namespace" || !isFields(object.spec)) return false;
  const { finalizers } = object.spec;
  return Array.isArray(finalizers) && finalizers.length > 0;
}

const unstored = (key: string, object: KubernetesObject): Entry => {
  const { resourceVersion, ...unversioned } = object.metadata;
  const shown: KubernetesObject = { ...object, metadata: resourceVersion === "" ? unversioned : object.metadata };
  return { key, object: shown, json: JSON.stringify(shown), revision: 0 };
};

function refuseProblems(resource: ResourceDefinition, name: string, problems: readonly FieldProblem[]): void {
  // The real server validates the stored form, whose kind is of the core group for every view of an Event.
  const group = resource.view === undefined ? resource.group : "";
  if (problems.length > 0) throw invalid(group, resource.kind, name, problems);
}

export function sameNamespace(given: GivenObject, target: Target): void {
  const { namespace } = given.metadata;
  if (namespace !== undefined && namespace !== target.namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
}

export function sameName(given: GivenObject, name: string): void {
  if (given.metadata.name === undefined) {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  if (given.metadata.name !== name) {
    throw badRequest(`the name of the object (${given.metadata.name}) does not match the name on the URL (${name})`);
  }
}

function checkVersion(resource: ResourceDefinition, given: GivenObject, previous: Entry): void {
  const { resourceVersion } = given.metadata;
  const { name } = previous.object.metadata;
  if (resourceVersion === undefined || resourceVersion === "0") {
    if (resource.unconditionalUpdate) return;
    const problem = invalidValue("metadata.resourceVersion", 0, "must be specified for an update");
    throw invalid(resource.group, resource.plural, name, [problem]);
  }
  if (!/^\d+$/.test(resourceVersion)) {
    throw internal(`strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: invalid syntax`);
  }
  if (resourceVersion !== previous.object.metadata.resourceVersion) throw modifiedMeanwhile(resource, name);
}

function uidMismatch(resource: ResourceDefinition, key: string, uid: string, previous: Entry | undefined): string {
  return (
    `StorageError: invalid object, Code: 4, Key: /registry/${resource.plural}/${key}, ResourceVersion: 0, AdditionalErrorMsg:` +
    ` Precondition failed: UID in precondition: ${uid}, UID in object meta: ${previous?.object.metadata.uid ?? ""}`
  );
}
