import type { Clock, Timer } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import type { ApiRequest } from "./transport.ts";

/**
 * One request on its way: its deadline, its caller's signal, and the one abort that both pull.
 *
 * Promises: `signal` aborts once, by whichever comes first; the deadline's timer and the listener on the caller's signal
 * do not outlive `end`; whatever is thrown inside the exchange becomes `timeout`, `aborted` or `unreachable`, by its cause.
 */
export class Exchange {
  readonly #controller = new AbortController();
  readonly #deadline: Timer;
  readonly #caller: AbortSignal | undefined;
  readonly #what: string;
  #cause: ElectorateError | undefined;
  readonly #onCallerAbort = (): void => this.abort("its signal was aborted");

  constructor(request: ApiRequest, host: string, clock: Clock) {
    this.#what = `${request.method} ${host}${request.path}`;
    this.#caller = request.signal;
    this.#deadline = clock.timer(request.deadlineMs, () => {
      this.#stop(new ElectorateError("timeout", `${this.#what}: no complete answer within ${request.deadlineMs} ms`));
    });
    if (this.#caller?.aborted) this.#onCallerAbort();
    else this.#caller?.addEventListener("abort", this.#onCallerAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** For a stream, whose deadline ends with the answer's head. */
  cancelDeadline(): void {
    this.#deadline.cancel();
  }

  abort(why: string): void {
    this.#stop(new ElectorateError("aborted", `${this.#what}: abandoned, because ${why}`));
  }

  end(): void {
    this.#deadline.cancel();
    this.#caller?.removeEventListener("abort", this.#onCallerAbort);
  }

  /** Waits for something that knows nothing of this exchange, no longer than the exchange lasts. */
  until<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(this.signal.reason);
      const settle = <V>(how: (value: V) => void): ((value: V) => void) => {
        return (value) => {
          this.signal.removeEventListener("abort", stop);
          how(value);
        };
      };
      if (this.signal.aborted) stop();
      else this.signal.addEventListener("abort", stop, { once: true });
      promise.then(settle<T>(resolve), settle<unknown>(reject));
    });
  }

  /** The error to throw for `error`, whatever library threw it. */
  failure(error: unknown): ElectorateError {
    if (this.#cause !== undefined) return this.#cause;
    const { code, text } = rootOf(error);
    if (code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT") {
      return new ElectorateError("timeout", `${this.#what}: no complete answer in time`, { cause: error });
    }
    if (code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED") {
      return new ElectorateError("aborted", `${this.#what}: abandoned, because the client was closed`, {
        cause: error,
      });
    }
    return new ElectorateError("unreachable", `${this.#what}: ${text}${remedyFor(code)}`, { cause: error });
  }

  #stop(cause: ElectorateError): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#controller.abort(cause);
  }
}

/** The innermost code and message: libraries wrap the system's error, and a host with two addresses fails with two. */
function rootOf(error: unknown): { readonly code: string | undefined; readonly text: string } {
  let at: unknown = error;
  for (let depth = 0; depth < 5; depth++) {
    if (at instanceof AggregateError && at.errors.length > 0) at = at.errors[0];
    else if (at instanceof Error && at.cause instanceof Error && codeOf(at) === undefined) at = at.cause;
    else break;
  }
  const text = at instanceof Error ? at.message : String(at);
  return { code: codeOf(at) ?? codeOf(error), text: text.slice(0, 300) };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

const UNTRUSTED = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_SIGNATURE_FAILURE",
]);

function remedyFor(code: string | undefined): string {
  if (code === undefined) return "";
  if (UNTRUSTED.has(code)) return ` (${code}); check certificate-authority of the cluster in the kubeconfig`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return ` (${code}); check the server's host name or tls-server-name in the kubeconfig`;
  if (code === "CERT_HAS_EXPIRED")
    return ` (${code}); the server's certificate must be renewed, or this machine's clock set`;
  return ` (${code})`;
}
