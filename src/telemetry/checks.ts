import { type Clock, systemClock } from "../runtime/clock.ts";
import { ElectorateError, messageOf } from "../runtime/errors.ts";

/**
 * Named checks of whether this process lives and is ready, answered in the style of Kubernetes' own components.
 *
 * Promises of this file: every check is bounded by a time-out; a check that hangs is never started a second time beside
 * itself, and reports failure until it ends; a check that throws fails, and nothing else.
 */

/** Returns when all is well; throws or rejects with the reason otherwise. `signal` aborts at the check's time-out. */
export type HealthCheck = (signal: AbortSignal) => void | Promise<void>;

/** What one check said; `problem` is undefined when it passed. */
export interface CheckResult {
  readonly name: string;
  readonly problem: string | undefined;
}

export type CheckKind = "live" | "ready";

const DEFAULT_TIMEOUT_MS = 2_000;
const LONGEST_PROBLEM = 300;

interface RegisteredCheck {
  readonly name: string;
  readonly check: HealthCheck;
  readonly timeoutMs: number;
  /** What the run that has not ended yet answers: probes that come together share it, and a hanging check does not pile up. */
  running: Promise<string | undefined> | undefined;
}

/** The live and ready checks of one process. Without any, both kinds pass by their built-in `ping`. A check has 2,000 ms unless it says otherwise. */
export class HealthChecks {
  readonly #clock: Clock;
  readonly #checks: Record<CheckKind, Map<string, RegisteredCheck>> = { live: new Map(), ready: new Map() };

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.#add("live", "ping", () => {});
    this.#add("ready", "ping", () => {});
  }

  /**
   * Adds a condition of `/readyz`; a replica that is not ready gets no traffic, but works on.
   * @throws ElectorateError `misuse` for a name that exists, or holds anything but letters, digits, `.`, `_` and `-`.
   */
  addReadyCheck(name: string, check: HealthCheck, timeoutMs = DEFAULT_TIMEOUT_MS): void {
    this.#add("ready", name, check, timeoutMs);
  }

  /** Adds a condition of `/livez`; a process that is not alive is restarted by the kubelet. Throws as {@link addReadyCheck} does. */
  addLiveCheck(name: string, check: HealthCheck, timeoutMs = DEFAULT_TIMEOUT_MS): void {
    this.#add("live", name, check, timeoutMs);
  }

  names(kind: CheckKind): string[] {
    return [...this.#checks[kind].keys()];
  }

  /** Runs every check of a kind at once, or those named; in the order in which they were added. */
  run(kind: CheckKind, names: readonly string[] = this.names(kind)): Promise<CheckResult[]> {
    const checks = [...this.#checks[kind].values()].filter(({ name }) => names.includes(name));
    return Promise.all(checks.map(async (check) => ({ name: check.name, problem: await this.#bounded(check) })));
  }

  #add(kind: CheckKind, name: string, check: HealthCheck, timeoutMs = DEFAULT_TIMEOUT_MS): void {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
      throw new ElectorateError(
        "misuse",
        `the name of a check must be of letters, digits, ".", "_" and "-", but is "${name}"`,
      );
    }
    if (this.#checks[kind].has(name)) throw new ElectorateError("misuse", `there is a ${kind} check "${name}" already`);
    this.#checks[kind].set(name, { name, check, timeoutMs, running: undefined });
  }

  /** The reason of the failure, `undefined` for success. Never rejects. */
  #bounded(check: RegisteredCheck): Promise<string | undefined> {
    if (check.running !== undefined) return check.running;
    const abort = new AbortController();
    const ended = Promise.resolve()
      .then(() => check.check(abort.signal))
      .then(
        () => undefined,
        (error: unknown) => reasonOf(error),
      )
      .finally(() => {
        check.running = undefined;
      });
    check.running = new Promise((resolve) => {
      const timer = this.#clock.timer(check.timeoutMs, () => {
        resolve(`timed out after ${check.timeoutMs} ms`);
        abort.abort(
          new ElectorateError("timeout", `health check "${check.name}" timed out after ${check.timeoutMs} ms`),
        );
      });
      void ended.then((problem) => {
        timer.cancel();
        resolve(problem);
      });
    });
    return check.running;
  }
}

/** One short line that is never empty, because an empty reason would read as success. */
function reasonOf(error: unknown): string {
  const line = messageOf(error).split("\n", 1)[0]?.trim() ?? "";
  return line === "" ? "failed without a reason" : line.slice(0, LONGEST_PROBLEM);
}
