import { type ElectorateError, hasCode, messageOf } from "./errors.ts";
import type { Log } from "./telemetry.ts";

/**
 * Says each trouble once when it begins, when its cause changes, and when it is over: a cut line must not fill the log, and a
 * missing permission must not be lost in it.
 */
export class TroubleLog {
  readonly #log: Log;
  readonly #current = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** `kind` names what fails (`lease-write`), `doing` one instance of it for people (`writing Lease x`). */
  report(kind: string, doing: string, error: unknown): void {
    if (hasCode(error, "aborted")) return;
    const cause = isElectorateError(error) ? `${error.code} ${error.status ?? ""}` : messageOf(error);
    if (this.#current.get(kind) === cause) return;
    this.#current.set(kind, cause);
    this.#log.warn(
      { trouble: kind, code: isElectorateError(error) ? error.code : undefined },
      `${doing} failed: ${messageOf(error)}`,
    );
  }

  clear(kind: string): void {
    if (this.#current.delete(kind)) this.#log.info({ trouble: kind }, `${kind} works again`);
  }

  /** Troubles that are not over, by kind. */
  get current(): ReadonlyMap<string, string> {
    return this.#current;
  }
}

function isElectorateError(error: unknown): error is ElectorateError {
  return error instanceof Error && error.name === "ElectorateError";
}
