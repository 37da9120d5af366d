import type { FeedEvent, KubernetesObject } from "../kube/api.ts";
import { compareResourceVersions, requireResourceVersion } from "../kube/resource-version.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { keyOf } from "./key.ts";

/** Which bucket a key belongs to; a key map. */
export interface Buckets {
  readonly count: number;
  bucketOf(key: string): number;
}

interface Entry {
  readonly bucket: number;
  readonly object: KubernetesObject;
  /** As the server sent it: a transform may have dropped it from the object. */
  readonly resourceVersion: string;
}

/** An object before and after an event, as the cache keeps it; `undefined` where there was or is none. */
export interface Change {
  readonly before: KubernetesObject | undefined;
  readonly after: KubernetesObject | undefined;
}

/** A key that is to be looked at because of an event. */
export interface FreshKey extends Change {
  readonly bucket: number;
  readonly key: string;
}

/**
 * What one feed has said, as the objects are now. No I/O.
 *
 * Promises: an object never goes back to an older resourceVersion, neither by an event nor by a snapshot; a snapshot that is
 * older than what the feed already said is refused, because then the API server's data went back; a key's bucket is
 * computed once while it is known; the keys of a bucket are found without looking at others.
 */
export class FeedCache {
  readonly #buckets: Buckets;
  readonly #transform: (object: KubernetesObject) => KubernetesObject;
  readonly #entries = new Map<string, Entry>();
  readonly #keys: Set<string>[];
  /** The newest resourceVersion that the feed has named. */
  #position = "0";

  constructor(buckets: Buckets, transform: (object: KubernetesObject) => KubernetesObject) {
    this.#buckets = buckets;
    this.#transform = transform;
    this.#keys = Array.from({ length: buckets.count }, () => new Set());
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): KubernetesObject | undefined {
    return this.#entries.get(key)?.object;
  }

  keysOf(bucket: number): ReadonlySet<string> {
    const keys = this.#keys[bucket];
    if (keys === undefined)
      throw new ElectorateError("misuse", `there is no bucket ${bucket}, only 0 to ${this.#buckets.count - 1}`);
    return keys;
  }

  /**
   * Takes an event in and says which keys it made fresh. Throws `malformed-answer` for a resourceVersion without order, and
   * `api-server-restored` for a snapshot from the past.
   */
  apply(event: FeedEvent): readonly FreshKey[] {
    switch (event.type) {
      case "snapshot":
        return this.#replace(event.objects, event.resourceVersion);
      case "changed":
        return this.#change(event.object);
      case "deleted":
        return this.#delete(event.object);
      case "bookmark":
        this.#advance(event.resourceVersion);
        return [];
    }
  }

  #replace(objects: readonly KubernetesObject[], resourceVersion: string): readonly FreshKey[] {
    if (compareResourceVersions(resourceVersion, this.#position) < 0) {
      throw new ElectorateError(
        "api-server-restored",
        `a list at resourceVersion ${resourceVersion} came after version ${this.#position} was known: the API server's data went back in time`,
      );
    }
    this.#position = resourceVersion;
    const fresh: FreshKey[] = [];
    const listed = new Set<string>();
    for (const object of objects) {
      listed.add(keyOf(object));
      fresh.push(...this.#change(object));
    }
    for (const [key, entry] of this.#entries) if (!listed.has(key)) fresh.push(this.#remove(key, entry));
    return fresh;
  }

  #change(object: KubernetesObject): readonly FreshKey[] {
    const { resourceVersion } = object.metadata;
    requireResourceVersion(resourceVersion);
    this.#advance(resourceVersion);
    const key = keyOf(object);
    const known = this.#entries.get(key);
    if (known !== undefined && compareResourceVersions(resourceVersion, known.resourceVersion) <= 0) return [];
    const bucket = known?.bucket ?? this.#buckets.bucketOf(key);
    const after = this.#transform(object);
    this.#entries.set(key, { bucket, object: after, resourceVersion });
    if (known === undefined) this.#keys[bucket]?.add(key);
    return [{ bucket, key, before: known?.object, after }];
  }

  #delete(object: KubernetesObject): readonly FreshKey[] {
    const { resourceVersion } = object.metadata;
    requireResourceVersion(resourceVersion);
    this.#advance(resourceVersion);
    const key = keyOf(object);
    const known = this.#entries.get(key);
    // An equal version is taken for the deletion of that very state: some servers do not give a deletion a version of its own.
    if (known === undefined || compareResourceVersions(resourceVersion, known.resourceVersion) < 0) return [];
    return [this.#remove(key, known)];
  }

  #remove(key: string, { bucket, object }: Entry): FreshKey {
    this.#entries.delete(key);
    this.#keys[bucket]?.delete(key);
    return { bucket, key, before: object, after: undefined };
  }

  #advance(resourceVersion: string): void {
    if (compareResourceVersions(resourceVersion, this.#position) > 0) this.#position = resourceVersion;
  }
}
