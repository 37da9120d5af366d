/**
 * The options of a deletion, and what the garbage collector of a real cluster does after one.
 *
 * A foreground deletion waits for its dependents, an orphaning one until they are let go: a finalizer holds the object until
 * the collector has done so. Here the server takes the finalizer away itself, a little later, and leaves dependents alone.
 */
import type { Clock, Timer } from "../runtime/clock.ts";
import type { Entry } from "./collection.ts";
import { type Fields, isFields, shownValue } from "./decode.ts";
import { badRequest, deletionConflict, invalidOptions, invalidValue, type Named, unsupportedValue } from "./refusal.ts";
import type { Storage } from "./storage.ts";

/** What must be true of an object for it to be deleted. */
export interface Preconditions {
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

export interface DeleteOptions {
  readonly preconditions: Preconditions;
  /** Finalizers of the propagation policy, which the deletion adds. */
  readonly finalizers: readonly string[];
  readonly dryRun: boolean;
}

const FINALIZERS: Readonly<Record<string, readonly string[]>> = {
  Foreground: ["foregroundDeletion"],
  Background: [],
  Orphan: ["orphan"],
};
const COLLECTION_DELAY_MS = 1_000;

function parse(body: string): Fields {
  if (body === "") return {};
  try {
    const parsed: unknown = JSON.parse(body);
    if (isFields(parsed)) return parsed;
  } catch {
    // Refused below, like any other body that is no object.
  }
  throw badRequest("couldn't get version/kind; json parse error: the body is not a JSON object");
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** The options in the body of a DELETE, and those in its query. */
export function parseDeleteOptions(body: string, query: Readonly<Record<string, string>>): DeleteOptions {
  const options = parse(body);
  const policy = options.propagationPolicy ?? query.propagationPolicy ?? "Background";
  const finalizers = FINALIZERS[shownValue(policy)];
  if (finalizers === undefined) {
    const supported = [...Object.keys(FINALIZERS), "nil"];
    throw invalidOptions("DeleteOptions", [unsupportedValue("propagationPolicy", policy, supported)]);
  }
  const orphan = options.orphanDependents ?? query.orphanDependents;
  if (orphan !== undefined && orphan !== null && (options.propagationPolicy ?? query.propagationPolicy) !== undefined) {
    const because = "orphanDependents and deletionPropagation cannot be both set";
    throw invalidOptions("DeleteOptions", [invalidValue("propagationPolicy", policy, because)]);
  }
  const given = isFields(options.preconditions) ? options.preconditions : {};
  const preconditions = { uid: textOf(given.uid), resourceVersion: textOf(given.resourceVersion) };
  const dryRun = Array.isArray(options.dryRun) ? options.dryRun.includes("All") : query.dryRun === "All";
  return { preconditions, finalizers, dryRun };
}

export function refusePreconditions(resource: Named, entry: Entry, preconditions: Preconditions): void {
  const { name, uid, resourceVersion } = entry.object.metadata;
  if (preconditions.uid !== undefined && preconditions.uid !== uid) {
    throw deletionConflict(
      resource,
      name,
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid ?? ""}).` +
        " The object might have been deleted and then recreated",
    );
  }
  if (preconditions.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    throw deletionConflict(
      resource,
      name,
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in` +
        ` record (${resourceVersion ?? ""}). The object might have been modified`,
    );
  }
}

/** Takes the finalizers of propagation policies away again, and with the last one the object. */
export class DependentsCollector {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #pending = new Set<Timer>();

  constructor(storage: Storage, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /** `entry` was deleted with a policy that holds it. */
  schedule(collection: string, { key, object }: Entry): void {
    const timer = this.#clock.timer(COLLECTION_DELAY_MS, () => {
      this.#pending.delete(timer);
      this.#collect(collection, key, object.metadata.uid);
    });
    this.#pending.add(timer);
  }

  close(): void {
    for (const timer of this.#pending) timer.cancel();
    this.#pending.clear();
  }

  #collect(collection: string, key: string, uid: string | undefined): void {
    const object = this.#storage.collection(collection).get(key)?.object;
    if (object === undefined || object.metadata.uid !== uid) return;
    const ours = new Set(Object.values(FINALIZERS).flat());
    const finalizers = (object.metadata.finalizers ?? []).filter((finalizer) => !ours.has(finalizer));
    if (finalizers.length === 0) this.#storage.remove(collection, key);
    else this.#storage.put(collection, key, { ...object, metadata: { ...object.metadata, finalizers } });
  }
}
