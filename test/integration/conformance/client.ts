/**
 * The plainest possible HTTP client of an API server: the suite must see what is on the wire, not what a library makes of it.
 *
 * Promises: any status is an answer; nothing is retried; every wait is bounded.
 */
import http from "node:http";
import https from "node:https";

export type Json = null | boolean | number | string | readonly Json[] | Body;
export interface Body {
  readonly [field: string]: Json | undefined;
}

export interface Credentials {
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
}

export interface Ask {
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON; a string is sent as it is. */
  readonly body?: Body | readonly Json[] | string;
  readonly contentType?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** The parsed answer; `{}` if it is not a JSON object. */
  readonly body: Body;
}

export interface WatchEvent {
  readonly type: string;
  readonly object: Body;
}

const DEADLINE_MS = 30_000;

export class ApiClient {
  readonly url: string;
  readonly #credentials: Credentials;
  readonly #agent: http.Agent;

  constructor(url: string, credentials: Credentials = {}) {
    this.url = url;
    this.#credentials = credentials;
    const { ca, certificate, key } = credentials;
    const tls = { ...(ca && { ca }), ...(certificate && { cert: certificate }), ...(key && { key }) };
    this.#agent = url.startsWith("https:")
      ? new https.Agent({ ...tls, keepAlive: true, maxSockets: 32 })
      : new http.Agent({ keepAlive: true, maxSockets: 32 });
  }

  /** The same server with other credentials, or none. */
  as(token: string | undefined): ApiClient {
    const { ca } = this.#credentials;
    return new ApiClient(this.url, { ...(ca && { ca }), ...(token && { token }) });
  }

  get(path: string, ask: Ask = {}): Promise<Reply> {
    return this.send("GET", path, ask);
  }
  list(path: string, query: Readonly<Record<string, string>> = {}): Promise<Reply> {
    return this.send("GET", path, { query });
  }
  post(path: string, body: Body | string, ask: Ask = {}): Promise<Reply> {
    return this.send("POST", path, { ...ask, body });
  }
  put(path: string, body: Body | string, ask: Ask = {}): Promise<Reply> {
    return this.send("PUT", path, { ...ask, body });
  }
  delete(path: string, options?: Body, ask: Ask = {}): Promise<Reply> {
    return this.send("DELETE", path, options === undefined ? ask : { ...ask, body: options });
  }
  /** A merge patch unless `contentType` says otherwise. */
  patch(path: string, body: Body | readonly Json[] | string, ask: Ask = {}): Promise<Reply> {
    return this.send("PATCH", path, { contentType: "application/merge-patch+json", ...ask, body });
  }

  async send(method: string, path: string, ask: Ask = {}): Promise<Reply> {
    const answer = await this.#open(method, path, ask, AbortSignal.timeout(DEADLINE_MS));
    let text = "";
    answer.setEncoding("utf8");
    for await (const chunk of answer) text += String(chunk);
    return { status: answer.statusCode ?? 0, headers: answer.headers, text, body: objectOf(text) };
  }

  /** Opens a watch; `query` needs no `watch=true`. */
  async watch(path: string, query: Readonly<Record<string, string>> = {}, accept?: string): Promise<WatchStream> {
    const abort = new AbortController();
    const ask = { query: { watch: "true", ...query }, ...(accept && { accept }) };
    const timer = setTimeout(() => abort.abort(new Error("the watch was not answered in time")), DEADLINE_MS);
    try {
      return new WatchStream(await this.#open("GET", path, ask, abort.signal), abort);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #open(method: string, path: string, ask: Ask, signal: AbortSignal): Promise<http.IncomingMessage> {
    const url = new URL(path, this.url);
    for (const [name, value] of Object.entries(ask.query ?? {})) url.searchParams.set(name, value);
    const body = typeof ask.body === "string" ? ask.body : ask.body && JSON.stringify(ask.body);
    const headers: Record<string, string> = { accept: ask.accept ?? "application/json", ...ask.headers };
    if (body !== undefined) {
      headers["content-type"] = ask.contentType ?? "application/json";
      // Node sends the body of a DELETE without a length unless told, and servers then see none.
      headers["content-length"] = String(Buffer.byteLength(body));
    }
    if (this.#credentials.token) headers["authorization"] = `Bearer ${this.#credentials.token}`;
    const request = url.protocol === "https:" ? https.request : http.request;
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, headers, agent: this.#agent, signal }, resolve);
      sent.on("error", reject);
      sent.end(body);
    });
  }
}

/** An open watch, read event by event. */
export class WatchStream {
  readonly status: number;
  readonly #abort: AbortController;
  readonly #lines: AsyncIterator<string>;

  constructor(answer: http.IncomingMessage, abort: AbortController) {
    this.status = answer.statusCode ?? 0;
    this.#abort = abort;
    this.#lines = linesOf(answer);
  }

  /** The next event; fails if the watch ends or is silent for too long. */
  async next(): Promise<WatchEvent> {
    const line = await this.line();
    if (line === undefined) throw new Error("the watch ended where an event was expected");
    const { type, object } = objectOf(line);
    if (typeof type !== "string" || !isBody(object)) throw new Error(`not a watch event: ${line.slice(0, 300)}`);
    return { type, object };
  }

  /** The next events, as many as asked for. */
  async take(count: number): Promise<WatchEvent[]> {
    const events: WatchEvent[] = [];
    while (events.length < count) events.push(await this.next());
    return events;
  }

  /** The next line, or undefined at the end of the answer. */
  async line(): Promise<string | undefined> {
    const timer = setTimeout(() => this.#abort.abort(new Error("the watch was silent for too long")), DEADLINE_MS);
    try {
      const result = await this.#lines.next();
      return result.done === true ? undefined : result.value;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Reads to the end of the answer; gives the events that came before it. */
  async untilEnd(): Promise<WatchEvent[]> {
    const events: WatchEvent[] = [];
    for (let line = await this.line(); line !== undefined; line = await this.line()) {
      const { type, object } = objectOf(line);
      if (typeof type === "string" && isBody(object)) events.push({ type, object });
    }
    return events;
  }

  close(): void {
    this.#abort.abort();
  }
}

async function* linesOf(answer: http.IncomingMessage): AsyncGenerator<string> {
  let rest = "";
  answer.setEncoding("utf8");
  for await (const chunk of answer) {
    const parts = (rest + String(chunk)).split("\n");
    rest = parts.pop() ?? "";
    yield* parts.filter((line) => line !== "");
  }
  if (rest !== "") yield rest;
}

export function isBody(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectOf(text: string): Body {
  try {
    const value: unknown = JSON.parse(text);
    return isBody(value) ? value : {};
  } catch {
    return {};
  }
}
