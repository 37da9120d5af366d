import type { OwnedResource, ResourceOptions, WatchedResource } from "../config/options.ts";
import { type ApiResource, resourceName } from "../kube/api.ts";
import { type KeysOf, type MapFunction, mappedBy, ownerOf } from "../reconcile/related.ts";
import type { Source } from "../reconcile/source.ts";
import { ElectorateError } from "../runtime/errors.ts";
import type { Telemetry } from "../runtime/telemetry.ts";

/** A kind whose events make keys of a reconciled resource fresh, before it was found. */
export interface RelatedSettings {
  readonly settings: OwnedResource & Pick<WatchedResource, "namespaces">;
  /** `undefined`: its objects are children, and what they are about is their owner. */
  readonly map: MapFunction | undefined;
}

export interface Related extends RelatedSettings {
  readonly resource: ApiResource;
}

/** Everything that a resource owns or watches. */
export function relatedOf({ owns = [], watches = [], namespaces }: ResourceOptions): readonly RelatedSettings[] {
  const owned = owns.map((one) => ({
    // A namespaced owner's children live in its namespace.
    settings: {
      ...(typeof one === "string" ? { resource: one } : one),
      ...(namespaces === undefined ? {} : { namespaces }),
    },
    map: undefined,
  }));
  return [...owned, ...watches.map(({ map, ...settings }) => ({ settings, map }))];
}

/** @throws ElectorateError `invalid-configuration` for children that no object of the resource may own. */
export function requireOwnable({ resource: child, map }: Related, owner: ApiResource): void {
  if (map !== undefined || child.namespaced || !owner.namespaced) return;
  throw new ElectorateError(
    "invalid-configuration",
    `${resourceName(owner)} cannot own ${resourceName(child)}: those are cluster-scoped, and a namespaced owner has children in its ` +
      "namespace only; use watches with a map function",
  );
}

/** What an object of a related kind is about, where `source` is the reconciled resource's. */
export function keysOfRelated({ resource, map }: Related, source: Source, { log, meter }: Telemetry): KeysOf {
  if (map === undefined) return ownerOf(source.resource, (key) => source.objectOf(key) !== undefined);
  return mappedBy({ map, about: source.resource, watched: resource, log, meter });
}
