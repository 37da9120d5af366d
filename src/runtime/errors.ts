/** The closed set of reasons for which this project throws. Callers switch on `code`, never on a message. */
export type ErrorCode =
  /** A setting is wrong: nothing was started. The message lists every problem. */
  | "invalid-configuration"
  /** A Lease name of ours is longer than 253 characters, not a DNS subdomain, or belongs to another coordinator. */
  | "lease-name-refused"
  /** The API server could not be reached, or the connection broke. */
  | "unreachable"
  /** The API server did not answer within the deadline of the request. */
  | "timeout"
  /** 401: the credentials were not accepted. */
  | "unauthorized"
  /** 403: the credentials lack a verb on a resource. */
  | "forbidden"
  /** 404. */
  | "not-found"
  /** 409: the object changed meanwhile, or exists already. */
  | "conflict"
  /** 410: the resourceVersion or continue token is too old. */
  | "gone"
  /** 400, 415 and 422: the API server refused the object, or the patch, as it is. */
  | "invalid-request"
  /** 429: asked to come back later (`retryAfterMs`). */
  | "too-many-requests"
  /** Any other answer that is not a success, 5xx among them. */
  | "server-error"
  /** An answer that cannot be understood (not JSON, not the kind asked for). */
  | "malformed-answer"
  /** The API server's data went back in time: it was restored from a backup. The process must start fresh. */
  | "api-server-restored"
  /** A write was refused because the term it belongs to has ended, or its gate has closed. */
  | "gate-closed"
  /** A handler took longer than `reconcileTimeout`; its key is tried again, with back-off. */
  | "reconcile-timeout"
  /** The Lease of the whole process was lost; the work under it has ended. */
  | "leadership-lost"
  /** The operation was abandoned because its signal was aborted. */
  | "aborted"
  /** The object has another controller already. */
  | "already-owned"
  /** The caller broke a contract of this library. */
  | "misuse";

export interface ErrorDetails {
  /** HTTP status of the answer behind this error, where there was one. */
  readonly status?: number;
  /** `reason` of the Kubernetes Status object, such as `AlreadyExists`. */
  readonly reason?: string;
  /** How long the server asked us to wait before the next try, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The one error class of this project. `message` names what, where, the value and the remedy, and never a secret. */
export class ElectorateError extends Error {
  override readonly name = "ElectorateError";
  readonly code: ErrorCode;
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.reason = details.reason;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** True when `error` is ours and has one of `codes`. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is ElectorateError {
  return error instanceof ElectorateError && codes.includes(error.code);
}

/** A one-line text of anything thrown, for log lines. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
