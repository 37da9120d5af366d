/**
 * A transport straight onto the core, without HTTP, through a network that a simulator can play.
 *
 * Promises of this file: every message of an exchange (request, answer, each event of a watch, the end of a watch) goes
 * through the network once; the messages of one watch arrive in order; a request that is delivered late is applied late,
 * whatever the client has given up on; after the deadline, the abort or the return of the reader nothing more is delivered,
 * and the server's watch is closed.
 */
import type { ApiRequest, ApiResponse, ApiStream, Transport } from "../kube/transport.ts";
import { type Clock, systemClock, type Timer } from "../runtime/clock.ts";
import { ElectorateError, type ErrorCode } from "../runtime/errors.ts";
import type { ApiServerCore, Outcome } from "./core.ts";
import { StreamLines, single } from "./lines.ts";
import { type Network, OrderedArrivals, once, perfectNetwork } from "./network.ts";
import type { CoreRequest } from "./routes.ts";
import type { Answer } from "./verbs.ts";
import type { Watch } from "./watch.ts";

/** Whose clock, network and credentials a transport uses. */
export interface CoreTransportOptions {
  /** The client's clock, for deadlines. Default: the clocks of this process. */
  readonly clock?: Clock;
  /** Default: {@link perfectNetwork}. */
  readonly network?: Network;
  /** Bearer token of every request. */
  readonly token?: string;
  readonly userAgent?: string;
}

/** A transport onto `core`. Closing it fails what is under way with `aborted`. */
export function coreTransport(core: ApiServerCore, options: CoreTransportOptions = {}): Transport {
  return new CoreTransport(core, options);
}

/** What the client's side of an exchange does with what arrives. */
interface Client {
  answered(answer: Answer, exchange: Exchange): void;
  event(line: string): void;
  finished(): void;
  failed(error: ElectorateError): void;
}

class CoreTransport implements Transport {
  readonly #core: ApiServerCore;
  readonly #options: CoreTransportOptions;
  readonly #open = new Set<Exchange>();
  #exchanges = 0;
  #closed = false;

  constructor(core: ApiServerCore, options: CoreTransportOptions) {
    this.#core = core;
    this.#options = options;
  }

  request(request: ApiRequest): Promise<ApiResponse> {
    return new Promise((resolve, reject) => {
      this.#begin(request, {
        answered(answer, exchange) {
          if (answer.kind === "body") resolve(answer);
          // A watch where an answer was expected would never end.
          else reject(new ElectorateError("misuse", `${request.method} ${request.path} is a watch: use stream()`));
          exchange.finish();
        },
        event() {},
        finished() {},
        failed: reject,
      });
    });
  }

  stream(request: ApiRequest): Promise<ApiStream> {
    return new Promise((resolve, reject) => {
      const lines = new StreamLines(() => exchange.finish());
      const exchange = this.#begin(request, {
        answered(answer, own) {
          const { status, headers } = answer;
          if (answer.kind === "stream") resolve({ status, headers, lines });
          else {
            resolve({ status, headers, lines: single(answer.body) });
            own.finish();
          }
        },
        event: (line) => lines.push(line),
        finished: () => lines.end(),
        failed(error) {
          reject(error);
          lines.fail(error);
        },
      });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const exchange of [...this.#open]) exchange.fail("aborted", "the transport was closed");
  }

  #begin(request: ApiRequest, client: Client): Exchange {
    this.#exchanges += 1;
    const { clock = systemClock, network = perfectNetwork } = this.#options;
    const exchange = new Exchange(this.#exchanges, request, network, clock, client, () => this.#open.delete(exchange));
    this.#open.add(exchange);
    if (this.#closed) exchange.fail("aborted", "the transport is closed");
    else exchange.begin(this.#core, this.#coreRequest(request));
    return exchange;
  }

  #coreRequest(request: ApiRequest): CoreRequest {
    const { method, path, query, accept, contentType, body } = request;
    const { token, userAgent } = this.#options;
    return {
      method,
      path,
      ...(query === undefined ? {} : { query }),
      ...(accept === undefined ? {} : { accept }),
      ...(contentType === undefined ? {} : { contentType }),
      ...(body === undefined ? {} : { body }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(userAgent === undefined ? {} : { userAgent }),
    };
  }
}

/** One request and everything that comes back for it. */
class Exchange {
  readonly #number: number;
  readonly #request: ApiRequest;
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #client: Client;
  readonly #ended: () => void;
  readonly #arrivals = new OrderedArrivals();
  readonly #aborted = (): void => this.fail("aborted", "the request was aborted");
  #deadline: Timer | undefined;
  #watch: Watch | undefined;
  #over = false;

  constructor(number: number, request: ApiRequest, network: Network, clock: Clock, client: Client, ended: () => void) {
    this.#number = number;
    this.#request = request;
    this.#network = network;
    this.#clock = clock;
    this.#client = client;
    this.#ended = ended;
  }

  begin(core: ApiServerCore, request: CoreRequest): void {
    const { signal, deadlineMs } = this.#request;
    if (this.#over) return;
    if (signal?.aborted) {
      this.#aborted();
      return;
    }
    signal?.addEventListener("abort", this.#aborted, { once: true });
    this.#deadline = this.#clock.timer(deadlineMs, () => this.fail("timeout", `no answer within ${deadlineMs} ms`));
    // It is applied even when the client has given up meanwhile: it was on its way.
    const arrive = (): void => core.exchange(request, (outcome) => this.#answered(outcome));
    this.#network.send(this.#message("request"), once(arrive, this.#cut));
  }

  /** Ends the exchange on both sides; nothing more is delivered. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#deadline?.cancel();
    this.#request.signal?.removeEventListener("abort", this.#aborted);
    this.#arrivals.clear();
    this.#watch?.close();
    this.#ended();
  }

  fail(code: ErrorCode, because: string): void {
    if (this.#over) return;
    this.finish();
    const { method, path } = this.#request;
    this.#client.failed(new ElectorateError(code, `${method} ${path}: ${because}`));
  }

  readonly #cut = (): void => this.fail("unreachable", "the connection was cut");

  #message(kind: "request" | "answer" | "event" | "end") {
    return { kind, exchange: this.#number, request: this.#request } as const;
  }

  #send(kind: "answer" | "event" | "end", action: () => void): void {
    this.#network.send(this.#message(kind), once(this.#arrivals.slot(action), this.#cut));
  }

  #answered(outcome: Outcome): void {
    if (this.#over) {
      if (outcome.kind === "stream") outcome.watch.close();
      return;
    }
    if (outcome.kind === "dropped") {
      this.#send("answer", this.#cut);
      return;
    }
    this.#send("answer", () => {
      this.#deadline?.cancel();
      this.#client.answered(outcome, this);
    });
    if (outcome.kind === "stream") this.#follow(outcome.watch);
  }

  #follow(watch: Watch): void {
    this.#watch = watch;
    watch.subscribe({
      line: (line) => this.#send("event", () => this.#client.event(line)),
      end: (how) => {
        if (this.#over) return;
        this.#send("end", () => {
          if (how === "cut") this.#cut();
          else {
            this.#client.finished();
            this.finish();
          }
        });
      },
    });
  }
}
