/** PATCH in its four content types, each turned into the object that it asks for. */
import { parseObject } from "../kube/answer.ts";
import type { Clock } from "../runtime/clock.ts";
import { decodeObject, type FieldValidation, type GivenObject } from "./bodies.ts";
import type { Entry } from "./collection.ts";
import { DecodeFailure, isFields } from "./decode.ts";
import { timeText } from "./instants.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { managedFieldsOf } from "./managed-fields.ts";
import { mergePatch, strategicMergePatch } from "./merge-patch.ts";
import {
  badRequest,
  conflict,
  invalid,
  invalidValue,
  modifiedMeanwhile,
  notFound,
  unsupportedMediaType,
} from "./refusal.ts";
import { servedJson } from "./representation.ts";
import type { ResourceDefinition } from "./resources.ts";
import type { CoreRequest, Target } from "./routes.ts";
import { applyConfiguration } from "./server-side-apply.ts";
import { sameName, sameNamespace, type WriteOptions, type Writer, type Written } from "./writes.ts";

const APPLY = "application/apply-patch+yaml";
const STRATEGIC = "application/strategic-merge-patch+json";
const MERGE = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";

export interface Patcher {
  readonly writer: Writer;
  readonly clock: Clock;
}

export function patchObject(patcher: Patcher, target: Target, request: CoreRequest, options: WriteOptions): Written {
  const { writer } = patcher;
  const type = (request.contentType ?? "").split(";")[0]?.trim() ?? "";
  const { resource } = target;
  if (![APPLY, STRATEGIC, MERGE, JSON_PATCH].includes(type)) throw unsupportedMediaType();
  if (type === STRATEGIC && resource.custom) {
    const accepted = [JSON_PATCH, MERGE, APPLY].join(", ");
    const message = "the body of the request was in an unknown format - accepted media types include:";
    throw unsupportedMediaType(`${message} ${accepted}`);
  }
  if (type === APPLY) return apply(patcher, target, request, options);
  const previous = writer.find(target);
  if (previous === undefined) throw notFound(resource, target.name ?? "");
  const patched = patchedBody(type, request.body ?? "", JSON.parse(servedJson(resource, previous)));
  const given = decodePatched(resource, patched, options);
  return { entry: put(writer, target, previous, given, options), created: false };
}

function apply(patcher: Patcher, target: Target, request: CoreRequest, options: WriteOptions): Written {
  const { writer, clock } = patcher;
  const { resource, name = "", subresource } = target;
  const previous = writer.find(target);
  if (previous === undefined && subresource !== undefined) throw notFound(resource, name);
  const served =
    previous === undefined ? undefined : parseObject(servedJson(resource, previous), undefined, "a stored object");
  const configured = applyConfiguration(target, request, served, timeText(clock.wallMs()));
  const given = decodePatched(resource, configured.object, options);
  sameNamespace(given, target);
  sameName(given, name);
  const { uid } = given.metadata;
  if (previous === undefined && uid !== undefined) {
    const problem = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw conflict(resource, name, problem);
  }
  const applying = { ...options, owned: () => managedFieldsOf(configured.owners) };
  if (previous !== undefined) return { entry: put(writer, target, previous, given, applying), created: false };
  return { entry: writer.createGiven(target, given, name, applying, true), created: true };
}

/** The patched object replaces the previous one; a resourceVersion in the patch is a precondition. */
function put(writer: Writer, target: Target, previous: Entry, given: GivenObject, options: WriteOptions): Entry {
  const { resource, name = "" } = target;
  sameNamespace(given, target);
  sameName(given, name);
  const { resourceVersion } = given.metadata;
  if (resourceVersion !== undefined && resourceVersion !== previous.object.metadata.resourceVersion) {
    throw modifiedMeanwhile(resource, name);
  }
  return writer.replace(target, previous, given, options);
}

function parsePatch(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest("error decoding patch: the body is not JSON");
  }
}

function patchedBody(type: string, text: string, original: unknown): unknown {
  const patch = parsePatch(text);
  if (type === JSON_PATCH) {
    if (!Array.isArray(patch)) {
      const kind = isFields(patch) ? "object" : typeof patch;
      throw badRequest(
        `error decoding patch: json: cannot unmarshal ${kind} into Go value of type []handlers.jsonPatchOp`,
      );
    }
    return applyJsonPatch(original, patch);
  }
  if (!isFields(patch)) {
    const kind = Array.isArray(patch) ? "array" : typeof patch;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`,
    );
  }
  return type === STRATEGIC ? strategicMergePatch(original, patch) : mergePatch(original, patch);
}

/** Reads a patched object. What cannot be read is the patch's fault: 422, with the object as it would have been. */
function decodePatched(resource: ResourceDefinition, patched: unknown, validation: FieldValidation): GivenObject {
  const refuse = (because: string): Error =>
    invalid("", "", "", [invalidValue("patch", JSON.stringify(patched), because)]);
  if (!isFields(patched)) throw refuse("the patched object is not a JSON object");
  if (patched.kind !== resource.kind) {
    throw refuse(
      `no kind ${JSON.stringify(patched.kind)} is registered for version ${JSON.stringify(patched.apiVersion)}`,
    );
  }
  try {
    return decodeObject(resource, patched, validation);
  } catch (error) {
    if (!(error instanceof DecodeFailure)) throw error;
    throw refuse(error.message);
  }
}
