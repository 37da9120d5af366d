import type { KubernetesObject } from "../kube/api.ts";

/**
 * The Lease as data, and what can be said of it without knowing who asks or when. Parsing never throws: whatever kubectl put
 * into a Lease is a record that can be waited out.
 */

/** What client-go calls the election record: the fields whose change restarts everybody's wait. */
export interface LeaseRecord {
  /** Empty when nobody holds it. */
  readonly holder: string;
  /** 0 when the Lease does not say. */
  readonly durationMs: number;
  /** As the API server sent it, empty when missing. Never compared with a local clock. */
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly transitions: number;
}

/** One stored version of a Lease. */
export interface LeaseVersion {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly record: LeaseRecord;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The object as stored, on which the next write is built so that foreign fields survive. */
  readonly object: KubernetesObject;
}

export function parseLease(stored: KubernetesObject): LeaseVersion {
  // Never needed, and more than half of a Lease; one that is written without them keeps them.
  const { managedFields: _, ...metadata } = stored.metadata;
  const object: KubernetesObject = { ...stored, metadata };
  const spec = isFields(object.spec) ? object.spec : {};
  const duration = spec.leaseDurationSeconds;
  const transitions = spec.leaseTransitions;
  return {
    name: object.metadata.name,
    uid: object.metadata.uid ?? "",
    resourceVersion: object.metadata.resourceVersion ?? "",
    record: {
      holder: textOf(spec.holderIdentity),
      durationMs: typeof duration === "number" && duration > 0 ? duration * 1000 : 0,
      acquireTime: textOf(spec.acquireTime),
      renewTime: textOf(spec.renewTime),
      transitions: typeof transitions === "number" && transitions >= 0 ? transitions : 0,
    },
    labels: object.metadata.labels ?? {},
    annotations: object.metadata.annotations ?? {},
    object,
  };
}

/** Equal records: the version differs in metadata only, and nobody's wait starts anew. */
export function sameRecord(one: LeaseRecord, other: LeaseRecord): boolean {
  return (
    one.holder === other.holder &&
    one.renewTime === other.renewTime &&
    one.transitions === other.transitions &&
    one.durationMs === other.durationMs &&
    one.acquireTime === other.acquireTime
  );
}

/** A release, the only record that is free at once: its holder said that its work has ended. Any other empty one is waited out. */
export function isRelease(record: LeaseRecord): boolean {
  return record.holder === "" && record.durationMs === 1000;
}

/** True when somebody is named, whether or not the record has been waited out. */
export function isHeld(record: LeaseRecord): boolean {
  return record.holder !== "";
}

/**
 * The next microsecond-precise time to write: never equal to the last one, because a PUT that changes nothing proves nothing.
 * A last one beyond the year 2255 was written by hand, and microseconds cannot be added to it exactly: any other time will do.
 */
export function nextRenewTime(wallMs: number, lastRenewTime: string): string {
  const wallUs = Math.floor(wallMs * 1000);
  const lastUs = parseMicroTime(lastRenewTime);
  if (lastUs === undefined || lastUs >= Number.MAX_SAFE_INTEGER) return formatMicroTime(wallUs);
  return formatMicroTime(Math.max(wallUs, lastUs + 1));
}

/** The API's field has 32 bits; observers compare it for equality only, so that it may begin anew. */
const TRANSITIONS_WRAP = 2 ** 31;

export function nextTransitions(transitions: number): number {
  return (transitions + 1) % TRANSITIONS_WRAP;
}

/** RFC 3339 with exactly six fraction digits; the API server refuses any other number of them. */
export function formatMicroTime(unixUs: number): string {
  const wholeMs = Math.floor(unixUs / 1000);
  const text = new Date(wholeMs).toISOString();
  return `${text.slice(0, -1)}${String(unixUs - wholeMs * 1000).padStart(3, "0")}Z`;
}

/** Unix microseconds of an RFC 3339 time, `undefined` for anything else. */
export function parseMicroTime(text: string): number | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/.exec(text);
  if (match === null) return undefined;
  const [, seconds = "", fraction = "", zone = ""] = match;
  const wholeMs = Date.parse(`${seconds}${zone}`);
  return Number.isNaN(wholeMs) ? undefined : wholeMs * 1000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}

/** What a write changes; everything else of the stored object is kept. */
export interface LeaseChange {
  readonly record: LeaseRecord;
  readonly labels?: Readonly<Record<string, string>>;
  /** `null` takes an annotation off. */
  readonly annotations?: Readonly<Record<string, string | null>>;
}

/** The body of a PUT: the stored object with our fields changed, foreign labels, annotations and fields kept, uid and resourceVersion sent along. */
export function changedLease(stored: LeaseVersion, change: LeaseChange): KubernetesObject {
  return {
    ...stored.object,
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      ...stored.object.metadata,
      name: stored.name,
      labels: { ...stored.labels, ...change.labels },
      annotations: annotationsOf(stored.annotations, change),
    },
    spec: { ...(isFields(stored.object.spec) ? stored.object.spec : {}), ...specOf(change.record) },
  };
}

/** The body of a POST. */
export function newLease(name: string, namespace: string, change: LeaseChange): KubernetesObject {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace, labels: { ...change.labels }, annotations: annotationsOf({}, change) },
    spec: specOf(change.record),
  };
}

function annotationsOf(stored: Readonly<Record<string, string>>, change: LeaseChange): Record<string, string> {
  const merged = Object.entries({ ...stored, ...change.annotations });
  return Object.fromEntries(merged.filter((entry): entry is [string, string] => entry[1] !== null));
}

function specOf(record: LeaseRecord): Record<string, unknown> {
  return {
    holderIdentity: record.holder,
    leaseDurationSeconds: record.durationMs / 1000,
    ...(record.acquireTime === "" ? {} : { acquireTime: record.acquireTime }),
    ...(record.renewTime === "" ? {} : { renewTime: record.renewTime }),
    leaseTransitions: record.transitions,
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
