import { type Clock, sleep } from "../runtime/clock.ts";
import { ElectorateError, hasCode } from "../runtime/errors.ts";
import type { Randomness } from "../runtime/randomness.ts";
import { answerError } from "./answer.ts";
import { type BackOff, delayOf } from "./back-off.ts";
import type { ApiRequest, ApiResponse, Transport } from "./transport.ts";

/**
 * A transport that tries again where that is harmless, for callers who would do it themselves. Nothing that keeps a Lease
 * goes through it: a repeated write would need the moment at which it was first sent.
 */

/** What may be sent again, and how often. */
export interface Patience {
  /** How often a GET is sent again after no answer, 429 or 5xx. Default 0. */
  readonly reads?: number;
  /** How often a request of any kind is sent again after a 429 with Retry-After: it was refused unread, so it was not applied. Default 0. */
  readonly throttled?: number;
}

const BACK_OFF: BackOff = { baseMs: 200, maxMs: 5_000 };

/** The deadline of a request bounds all its tries together. */
export function patient(transport: Transport, clock: Clock, randomness: Randomness, patience: Patience): Transport {
  return {
    stream: (request) => transport.stream(request),
    close: () => transport.close(),
    async request(request) {
      const untilMs = clock.monotonicMs() + request.deadlineMs;
      for (let tries = 1; ; tries++) {
        const remainingMs = Math.max(1, untilMs - clock.monotonicMs());
        const outcome = await attempt(transport, { ...request, deadlineMs: remainingMs });
        const error = outcome instanceof ElectorateError ? outcome : answerFailure(outcome, request, clock);
        if (error === undefined || tries > triesAgain(request, error, patience)) return unwrap(outcome);
        const waitMs = Math.max(delayOf(BACK_OFF, tries, randomness), error.retryAfterMs ?? 0);
        if (clock.monotonicMs() + waitMs >= untilMs) return unwrap(outcome);
        await pause(clock, waitMs, request);
      }
    },
  };
}

async function attempt(transport: Transport, request: ApiRequest): Promise<ApiResponse | ElectorateError> {
  try {
    return await transport.request(request);
  } catch (error) {
    if (error instanceof ElectorateError) return error;
    throw error;
  }
}

function answerFailure(answer: ApiResponse, request: ApiRequest, clock: Clock): ElectorateError | undefined {
  return answer.status >= 400 ? answerError(answer, `${request.method} ${request.path}`, clock.wallMs()) : undefined;
}

function unwrap(outcome: ApiResponse | ElectorateError): ApiResponse {
  if (outcome instanceof ElectorateError) throw outcome;
  return outcome;
}

function triesAgain(request: ApiRequest, error: ElectorateError, patience: Patience): number {
  const throttled =
    error.code === "too-many-requests" && error.retryAfterMs !== undefined ? (patience.throttled ?? 0) : 0;
  const readable =
    request.method === "GET" && hasCode(error, "unreachable", "timeout", "too-many-requests", "server-error");
  return Math.max(throttled, readable ? (patience.reads ?? 0) : 0);
}

async function pause(clock: Clock, waitMs: number, request: ApiRequest): Promise<void> {
  try {
    await sleep(clock, waitMs, request.signal);
  } catch (cause) {
    throw abandoned(request, cause);
  }
}

function abandoned(request: ApiRequest, cause: unknown): ElectorateError {
  const what = `${request.method} ${request.path}`;
  return new ElectorateError("aborted", `${what}: abandoned while it waited to be sent again`, { cause });
}
