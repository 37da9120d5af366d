/**
 * What a case of the suite works with, and the few words that cases share. One world per case: a namespace of its own on a
 * server that other cases use too.
 */
import { expect } from "vitest";
import type { PolicyRule } from "../../support/control-plane-access.ts";
import { type ApiClient, type Body, isBody, type Json, type Reply } from "./client.ts";

/** A server under test. */
export interface Subject {
  /** Speaks as an administrator. */
  readonly admin: ApiClient;
  /** Makes a service account with these rules in its namespace, known to the server when this resolves. */
  account(namespace: string, name: string, rules: readonly PolicyRule[]): Promise<{ token: string; user: string }>;
  /** Makes the server forget its history: what is older than now can be neither listed nor watched any more. */
  compact(): Promise<void>;
  stop(): Promise<void>;
}

export interface World {
  readonly api: ApiClient;
  readonly namespace: string;
  /** Collections inside the namespace. */
  readonly leases: string;
  readonly configMaps: string;
  readonly secrets: string;
  readonly events: string;
  /** Custom resources with a status subresource, of a CRD that the suite made. */
  readonly widgets: string;
  readonly subject: Subject;
}

export interface Case {
  /** States the semantic. */
  readonly title: string;
  readonly run: (this: void, world: World) => Promise<void>;
}

export const WIDGET_GROUP = "conformance.electorate.dev";
export const LEASES = "/apis/coordination.k8s.io/v1/leases";
export const JSON_PATCH = "application/json-patch+json";
export const STRATEGIC_PATCH = "application/strategic-merge-patch+json";
export const APPLY_PATCH = "application/apply-patch+yaml";

const widgetSchema: Body = {
  type: "object",
  properties: {
    spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  },
};

/** The CRD of the widgets. */
export const WIDGET_CRD: Body = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `widgets.${WIDGET_GROUP}` },
  spec: {
    group: WIDGET_GROUP,
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList", shortNames: ["wd"] },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: widgetSchema },
        subresources: { status: {} },
        additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
      },
    ],
  },
};

export function worldOf(subject: Subject, namespace: string): World {
  const core = `/api/v1/namespaces/${namespace}`;
  return {
    api: subject.admin,
    namespace,
    leases: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`,
    configMaps: `${core}/configmaps`,
    secrets: `${core}/secrets`,
    events: `${core}/events`,
    widgets: `/apis/${WIDGET_GROUP}/v1/namespaces/${namespace}/widgets`,
    subject,
  };
}

export const lease = (name: string, spec?: Body, metadata: Body = {}): Body => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name, ...metadata },
  ...(spec && { spec }),
});

export const configMap = (name: string, data?: Body, metadata: Body = {}): Body => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, ...metadata },
  ...(data && { data }),
});

export const widget = (name: string, spec?: Body, metadata: Body = {}): Body => ({
  apiVersion: `${WIDGET_GROUP}/v1`,
  kind: "Widget",
  metadata: { name, ...metadata },
  ...(spec && { spec }),
});

/** An Event of the core group about a shard Lease. */
export const eventAbout = (namespace: string, name: string): Body => ({
  metadata: { name },
  involvedObject: { kind: "Lease", namespace, name: "shop-shard-01", uid: "u-1", apiVersion: "coordination.k8s.io/v1" },
  reason: "LeaderElection",
  message: "r1 became leader",
  type: "Normal",
});

/** The object at `field` of `body`; fails if there is none. */
export function child(body: Body, field: string): Body {
  const value = body[field];
  if (!isBody(value)) throw new Error(`no object at ${field} in ${JSON.stringify(body).slice(0, 300)}`);
  return value;
}

export const metadataOf = (body: Body): Body => child(body, "metadata");

function metadataText(body: Body, field: string): string {
  const value = metadataOf(body)[field];
  if (typeof value !== "string") throw new Error(`no metadata.${field} in ${JSON.stringify(body).slice(0, 300)}`);
  return value;
}

export const versionOf = (body: Body): string => metadataText(body, "resourceVersion");
export const uidOf = (body: Body): string => metadataText(body, "uid");
export const nameOf = (body: Body): string => metadataText(body, "name");

export function itemsOf(list: Body): readonly Body[] {
  const items: Json | undefined = list["items"];
  if (!Array.isArray(items)) throw new Error(`not a list: ${JSON.stringify(list).slice(0, 300)}`);
  return items.filter(isBody);
}

export const namesOf = (list: Body): string[] => itemsOf(list).map(nameOf);

/** The object with some metadata changed; undefined takes a field away. */
export const withMetadata = (body: Body, changes: Body): Body => ({
  ...body,
  metadata: { ...metadataOf(body), ...changes },
});

/** Asserts success with this status and gives the body. */
export function ok(reply: Reply, status = 200): Body {
  expect({ status: reply.status, refusal: reply.status >= 400 ? reply.text : "" }).toEqual({ status, refusal: "" });
  return reply.body;
}

/** Asserts a refusal: HTTP status, a Status body that agrees, its reason, and whatever `more` holds. */
export function refused(reply: Reply, code: number, reason: string, more: Record<string, unknown> = {}): void {
  expect(reply.body).toMatchObject({ kind: "Status", apiVersion: "v1", status: "Failure", reason, code, ...more });
  expect(reply.status).toBe(code);
}

/** Creates an object that must be accepted. */
export async function created(api: ApiClient, collection: string, body: Body): Promise<Body> {
  return ok(await api.post(collection, body), 201);
}

/** resourceVersions compare as whole numbers. */
export function newer(later: string, earlier: string): boolean {
  return BigInt(later) > BigInt(earlier);
}

/** vitest's matchers, without their type `any`. */
export const containing = (text: string): unknown => expect.stringContaining(text);
export const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);
export const including = (part: object): unknown => expect.objectContaining(part);
export const among = (parts: readonly unknown[]): unknown => expect.arrayContaining([...parts]);
export const anyText: unknown = expect.any(String);
