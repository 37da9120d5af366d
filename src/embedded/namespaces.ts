/**
 * Namespaces: objects are made only in those that exist, and a deleted one goes with its contents.
 *
 * On a real cluster the namespace controller removes the contents; here the server does it itself, a little later, so that
 * a client sees the same `Terminating` phase.
 */
import type { Clock, Timer } from "../runtime/clock.ts";
import { NAMESPACES } from "./builtin-kinds.ts";
import type { Change } from "./collection.ts";
import { timeText } from "./instants.ts";
import { forbidden, type Named, notFound } from "./refusal.ts";
import type { ResourceDefinition } from "./resources.ts";
import type { Storage } from "./storage.ts";

const NAMESPACE: Named = { group: "", plural: NAMESPACES, kind: "Namespace" };
/** Cannot be deleted. */
const IMMORTAL = new Set(["default", "kube-system", "kube-public"]);
const REMOVAL_DELAY_MS = 1_000;

/** Refuses to create an object in a namespace that is missing, or on its way out. */
export function checkNamespace(
  storage: Storage,
  resource: ResourceDefinition,
  namespace: string | undefined,
  name: string,
): void {
  if (namespace === undefined) return;
  const entry = storage.collection(NAMESPACES).get(namespace);
  if (entry === undefined) throw notFound(NAMESPACE, namespace);
  if (entry.object.metadata.deletionTimestamp === undefined) return;
  const because = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const message = `namespace ${namespace} is being terminated`;
  throw forbidden(resource, name, because, [{ reason: "NamespaceTerminating", message, field: "metadata.namespace" }]);
}

export function refuseImmortal(resource: ResourceDefinition, name: string): void {
  if (resource.collection !== NAMESPACES || !IMMORTAL.has(name)) return;
  throw forbidden(resource, name, "this namespace may not be deleted");
}

/** Empties and then removes each Namespace that was deleted. */
export class NamespaceRemoval {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #pending = new Map<string, Timer>();

  constructor(storage: Storage, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
    storage.listen(NAMESPACES, (change) => this.#changed(change));
  }

  close(): void {
    for (const timer of this.#pending.values()) timer.cancel();
    this.#pending.clear();
  }

  #changed(change: Change): void {
    const { name, deletionTimestamp } = change.entry.object.metadata;
    if (change.type !== "DELETED" && deletionTimestamp !== undefined) this.#schedule(name);
  }

  #schedule(name: string): void {
    if (this.#pending.has(name)) return;
    const timer = this.#clock.timer(REMOVAL_DELAY_MS, () => {
      this.#pending.delete(name);
      this.#remove(name);
    });
    this.#pending.set(name, timer);
  }

  #remove(name: string): void {
    let left = 0;
    for (const [collectionName, collection] of this.#storage.collections()) {
      for (const { key, object } of collection.scan(`${name}/`)) {
        const { metadata } = object;
        if ((metadata.finalizers ?? []).length === 0) this.#storage.remove(collectionName, key);
        else {
          left += 1;
          if (metadata.deletionTimestamp !== undefined) continue;
          const deletionTimestamp = timeText(this.#clock.wallMs());
          const deleting = { ...metadata, deletionTimestamp, deletionGracePeriodSeconds: 0 };
          this.#storage.put(collectionName, key, { ...object, metadata: deleting });
        }
      }
    }
    if (left === 0) this.#storage.remove(NAMESPACES, name);
    else this.#schedule(name);
  }
}
