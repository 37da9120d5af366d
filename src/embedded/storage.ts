/**
 * All collections under one growing revision, as etcd has it.
 *
 * Promises of this file: every write takes the next revision, over all kinds; listeners hear changes in the order of their
 * revisions, even when a listener writes; after `restore` the revision is what it was, as after a restore of etcd.
 */
import type { KubernetesObject } from "../kube/api.ts";
import { Change, type ChangeType, Collection, type CollectionState, type Entry } from "./collection.ts";

export type ChangeListener = (change: Change) => void;

/** What a backup of the data holds. */
export interface StorageState {
  readonly revision: number;
  readonly collections: ReadonlyMap<string, CollectionState>;
}

/** An object that is ready to be stored but for its resourceVersion. */
export type Unversioned = KubernetesObject;

export class Storage {
  readonly #historyLimit: number;
  readonly #collections = new Map<string, Collection>();
  readonly #listeners = new Map<string, Set<ChangeListener>>();
  readonly #announcements: { readonly name: string; readonly change: Change }[] = [];
  #announcing = false;
  #revision = 0;

  constructor(historyLimit: number) {
    this.#historyLimit = historyLimit;
  }

  get revision(): number {
    return this.#revision;
  }

  collection(name: string): Collection {
    let collection = this.#collections.get(name);
    if (collection === undefined) {
      collection = new Collection(this.#historyLimit);
      this.#collections.set(name, collection);
    }
    return collection;
  }

  collections(): IterableIterator<readonly [string, Collection]> {
    return this.#collections.entries();
  }

  /** Stores the next version of an object. `object` becomes the storage's own and is frozen. */
  put(name: string, key: string, object: Unversioned): Entry {
    const previous = this.collection(name).get(key);
    return this.#commit(name, previous === undefined ? "ADDED" : "MODIFIED", key, object, previous);
  }

  /** Removes an object. The deletion has a revision of its own, which its last state carries. */
  remove(name: string, key: string): Entry | undefined {
    const previous = this.collection(name).get(key);
    return previous === undefined ? undefined : this.#commit(name, "DELETED", key, previous.object, previous);
  }

  /** Forgets the history up to `revision` in every collection. */
  compact(revision: number): void {
    for (const collection of this.#collections.values()) collection.compact(Math.min(revision, this.#revision));
  }

  listen(name: string, listener: ChangeListener): () => void {
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(name, listeners);
    }
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  save(): StorageState {
    const states = [...this.#collections].map(([name, collection]) => [name, collection.save()] as const);
    return { revision: this.#revision, collections: new Map(states) };
  }

  restore(state: StorageState): void {
    this.#revision = state.revision;
    for (const [name, collection] of this.#collections) {
      collection.restore(state.collections.get(name) ?? { entries: [], changes: [], floor: 0 });
    }
  }

  #commit(name: string, type: ChangeType, key: string, object: Unversioned, previous: Entry | undefined): Entry {
    this.#revision += 1;
    const versioned = withRevision(object, this.#revision);
    const entry: Entry = { key, object: versioned, json: JSON.stringify(versioned), revision: this.#revision };
    const change = new Change(type, entry, previous);
    this.collection(name).apply(change);
    this.#announce(name, change);
    return entry;
  }

  #announce(name: string, change: Change): void {
    if ((this.#listeners.get(name)?.size ?? 0) === 0) return;
    this.#announcements.push({ name, change });
    if (this.#announcing) return;
    this.#announcing = true;
    try {
      for (let next = this.#announcements.shift(); next !== undefined; next = this.#announcements.shift()) {
        for (const listener of this.#listeners.get(next.name) ?? []) listener(next.change);
      }
    } finally {
      this.#announcing = false;
    }
  }
}

/** The object with its resourceVersion, deeply frozen: readers share it. */
export function withRevision(object: KubernetesObject, revision: number): KubernetesObject {
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  return deepFreeze({ ...object, metadata });
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const part of Object.values(value)) {
    if (typeof part === "object" && part !== null && !Object.isFrozen(part)) deepFreeze(part);
  }
  return Object.freeze(value);
}
