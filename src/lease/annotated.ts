import type { ApiResource, KubernetesObject } from "../kube/api.ts";
import type { LeaseFormat } from "./kubernetes.ts";
import { parseLease } from "./record.ts";

/**
 * Election records as older electors kept them: as JSON in an annotation of a ConfigMap or of an Endpoints object. It has the names that
 * client-go gave it: what a Lease calls `leaseTransitions` is `leaderTransitions` there. Everything else of the object is kept.
 */

/** Where client-go looks for the record. */
const ANNOTATION_LEADER = "control-plane.alpha.kubernetes.io/leader";

export const CONFIG_MAPS: ApiResource = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};

export const ENDPOINTS: ApiResource = {
  group: "",
  version: "v1",
  plural: "endpoints",
  // As the kind of one object is called.
  kind: "Endpoints",
  namespaced: true,
};

/** Leases that are annotations of objects of `resource`. */
export function annotatedFormat(resource: ApiResource): LeaseFormat {
  return {
    resource,
    read: (stored) => parseLease({ ...stored, spec: specOf(stored.metadata.annotations?.[ANNOTATION_LEADER]) }),
    write(lease) {
      const { spec, ...object } = lease;
      const annotations = { ...object.metadata.annotations, [ANNOTATION_LEADER]: recordOf(spec) };
      const metadata = { ...object.metadata, annotations };
      return { ...object, apiVersion: resource.version, kind: resource.kind, metadata } satisfies KubernetesObject;
    },
  };
}

/** Whatever is no record stands for an empty one, which is waited out. */
function specOf(text: string | undefined): Readonly<Record<string, unknown>> {
  const { leaderTransitions, ...fields } = parseFields(text ?? "{}");
  return leaderTransitions === undefined ? fields : { ...fields, leaseTransitions: leaderTransitions };
}

function parseFields(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : {};
  } catch {
    return {};
  }
}

/** Times keep their microseconds, which client-go reads as well: a renewal must differ from the one before it. */
function recordOf(spec: unknown): string {
  const { leaseTransitions, ...fields }: Record<string, unknown> = typeof spec === "object" ? { ...spec } : {};
  return JSON.stringify({ ...fields, leaderTransitions: leaseTransitions });
}
