/**
 * The one way to the API server. Everything above it (client, list+watch, lease store, sources) is the same code in
 * production, where the transport is HTTP, and in the simulator, where it is a simulated network in front of the
 * embedded API server's core.
 */

/** One request, as every transport takes it. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path without query, starting with `/`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Content type of `body`; `application/json` when left out. */
  readonly contentType?: string;
  /** Value of the `Accept` header; `application/json` when left out. */
  readonly accept?: string;
  readonly body?: string;
  /** The whole exchange fails with code `timeout` after this long. Every request has one. For a stream it bounds the wait for the answer's head. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/** One whole answer, of any status. */
export interface ApiResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A watch as it arrives. Ends when the server ends it; throws `unreachable` when the line is cut, `aborted` by the request's signal. */
export interface ApiStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Complete lines without their newline. For a status that is not 200, the body in one piece. Returning early closes the connection. */
  readonly lines: AsyncIterable<string>;
}

/**
 * Answers with any status are values; only the lack of an answer is thrown, as an `ElectorateError` with code
 * `unreachable`, `timeout` or `aborted`. After a throw it is unknown whether a write was applied. Nothing is retried here.
 */
export interface Transport {
  request(request: ApiRequest): Promise<ApiResponse>;
  stream(request: ApiRequest): Promise<ApiStream>;
  /** Closes every connection. */
  close(): Promise<void>;
}
