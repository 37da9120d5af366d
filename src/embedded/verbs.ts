/** From a verb on a resource to its answer. */

import { yamlValue } from "./decode.ts";
import { type DependentsCollector, parseDeleteOptions } from "./deletions.ts";
import { timeText } from "./instants.ts";
import { managedFieldsOf, ownersAfterUpdate } from "./managed-fields.ts";
import { refuseImmortal } from "./namespaces.ts";
import { type Patcher, patchObject } from "./patching.ts";
import type { Reader } from "./reads.ts";
import {
  invalidOptions,
  noSuchResource,
  qualified,
  Refusal,
  unsupportedMediaType,
  unsupportedValue,
} from "./refusal.ts";
import { groupVersionOf } from "./resources.ts";
import type { CoreRequest, Target } from "./routes.ts";
import type { Watch } from "./watch.ts";
import type { WriteOptions } from "./writes.ts";

type Headers = Readonly<Record<string, string>>;

/** An answer that is complete. */
export interface BodyAnswer {
  readonly kind: "body";
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Headers;
  readonly body: string;
}

/** A watch: the head, and the lines as they come. */
export interface StreamAnswer {
  readonly kind: "stream";
  readonly status: 200;
  readonly headers: Headers;
  readonly watch: Watch;
}

/** What a request is answered with: a body, or a stream of watch lines. */
export type Answer = BodyAnswer | StreamAnswer;

const JSON_HEADERS: Headers = { "cache-control": "no-cache, private", "content-type": "application/json" };
const TEXT_HEADERS: Headers = { "cache-control": "no-cache, private", "content-type": "text/plain; charset=utf-8" };

export const jsonAnswer = (status: number, body: string): BodyAnswer => ({
  kind: "body",
  status,
  headers: JSON_HEADERS,
  body,
});

export const textAnswer = (status: number, body: string): BodyAnswer => ({
  kind: "body",
  status,
  headers: TEXT_HEADERS,
  body,
});

export function refusalAnswer(refusal: Refusal): BodyAnswer {
  const { code, details } = refusal.status;
  const answer = jsonAnswer(code, JSON.stringify(refusal.status));
  if (details?.retryAfterSeconds === undefined) return answer;
  return { ...answer, headers: { ...answer.headers, "retry-after": String(details.retryAfterSeconds) } };
}

/** The reasons that go with statuses when a fault names none. */
const REASONS: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  409: "Conflict",
  410: "Expired",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

/** An answer made up by a fault rule. */
export function statusAnswer(fault: {
  readonly status: number;
  readonly reason?: string;
  readonly message?: string;
  readonly retryAfterSeconds?: number;
  readonly body?: string;
  readonly contentType?: string;
}): BodyAnswer {
  const reason = fault.reason ?? REASONS[fault.status];
  const details = fault.retryAfterSeconds === undefined ? undefined : { retryAfterSeconds: fault.retryAfterSeconds };
  const answer = refusalAnswer(new Refusal(fault.status, reason, fault.message ?? "fault injected", details));
  if (fault.body === undefined) return answer;
  const headers = { ...answer.headers, "content-type": fault.contentType ?? "text/plain; charset=utf-8" };
  return { ...answer, headers, body: fault.body };
}

/** The parts of the server that answer verbs. */
export interface Parts extends Patcher {
  readonly reader: Reader;
  readonly collector: DependentsCollector;
}

export function answerTarget(parts: Parts, target: Target, request: CoreRequest): Answer {
  const { reader, writer } = parts;
  switch (target.verb) {
    case "get":
      refuseUnknownSubresource(target);
      return jsonAnswer(200, reader.get(target, request));
    case "list":
      return jsonAnswer(200, reader.list(target, request));
    case "watch":
      return { kind: "stream", status: 200, headers: JSON_HEADERS, watch: reader.watch(target, request) };
    case "create":
      return create(parts, target, request);
    case "update": {
      const body = jsonBody(request);
      const representation = reader.representation(target, request, false);
      const options = writeOptions(parts, target, request, "UpdateOptions");
      const { entry, created } = writer.update(target, body, options);
      return written(created ? 201 : 200, representation.one(entry), options);
    }
    case "patch": {
      const representation = reader.representation(target, request, false);
      const options = writeOptions(parts, target, request, "PatchOptions");
      const { entry, created } = patchObject(parts, target, request, options);
      return written(created ? 201 : 200, representation.one(entry), options);
    }
    case "delete":
      return remove(parts, target, request);
    case "deletecollection":
      return removeAll(parts, target, request);
  }
}

