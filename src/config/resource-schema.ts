import { z } from "zod";
import { MOST_BUCKETS } from "../placement/key-map.ts";
import { handlerProblem, labelProblem, resourceProblem } from "./fields.ts";
import { fieldSelectorProblem, labelSelectorProblem } from "./selectors.ts";
import { duration, text, wanted, wholeNumber } from "./values.ts";

/** The shape of one entry of `resources`: a reconciled kind, the kinds that it owns, and others that are watched for it. */

const MOST_WORKERS = 1_000;

/** What of an object may have changed for an update to be looked at. */
export const UPDATES = ["generation", "labels", "annotations"] as const;

const namespacesSchema = z
  .array(
    text("the name of a namespace", (value) => labelProblem("namespace", value)),
    { error: wanted("a list of namespaces") },
  )
  .superRefine((names, context) => {
    if (names.length === 0)
      context.addIssue({ code: "custom", message: "is an empty list; name a namespace, or leave the key out for all" });
    names.forEach((name, index) => {
      if (names.indexOf(name) === index) return;
      context.addIssue({ code: "custom", path: [index], message: `names "${name}" again; remove it` });
    });
  });

const updatesSchema = z
  .array(z.enum(UPDATES, { error: wanted('"generation", "labels" or "annotations"') }), {
    error: wanted("a list of generation, labels and annotations"),
  })
  .superRefine((kinds, context) => {
    if (kinds.length > 0) return;
    const message = "is an empty list; name what must have changed, or leave the key out to look at every update";
    context.addIssue({ code: "custom", message });
  });

/** What every watched kind has. */
const watchedObjects = {
  resource: text("the plural name of a resource such as configmaps", resourceProblem).describe(
    "plural[.group][/version], found by discovery.",
  ),
  labelSelector: text("a label selector such as app=shop", labelSelectorProblem).optional(),
  fieldSelector: text("a field selector such as metadata.name=shop", fieldSelectorProblem).optional(),
  metadataOnly: z
    .boolean({ error: wanted("true or false") })
    .default(false)
    .describe("Caches metadata only; handlers and map functions then see no spec and no status."),
  updates: updatesSchema
    .optional()
    .describe(
      "An update is looked at when one of these changed: generation, labels, annotations. Left out: every update.",
    ),
};

export const ownedSchema = z.strictObject(watchedObjects, {
  error: wanted("the plural name of a resource such as deployments.apps, or a map with resource"),
});

export const watchedSchema = z.strictObject(
  {
    ...watchedObjects,
    namespaces: namespacesSchema.optional().describe("Left out: all namespaces."),
    map: text("a module and its export such as ./handlers.ts#widgetsOfSecret", handlerProblem).describe(
      "module#export of the function that names the keys that an object is about.",
    ),
  },
  { error: wanted("a map with resource and map") },
);

/** A name alone is the whole of most entries. */
export const ownsEntry = z.preprocess(
  (value) => (typeof value === "string" ? { resource: value } : value),
  ownedSchema,
);

export const resourceSchema = z.strictObject(
  {
    ...watchedObjects,
    namespaces: namespacesSchema.optional().describe("Left out: all namespaces."),
    buckets: wholeNumber(MOST_BUCKETS, "buckets")
      .default(1)
      .describe("Shards of this resource, each with a Lease of its own."),
    workers: wholeNumber(MOST_WORKERS, "workers").default(1).describe("Keys of one shard that are worked on at once."),
    owns: z
      .array(ownsEntry, { error: wanted("a list of resources such as [deployments.apps]") })
      .optional()
      .describe("Kinds of children, whose events enqueue their owner's key."),
    watches: z
      .array(watchedSchema, { error: wanted("a list of resources, each with its map") })
      .optional()
      .describe("Other kinds, whose events enqueue the keys that a function names."),
    reconcileTimeout: duration("1m")
      .optional()
      .describe("How long a handler may take before it is told to stop. Left out: without end."),
    handler: text("a module and its export such as ./handlers.ts#reconcileConfigMap", handlerProblem).describe(
      "module#export, the module's path relative to this file.",
    ),
  },
  { error: wanted("a map with resource and handler") },
);
