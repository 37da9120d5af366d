import { type Dispatcher, Pool, ProxyAgent } from "undici";
import { type Clock, systemClock } from "../runtime/clock.ts";
import type { Credentials, TlsMaterial } from "./credentials.ts";
import { Exchange } from "./exchange.ts";
import { readText, splitLines } from "./line-splitter.ts";
import type { ApiRequest, ApiResponse, ApiStream, Transport } from "./transport.ts";
import { userAgent } from "./user-agent.ts";

/**
 * The transport of production: HTTP/1.1 by undici.
 *
 * Promises of this file:
 * - A deadline or an abort destroys the socket of its request. On HTTP/2 it would not, and a dead connection would be used
 *   for ever; so HTTP/2 is never negotiated.
 * - Requests share a few kept-alive connections; each stream has one of its own, in another pool, so that watches never
 *   take a connection from a request.
 * - When a request got no answer in time, and no other did meanwhile, all idle connections are given up with it: they go
 *   the same dead way, and each would cost another deadline.
 * - Nothing is sent twice, and only `unreachable`, `timeout` and `aborted` are thrown.
 * - Changed TLS material (a rotated CA or client certificate) is used from the next request on; exchanges in flight end undisturbed.
 */

/** One answer, or one exchange that ended without: then `code` is `<error>`, as client-go counts it. */
export interface Answer {
  readonly method: string;
  readonly host: string;
  readonly code: string;
}

/** How an HTTP transport behaves; only `component` has no default. */
export interface HttpTransportOptions {
  /** Named in the user agent. */
  readonly component: string;
  /** Most connections for requests, streams not counted. Default 4. */
  readonly connections?: number;
  /** How long one connection may take to open, TLS included. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Largest body of an answer. Default 256 MiB. */
  readonly maxBodyBytes?: number;
  /** Longest line of a stream. Default 64 MiB. */
  readonly maxLineBytes?: number;
  readonly clock?: Clock;
  /** Called once for each exchange, when its head arrives or it fails; feeds `rest_client_requests_total`. */
  readonly onAnswer?: (answer: Answer) => void;
}

const MEBIBYTE = 1024 * 1024;
const ERROR_BODY_BYTES = 4 * MEBIBYTE;
const IDLE_CONNECTION_MS = 20_000;
const TCP_KEEP_ALIVE_MS = 30_000;

/** Opens no connection before the first request. Throws a TypeError when the server of `credentials` is not a URL. */
export function createHttpTransport(credentials: Credentials, options: HttpTransportOptions): Transport {
  return new HttpTransport(credentials, options);
}

/** The pools that were built for one state of the TLS material. */
interface Pools {
  readonly tls: TlsMaterial;
  readonly requests: Dispatcher;
  readonly streams: Dispatcher;
}

