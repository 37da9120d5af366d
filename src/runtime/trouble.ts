import { ElectorateError, hasCode, messageOf } from "./errors.ts";
import type { Log } from "./telemetry.ts";

interface Trouble {
  readonly cause: string;
  /** What fails of this kind now; the trouble is over when nothing does any more. */
  readonly subjects: Set<string>;
}

/**
 * Says each trouble once when it begins, when its cause changes, and when it is over: a cut line must not fill the log, and a
 * missing permission must not be lost in it.
 */
export class TroubleLog {
  readonly #log: Log;
  readonly #current = new Map<string, Trouble>();

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * `kind` names what fails (`lease-write`), `doing` one instance of it for people (`writing Lease x`), and `subject` that
   * instance where many may fail apart from each other.
   */
  report(kind: string, doing: string, error: unknown, subject = ""): void {
    if (hasCode(error, "aborted")) return;
    const known = this.#current.get(kind);
    const code = error instanceof ElectorateError ? error.code : undefined;
    const cause = code === undefined ? messageOf(error) : code;
    if (known?.cause === cause) {
      known.subjects.add(subject);
      return;
    }
    this.#current.set(kind, { cause, subjects: new Set([...(known?.subjects ?? []), subject]) });
    this.#log.warn({ trouble: kind, ...(code === undefined ? {} : { code }) }, `${doing} failed: ${messageOf(error)}`);
  }

  clear(kind: string, subject = ""): void {
    const known = this.#current.get(kind);
    if (known === undefined || !known.subjects.delete(subject) || known.subjects.size > 0) return;
    this.#current.delete(kind);
    this.#log.info({ trouble: kind }, `${kind} works again`);
  }
}
