/**
 * The objects of one stored resource, and the recent history of their changes.
 *
 * Promises of this file: an entry never changes once stored; `keys` is always sorted as etcd sorts its keys; every change
 * with a revision above `floor` is in the history, so that any state down to `floor` can be rebuilt, and nothing below it
 * is ever answered from what is left.
 */
import type { KubernetesObject } from "../kube/api.ts";

/** One version of one object: parsed, frozen, and serialised once for every answer and watch line. */
export interface Entry {
  /** `namespace/name`, or the name alone for objects of the cluster. */
  readonly key: string;
  readonly object: KubernetesObject;
  readonly json: string;
  readonly revision: number;
}

export type ChangeType = "ADDED" | "MODIFIED" | "DELETED";

/** One change of one object. For a deletion `entry` is its last state with the revision of the deletion. */
export class Change {
  readonly type: ChangeType;
  readonly entry: Entry;
  readonly previous: Entry | undefined;
  /** The first form asked for is nearly always the only one: it has a place of its own. */
  #firstKey: string | undefined;
  #firstLine = "";
  #otherLines: Map<string, string> | undefined;

  constructor(type: ChangeType, entry: Entry, previous: Entry | undefined) {
    this.type = type;
    this.entry = entry;
    this.previous = previous;
  }

  get revision(): number {
    return this.entry.revision;
  }

  /** The watch line that `key` stands for, made once however many watchers share it. */
  line(key: string, make: () => string): string {
    if (this.#firstKey === key) return this.#firstLine;
    if (this.#firstKey === undefined) {
      this.#firstKey = key;
      this.#firstLine = make();
      return this.#firstLine;
    }
    this.#otherLines ??= new Map();
    let line = this.#otherLines.get(key);
    if (line === undefined) {
      line = make();
      this.#otherLines.set(key, line);
    }
    return line;
  }
}

export interface CollectionState {
  readonly entries: readonly Entry[];
  readonly changes: readonly Change[];
  readonly floor: number;
}

export class Collection {
  readonly #entries = new Map<string, Entry>();
  readonly #keys: string[] = [];
  readonly #historyLimit: number;
  #changes: Change[] = [];
  #floor = 0;

  constructor(historyLimit: number) {
    this.#historyLimit = historyLimit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Changes up to this revision are forgotten. */
  get floor(): number {
    return this.#floor;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Applies a change whose revision is above every earlier one. */
  apply(change: Change): void {
    const { key } = change.entry;
    if (change.type === "DELETED") {
      this.#entries.delete(key);
      this.#keys.splice(this.#position(key), 1);
    } else {
      if (change.type === "ADDED") this.#keys.splice(this.#position(key), 0, key);
      this.#entries.set(key, change.entry);
    }
    this.#changes.push(change);
    // Trimming in large steps keeps the cost of a change constant.
    if (this.#changes.length > 2 * this.#historyLimit) this.#forget(this.#changes.length - this.#historyLimit);
  }

  /** The entries whose key starts with `prefix`, in order. */
  scan(prefix: string): Entry[] {
    const found: Entry[] = [];
    for (let index = this.#position(prefix); index < this.#keys.length; index += 1) {
      const key = this.#keys[index] ?? "";
      if (!key.startsWith(prefix)) break;
      const entry = this.#entries.get(key);
      if (entry !== undefined) found.push(entry);
    }
    return found;
  }

  /** The entries as they were at `revision`, or nothing when that is below the floor. */
  scanAt(revision: number, prefix: string): Entry[] | undefined {
    if (revision < this.#floor) return undefined;
    const first = this.#indexAfter(revision);
    if (first === this.#changes.length) return this.scan(prefix);
    const states = new Map(this.scan(prefix).map((entry) => [entry.key, entry]));
    for (let index = this.#changes.length - 1; index >= first; index -= 1) {
      const change = this.#changes[index];
      if (change === undefined || !change.entry.key.startsWith(prefix)) continue;
      if (change.previous === undefined) states.delete(change.entry.key);
      else states.set(change.entry.key, change.previous);
    }
    return [...states.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Every change after `revision`, or nothing when some of them are forgotten. */
  changesAfter(revision: number): readonly Change[] | undefined {
    return revision < this.#floor ? undefined : this.#changes.slice(this.#indexAfter(revision));
  }

  /** Forgets the changes up to and including `revision`. */
  compact(revision: number): void {
    this.#forget(this.#indexAfter(revision));
    this.#floor = Math.max(this.#floor, revision);
  }

  save(): CollectionState {
    return { entries: [...this.#entries.values()], changes: [...this.#changes], floor: this.#floor };
  }

  restore(state: CollectionState): void {
    this.#entries.clear();
    for (const entry of state.entries) this.#entries.set(entry.key, entry);
    this.#keys.splice(0, this.#keys.length, ...[...this.#entries.keys()].sort());
    this.#changes = [...state.changes];
    this.#floor = state.floor;
  }

  #forget(count: number): void {
    const last = this.#changes[count - 1];
    if (last === undefined) return;
    this.#changes = this.#changes.slice(count);
    this.#floor = Math.max(this.#floor, last.revision);
  }

  /** Where `key` is, or would be, among the sorted keys. */
  #position(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? "") < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #indexAfter(revision: number): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
