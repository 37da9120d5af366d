/**
 * Answers that say no, in the words of the real API server.
 *
 * A verb that cannot be done throws a {@link Refusal}; the core turns it into a Status body. Nothing outside this room sees one.
 */

export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** The Kubernetes `Status` object of a failure. */
export interface FailureStatus {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: { readonly continue?: string };
  readonly status: "Failure";
  readonly message: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code: number;
}

export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: FailureStatus;

  constructor(
    code: number,
    reason: string | undefined,
    message: string,
    details?: StatusDetails,
    continueToken?: string,
  ) {
    super(message);
    this.status = {
      kind: "Status",
      apiVersion: "v1",
      metadata: continueToken === undefined ? {} : { continue: continueToken },
      status: "Failure",
      message,
      ...(reason === undefined ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code,
    };
  }
}

/** What a refusal names: a resource by group and plural name, or by group and kind. */
export interface Named {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

/** `leases.coordination.k8s.io`, or the plural alone for the core group. */
export function qualified(group: string, word: string): string {
  return group === "" ? word : `${word}.${group}`;
}

function detailsOf(group: string, kind: string, name?: string): StatusDetails {
  return {
    ...(name === undefined || name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    ...(kind === "" ? {} : { kind }),
  };
}

export const badRequest = (message: string): Refusal => new Refusal(400, "BadRequest", message);

export const unauthorized = (): Refusal => new Refusal(401, "Unauthorized", "Unauthorized");

/** A failure for which the real server has no reason, only the text of an error. */
export const internal = (message: string): Refusal => new Refusal(500, undefined, message);

export function notFound(resource: Named, name: string): Refusal {
  const { group, plural } = resource;
  return new Refusal(
    404,
    "NotFound",
    `${qualified(group, plural)} "${name}" not found`,
    detailsOf(group, plural, name),
  );
}

/** A path under a known group version that names no resource of it. */
export const noSuchResource = (): Refusal =>
  new Refusal(404, "NotFound", "the server could not find the requested resource", {});

export const methodNotAllowed = (): Refusal =>
  new Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {});

/** `deleting` when the one that exists is on its way out. */
export function alreadyExists(resource: Named, name: string, deleting: boolean): Refusal {
  const { group, plural } = resource;
  const message = `${deleting ? "object is being deleted: " : ""}${qualified(group, plural)} "${name}" already exists`;
  return new Refusal(409, "AlreadyExists", message, detailsOf(group, plural, name));
}

export function conflict(resource: Named, name: string, because: string): Refusal {
  const { group, plural } = resource;
  const message = `Operation cannot be fulfilled on ${qualified(group, plural)} "${name}": ${because}`;
  return new Refusal(409, "Conflict", message, detailsOf(group, plural, name));
}

export const modifiedMeanwhile = (resource: Named, name: string): Refusal =>
  conflict(
    resource,
    name,
    "the object has been modified; please apply your changes to the latest version and try again",
  );

/** The real server names the kind, not the plural, when a precondition of a deletion fails. */
export function deletionConflict(resource: Named, name: string, because: string): Refusal {
  const { group, kind } = resource;
  const message = `Operation cannot be fulfilled on ${qualified(group, kind)} "${name}": ${because}`;
  return new Refusal(409, "Conflict", message, detailsOf(group, kind, name));
}

export function forbidden(resource: Named, name: string, because: string, causes?: readonly StatusCause[]): Refusal {
  const { group, plural } = resource;
  const subject = name === "" ? qualified(group, plural) : `${qualified(group, plural)} "${name}"`;
  return new Refusal(403, "Forbidden", `${subject} is forbidden: ${because}`, {
    ...detailsOf(group, plural, name),
    ...(causes === undefined ? {} : { causes }),
  });
}

/** One problem with one field of an object. */
export type FieldProblem = StatusCause;

export function invalidValue(field: string, value: unknown, because: string): FieldProblem {
  return { reason: "FieldValueInvalid", message: `Invalid value: ${JSON.stringify(value)}: ${because}`, field };
}

export function requiredValue(field: string, because?: string): FieldProblem {
  return {
    reason: "FieldValueRequired",
    message: because === undefined ? "Required value" : `Required value: ${because}`,
    field,
  };
}

export function forbiddenValue(field: string, because: string): FieldProblem {
  return { reason: "FieldValueForbidden", message: `Forbidden: ${because}`, field };
}

export const tooLong = (field: string, bytes: number): FieldProblem => ({
  reason: "FieldValueTooLong",
  message: `Too long: may not be more than ${bytes} bytes`,
  field,
});

export function unsupportedValue(field: string, value: unknown, supported: readonly string[]): FieldProblem {
  const values = supported.map((one) => JSON.stringify(one)).join(", ");
  return {
    reason: "FieldValueNotSupported",
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${values}`,
    field,
  };
}

/** 422 with every problem as a cause; the real server lists one problem bare and several in brackets. */
export function invalid(group: string, kind: string, name: string, problems: readonly FieldProblem[]): Refusal {
  const texts = problems.map((problem) => `${problem.field}: ${problem.message}`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  return new Refusal(422, "Invalid", `${qualified(group, kind)} "${name}" is invalid: ${list}`, {
    ...detailsOf(group, kind, name),
    causes: problems,
  });
}

/** 422 about the options of a request, such as `ListOptions`. */
export const invalidOptions = (kind: string, problems: readonly FieldProblem[]): Refusal =>
  invalid("meta.k8s.io", kind, "", problems);

export const expired = (message: string, continueToken?: string): Refusal =>
  new Refusal(410, "Expired", message, undefined, continueToken);

/** The client knows a newer version than this server has: after a restore from a backup, or from another server. */
export function tooLargeResourceVersion(asked: number, current: number): Refusal {
  return new Refusal(504, "Timeout", `Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version", field: "" }],
    retryAfterSeconds: 1,
  });
}

/** Bodies larger than this are refused. */
export const LARGEST_BODY_BYTES = 3 * 1024 * 1024;

export const bodyTooLarge = (): Refusal =>
  new Refusal(413, "RequestEntityTooLarge", `Request entity too large: limit is ${LARGEST_BODY_BYTES}`);

/** `message` when the type is one that other kinds accept. */
export const unsupportedMediaType = (message?: string): Refusal =>
  message === undefined
    ? new Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    : new Refusal(415, "UnsupportedMediaType", message);
