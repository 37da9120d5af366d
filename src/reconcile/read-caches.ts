import type { ApiResource, KubernetesObject, ObjectMetadata } from "../kube/api.ts";
import type { ListQuery } from "./client-contract.ts";
import { keyOf } from "./key.ts";
import type { Source } from "./source.ts";

/** What a replica watches of one resource, as reads use it. */
export interface ReadCache {
  readonly resource: ApiResource;
  readonly source: Pick<Source, "synced" | "objectOf" | "keysOf">;
  /** How many buckets the source keeps its keys in. */
  readonly buckets: number;
  /** All when left out or empty. */
  readonly namespaces?: readonly string[] | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** False where the cache keeps less than the API server sent: what it has then must not be taken for the object. */
  readonly isWhole: boolean;
}

/**
 * The read caches of a replica, by resource. An object that a cache lacks may be there all the same - outside its selectors, or a moment ago - so
 * that only the API server says what does not exist.
 */
export class ReadCaches {
  readonly #caches: ReadCache[] = [];

  add(cache: ReadCache): void {
    this.#caches.push(cache);
  }

  /** The object, as far as it may be taken for the one that is stored. */
  objectOf(resource: ApiResource, namespace: string | undefined, name: string): KubernetesObject | undefined {
    const cache = this.#of(resource);
    return cache?.isWhole === true ? cache.source.objectOf(keyOf({ metadata: { namespace, name } })) : undefined;
  }

  /** What is known of an object's metadata. */
  metadataOf(resource: ApiResource, namespace: string | undefined, name: string): ObjectMetadata | undefined {
    return this.#of(resource)?.source.objectOf(keyOf({ metadata: { namespace, name } }))?.metadata;
  }

  /** The objects that `query` asks for; `undefined` where the cache does not have all of them. */
  listOf(resource: ApiResource, query: ListQuery): KubernetesObject[] | undefined {
    const cache = this.#of(resource);
    if (cache === undefined || !cache.isWhole || !cache.source.synced || !covers(cache, query)) return undefined;
    const { namespace = "" } = query;
    const objects: KubernetesObject[] = [];
    for (let bucket = 0; bucket < cache.buckets; bucket++) {
      for (const key of cache.source.keysOf(bucket)) {
        const object = cache.source.objectOf(key);
        if (object !== undefined && (namespace === "" || object.metadata.namespace === namespace)) objects.push(object);
      }
    }
    return objects;
  }

  #of({ group, version, plural }: ApiResource): ReadCache | undefined {
    return this.#caches.find(
      ({ resource }) => resource.group === group && resource.version === version && resource.plural === plural,
    );
  }
}

function covers(cache: ReadCache, { namespace = "", labelSelector = "", fieldSelector = "" }: ListQuery): boolean {
  const { namespaces = [] } = cache;
  if (namespaces.length > 0 && !namespaces.includes(namespace)) return false;
  return labelSelector === (cache.labelSelector ?? "") && fieldSelector === (cache.fieldSelector ?? "");
}