function create(parts: Parts, target: Target, request: CoreRequest): Answer {
  const { reader, writer } = parts;
  const body = jsonBody(request);
  const representation = reader.representation(target, request, false);
  const options = writeOptions(parts, target, request, "CreateOptions");
  const entry = writer.create(target, body, options);
  return written(201, representation.one(entry), options);
}

/** The answer to a write, with its warnings. */
function written(status: number, body: string, { warnings }: WriteOptions): BodyAnswer {
  const answer = jsonAnswer(status, body);
  if (warnings.length === 0) return answer;
  const warning = warnings.map((text) => `299 - ${JSON.stringify(text)}`).join(", ");
  return { ...answer, headers: { ...answer.headers, warning } };
}

function remove(parts: Parts, target: Target, request: CoreRequest): Answer {
  const options = parseDeleteOptions(request.body ?? "", request.query ?? {});
  const { resource, name = "" } = target;
  const representation = parts.reader.representation(target, request, false);
  refuseImmortal(resource, name);
  const { entry, gone } = parts.writer.delete(target, options);
  if (!gone && options.finalizers.length > 0) parts.collector.schedule(resource.collection, entry);
  if (!gone || resource.returnsDeleted) return jsonAnswer(200, representation.one(entry));
  const { uid } = entry.object.metadata;
  const group = resource.group === "" ? {} : { group: resource.group };
  const details = { name, ...group, kind: resource.plural, uid };
  return jsonAnswer(
    200,
    JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details }),
  );
}

/** Each object that matches, one after the other; the answer lists them as they were. */
function removeAll(parts: Parts, target: Target, request: CoreRequest): Answer {
  const { reader, writer, collector } = parts;
  const options = parseDeleteOptions(request.body ?? "", request.query ?? {});
  const representation = reader.representation(target, request, true);
  const entries = reader.select(target, request);
  const { resourceVersion } = reader;
  for (const { object } of entries) {
    const { name, namespace } = object.metadata;
    const { entry, gone } = writer.delete({ ...target, name, namespace }, options);
    if (!gone && options.finalizers.length > 0) collector.schedule(target.resource.collection, entry);
  }
  return jsonAnswer(200, representation.many(entries, { resourceVersion }));
}

function writeOptions({ clock }: Parts, target: Target, request: CoreRequest, kind: string): WriteOptions {
  const { dryRun, fieldValidation, fieldManager } = request.query ?? {};
  if (dryRun !== undefined && dryRun !== "" && dryRun !== "All") {
    throw invalidOptions(kind, [unsupportedValue("dryRun", [dryRun], ["All"])]);
  }
  if (fieldValidation !== undefined && !["Ignore", "Warn", "Strict", ""].includes(fieldValidation)) {
    throw invalidOptions(kind, [
      unsupportedValue("fieldValidation", fieldValidation, ["", "Ignore", "Strict", "Warn"]),
    ]);
  }
  const validation = fieldValidation === "Ignore" || fieldValidation === "Strict" ? fieldValidation : "Warn";
  return {
    dryRun: dryRun === "All",
    validation,
    warnings: [],
    owned(previous, next) {
      if (previous?.metadata.managedFields === undefined) return [];
      const updater = {
        manager: fieldManager || request.userAgent?.split("/")[0] || "unknown",
        apiVersion: groupVersionOf(target.resource),
        subresource: target.subresource,
        time: timeText(clock.wallMs()),
      };
      return managedFieldsOf(ownersAfterUpdate(previous, next, updater));
    },
  };
}

/** The body of a POST or PUT as JSON, which may have come as YAML. */
function jsonBody(request: CoreRequest): string {
  const { body = "" } = request;
  const type = (request.contentType ?? "application/json").split(";")[0]?.trim();
  switch (type) {
    case "application/json":
    case "*/*":
    case "":
      return body;
    case "application/yaml":
      return JSON.stringify(yamlValue(body)) ?? "";
    default:
      throw unsupportedMediaType(
        "the body of the request was in an unknown format - accepted media types include:" +
          " application/json, application/yaml, application/vnd.kubernetes.protobuf",
      );
  }
}

function refuseUnknownSubresource({ subresource, resource, name = "" }: Target): void {
  if (subresource === undefined || (subresource === "status" && resource.status)) return;
  if (!resource.custom) throw noSuchResource();
  const details = { name, group: resource.group, kind: resource.plural };
  const message = `${qualified(resource.group, resource.plural)} "${name}" not found`;
  throw new Refusal(404, "NotFound", message, details);
}
