import { resolve } from "node:path";
import { splitHandler } from "./fields.ts";
import type { Path } from "./relations.ts";
import type { UPDATES } from "./resource-schema.ts";
import type { ConfigurationInput } from "./schema.ts";

/** What of an object may have changed for an update to be looked at. */
export type UpdateKind = (typeof UPDATES)[number];

/** Which objects of a kind are watched. */
export interface WatchedConfiguration {
  readonly resource: string;
  readonly labelSelector: string | undefined;
  readonly fieldSelector: string | undefined;
  readonly metadataOnly: boolean;
  /** `undefined`: every update is looked at. */
  readonly updates: readonly UpdateKind[] | undefined;
}

/** One entry of `resources`. */
export interface ResourceConfiguration extends WatchedConfiguration {
  /** `undefined`: all, here and below. */
  readonly namespaces: readonly string[] | undefined;
  readonly buckets: number;
  readonly workers: number;
  readonly owns: readonly WatchedConfiguration[];
  readonly watches: readonly (WatchedConfiguration & {
    readonly namespaces: readonly string[] | undefined;
    readonly map: HandlerReference;
  })[];
  /** `undefined`: a handler may take as long as it likes. */
  readonly reconcileTimeoutMs: number | undefined;
  readonly handler: HandlerReference;
}

/** A function that is to be loaded, and where the YAML asks for it. */
export interface HandlerReference {
  /** Absolute path of the module. */
  readonly file: string;
  readonly exportName: string;
  /** `electorate.yaml:12:16 resources[0].handler`, for messages. */
  readonly place: string;
}

/** One entry of `resources`, complete. `placeOf` says where in the file a path stands; modules are looked for in `directory`. */
export function resourceConfigurationOf(
  input: ConfigurationInput["resources"][number],
  index: number,
  placeOf: (path: Path) => string,
  directory: string,
): ResourceConfiguration {
  const referenceOf = (value: string, ...path: Path): HandlerReference => {
    const { file, exportName } = splitHandler(value);
    const below = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("");
    const place = `${placeOf(["resources", index, ...path])} resources[${index}]${below}`;
    return { file: resolve(directory, file), exportName, place };
  };
  const { namespaces, buckets, workers, owns = [], watches = [], reconcileTimeout, handler } = input;
  return {
    ...watchedOf(input),
    namespaces,
    buckets,
    workers,
    owns: owns.map(watchedOf),
    watches: watches.map((watched, at) => ({
      ...watchedOf(watched),
      namespaces: watched.namespaces,
      map: referenceOf(watched.map, "watches", at, "map"),
    })),
    reconcileTimeoutMs: reconcileTimeout,
    handler: referenceOf(handler, "handler"),
  };
}

type WatchedInput = NonNullable<ConfigurationInput["resources"][number]["owns"]>[number];

function watchedOf({
  resource,
  labelSelector,
  fieldSelector,
  metadataOnly,
  updates,
}: WatchedInput): WatchedConfiguration {
  return { resource, labelSelector, fieldSelector, metadataOnly, updates };
}
