/** From the text of a request body to an object of the resource that it was sent to. */
import { DecodeFailure, type Fields, isFields, shownValue } from "./decode.ts";
import { decodeMetadata, type GivenMetadata } from "./metadata.ts";
import { badRequest, invalid, invalidValue } from "./refusal.ts";
import { groupVersionOf, type ResourceDefinition } from "./resources.ts";

/** An object as a body gave it: metadata apart from everything else. */
export interface GivenObject {
  readonly metadata: GivenMetadata;
  readonly fields: Fields;
}

const shown = (text: string): string => (text === "" ? "<empty>" : Buffer.from(text).toString("hex").slice(0, 64));

/** The body as a JSON object; 400 for anything else. */
function parseBody(resource: ResourceDefinition, text: string): Fields {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    const because = text === "" ? "unexpected end of JSON input" : "invalid character in the body";
    throw unrecognised(resource, `couldn't get version/kind; json parse error: ${because} (${shown(text)})`);
  }
  if (!isFields(body)) {
    const kind = Array.isArray(body) ? "array" : typeof body;
    const because = `json: cannot unmarshal ${kind} into Go value of type struct { APIVersion string; Kind string }`;
    throw unrecognised(resource, `couldn't get version/kind; json parse error: ${because} (${shown(text)})`);
  }
  return body;
}

const unrecognised = (resource: ResourceDefinition, because: string): Error =>
  badRequest(`the object provided is unrecognized (must be of type ${resource.kind}): ${because}`);

/** Refuses a body of another kind or version than the resource's. */
function checkKind(resource: ResourceDefinition, body: Fields): void {
  const { kind, apiVersion } = body;
  const expected = groupVersionOf(resource);
  if (resource.custom) {
    for (const [field, value] of [
      ["Kind", kind],
      ["apiVersion", apiVersion],
    ]) {
      if (typeof value !== "string" || value === "") {
        const start = JSON.stringify(body).slice(0, 80);
        throw unrecognised(resource, `Object '${String(field)}' is missing in '${start}'`);
      }
    }
  }
  const sameKind = kind === undefined || kind === "" || kind === resource.kind;
  const sameVersion = apiVersion === undefined || apiVersion === "" || apiVersion === expected;
  if (sameKind && sameVersion) return;
  if (!sameVersion && (sameKind || resource.custom)) {
    throw badRequest(
      `the API version in the data (${shownValue(apiVersion)}) does not match the expected API version (${expected})`,
    );
  }
  if (resource.custom) {
    const name = isFields(body.metadata) ? shownValue(body.metadata.name ?? "") : "";
    throw invalid(resource.group, shownValue(kind), name, [invalidValue("kind", kind, `must be ${resource.kind}`)]);
  }
  const version =
    shownValue(apiVersion ?? resource.version)
      .split("/")
      .at(-1) ?? "";
  throw badRequest(
    `${shownValue(kind)} in version "${version}" cannot be handled as a ${resource.kind}: no such kind here`,
  );
}

/** What becomes of fields that the kind does not have: they are dropped, with or without a warning, or refused. */
export interface FieldValidation {
  readonly validation: "Ignore" | "Warn" | "Strict";
  /** Takes the warnings. */
  readonly warnings: string[];
}

/** Reads metadata and fields. Throws `DecodeFailure`. */
export function decodeObject(
  resource: ResourceDefinition,
  body: Fields,
  { validation, warnings }: FieldValidation,
): GivenObject {
  const unknown: string[] = [];
  const served = resource.view === undefined ? body : resource.view.toStored(body);
  const fields = resource.decode(served, unknown);
  const metadata = decodeMetadata(body, unknown);
  if (unknown.length > 0 && validation !== "Ignore") {
    const problems = unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
    if (validation === "Strict") throw new DecodeFailure(`strict decoding error: ${problems.join(", ")}`);
    warnings.push(...problems);
  }
  return { metadata, fields };
}

/** {@link decodeObject} for the body of a POST or PUT, whose decoding errors are bad requests. */
export function decodeWhole(resource: ResourceDefinition, text: string, validation: FieldValidation): GivenObject {
  const body = parseBody(resource, text);
  checkKind(resource, body);
  try {
    return decodeObject(resource, body, validation);
  } catch (error) {
    if (!(error instanceof DecodeFailure)) throw error;
    throw badRequest(
      `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${error.message}`,
    );
  }
}