class HttpTransport implements Transport {
  readonly #credentials: Credentials;
  readonly #options: Required<Omit<HttpTransportOptions, "onAnswer" | "component">>;
  readonly #onAnswer: (answer: Answer) => void;
  readonly #userAgent: string;
  readonly #origin: string;
  readonly #host: string;
  readonly #prefix: string;
  /** Every exchange that has not ended, so that `close` can abort it. */
  readonly #exchanges = new Set<Exchange>();
  /** Pools of older TLS material whose last exchanges have not ended. */
  readonly #retiring = new Set<Dispatcher>();
  #pools: Pools | undefined;
  #lastAnswerMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(credentials: Credentials, options: HttpTransportOptions) {
    const url = new URL(credentials.server);
    this.#credentials = credentials;
    this.#origin = url.origin;
    this.#host = url.host;
    this.#prefix = url.pathname.replace(/\/+$/, "");
    this.#userAgent = userAgent(options.component);
    this.#onAnswer = options.onAnswer ?? (() => {});
    this.#options = {
      connections: options.connections ?? 4,
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      maxBodyBytes: options.maxBodyBytes ?? 256 * MEBIBYTE,
      maxLineBytes: options.maxLineBytes ?? 64 * MEBIBYTE,
      clock: options.clock ?? systemClock,
    };
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const exchange = this.#begin(request);
    const pools = this.#pools;
    const sentMs = this.#options.clock.monotonicMs();
    try {
      const { statusCode, headers, body } = await this.#send(request, exchange, "requests");
      return { status: statusCode, headers: headersOf(headers), body: await body.text() };
    } catch (error) {
      const failure = exchange.failure(error);
      const silence = failure.code === "timeout" && this.#lastAnswerMs < sentMs;
      if (silence && pools !== undefined && pools === this.#pools) this.#abandonPools();
      throw failure;
    } finally {
      this.#end(exchange);
    }
  }

  async stream(request: ApiRequest): Promise<ApiStream> {
    const exchange = this.#begin(request);
    try {
      const { statusCode, headers, body } = await this.#send(request, exchange, "streams");
      // An abort destroys the body, and its error event must find a listener even while nobody reads.
      body.on("error", () => {});
      const head = { status: statusCode, headers: headersOf(headers) };
      if (statusCode === 200) {
        exchange.cancelDeadline();
        return { ...head, lines: this.#lines(body, exchange) };
      }
      const text = await readText(body, ERROR_BODY_BYTES);
      this.#end(exchange);
      return { ...head, lines: onePiece(text) };
    } catch (error) {
      const failure = exchange.failure(error);
      exchange.abort("its answer could not be read");
      this.#end(exchange);
      throw failure;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const exchange of this.#exchanges) exchange.abort("the client was closed");
    const pools = this.#pools;
    this.#pools = undefined;
    const open = [...this.#retiring, ...(pools === undefined ? [] : [pools.requests, pools.streams])];
    await Promise.all(open.map((dispatcher) => dispatcher.destroy()));
  }

  #begin(request: ApiRequest): Exchange {
    const exchange = new Exchange(request, this.#host, this.#options.clock);
    this.#exchanges.add(exchange);
    if (this.#closed) exchange.abort("the client was closed");
    return exchange;
  }

  #end(exchange: Exchange): void {
    exchange.end();
    this.#exchanges.delete(exchange);
  }

  async #send(request: ApiRequest, exchange: Exchange, kind: "requests" | "streams"): Promise<Dispatcher.ResponseData> {
    try {
      const credentialHeaders = await exchange.until(this.#credentials.headers());
      const sent = this.#currentPools()[kind].request({
        origin: this.#origin,
        method: request.method,
        path: this.#prefix + request.path + queryText(request.query),
        headers: this.#headers(request, credentialHeaders),
        body: request.body ?? null,
        signal: exchange.signal,
        // The exchange's own timer is exact; undici's, coarser, only stands behind it.
        headersTimeout: Math.ceil(request.deadlineMs) + 1_000,
        bodyTimeout: kind === "streams" ? 0 : Math.ceil(request.deadlineMs) + 1_000,
      });
      // undici looks at a request's signal only once its connection stands, which may take longer than the request may.
      sent.then(
        ({ body }) => {
          if (exchange.signal.aborted) body.on("error", () => {}).destroy();
        },
        () => {},
      );
      const answer = await exchange.until(sent);
      this.#lastAnswerMs = this.#options.clock.monotonicMs();
      if (answer.statusCode === 401) this.#credentials.invalidate();
      this.#onAnswer({ method: request.method, host: this.#host, code: String(answer.statusCode) });
      return answer;
    } catch (error) {
      this.#onAnswer({ method: request.method, host: this.#host, code: "<error>" });
      throw error;
    }
  }

  #headers(
    request: ApiRequest,
    credentialHeaders: Awaited<ReturnType<Credentials["headers"]>>,
  ): Record<string, string | string[]> {
    const headers: Record<string, string | string[]> = {
      accept: request.accept ?? "application/json",
      "user-agent": this.#userAgent,
    };
    if (request.body !== undefined) headers["content-type"] = request.contentType ?? "application/json";
    for (const [name, value] of Object.entries(credentialHeaders)) {
      headers[name] = typeof value === "string" ? value : [...value];
    }
    return headers;
  }

  #currentPools(): Pools {
    const { tls } = this.#credentials;
    if (this.#pools?.tls === tls) return this.#pools;
    this.#abandonPools();
    const { connections, maxBodyBytes } = this.#options;
    this.#pools = {
      tls,
      requests: this.#pool(tls, { connections, maxResponseSize: maxBodyBytes, keepAliveTimeout: IDLE_CONNECTION_MS }),
      streams: this.#pool(tls, {}),
    };
    return this.#pools;
  }

  #pool(tls: TlsMaterial, own: Pool.Options): Dispatcher {
    const connect = { ...tls, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS };
    const shared: Pool.Options = {
      ...own,
      allowH2: false,
      pipelining: 1,
      connectTimeout: this.#options.connectTimeoutMs,
    };
    const uri = this.#credentials.proxyUrl;
    if (uri === undefined) return new Pool(this.#origin, { ...shared, connect });
    return new ProxyAgent({ ...shared, uri, requestTls: connect });
  }

  /** New connections from the next request on; exchanges in flight keep theirs until they end. */
  #abandonPools(): void {
    if (this.#pools === undefined) return;
    this.#retire(this.#pools.requests);
    this.#retire(this.#pools.streams);
    this.#pools = undefined;
  }

  #retire(dispatcher: Dispatcher): void {
    this.#retiring.add(dispatcher);
    const forget = (): void => void this.#retiring.delete(dispatcher);
    dispatcher.close().then(forget, forget);
  }

  async *#lines(body: AsyncIterable<Uint8Array>, exchange: Exchange): AsyncGenerator<string> {
    try {
      yield* splitLines(body, this.#options.maxLineBytes);
    } catch (error) {
      throw exchange.failure(error);
    } finally {
      this.#end(exchange);
    }
  }
}

async function* onePiece(text: string): AsyncGenerator<string> {
  yield text;
}

function queryText(query: ApiRequest["query"]): string {
  if (query === undefined) return "";
  const text = new URLSearchParams(query).toString();
  return text === "" ? "" : `?${text}`;
}

function headersOf(headers: Dispatcher.ResponseData["headers"]): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = typeof value === "string" ? value : value.join(", ");
  }
  return flat;
}
