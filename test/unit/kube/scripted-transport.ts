import type { ApiRequest, ApiResponse, ApiStream, Transport } from "../../../src/kube/transport.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";

/** One watch that a test feeds by hand. */
export class ScriptedWatch {
  readonly request: ApiRequest;
  pulls = 0;
  #open = true;
  readonly #lines: string[] = [];
  #end: { readonly error?: ElectorateError } | undefined;
  #wake: (() => void) | undefined;

  constructor(request: ApiRequest) {
    this.request = request;
    request.signal?.addEventListener("abort", () => this.#close(), { once: true });
  }

  get open(): boolean {
    return this.#open;
  }

  say(...events: readonly (object | string)[]): void {
    for (const event of events) this.#lines.push(typeof event === "string" ? event : JSON.stringify(event));
    this.#wake?.();
  }

  end(): void {
    this.#end ??= {};
    this.#wake?.();
  }

  cut(): void {
    this.#end ??= { error: new ElectorateError("unreachable", "the line was cut") };
    this.#wake?.();
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#end ??= { error: new ElectorateError("aborted", "aborted by the signal") };
    this.#wake?.();
  }

  async *lines(): AsyncGenerator<string> {
    try {
      for (;;) {
        this.pulls++;
        const line = this.#lines.shift();
        if (line !== undefined) yield line;
        else if (this.#end === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
        else if (this.#end.error === undefined) return;
        else throw this.#end.error;
      }
    } finally {
      this.#open = false;
    }
  }
}

type Known = Partial<ApiResponse> | ElectorateError | "never";
/** An answer, now or when the promise says; `never` ends by the signal of its request only. */
export type Answered = Known | Promise<Known>;

/** A transport whose answers a test writes. */
export class ScriptedTransport implements Transport {
  readonly requests: ApiRequest[] = [];
  readonly watches: ScriptedWatch[] = [];
  /** What the next requests are answered, in order; the last one stays. */
  answers: Answered[] = [];
  /** What the next streams are answered instead of a watch, in order. */
  refusals: Answered[] = [];

  get openWatches(): number {
    return this.watches.filter((watch) => watch.open).length;
  }

  get lists(): number {
    return this.requests.length;
  }

  get watch(): ScriptedWatch {
    const last = this.watches.at(-1);
    if (last === undefined) throw new Error("no watch was opened");
    return last;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    this.requests.push(request);
    return settle(request, (this.answers.length > 1 ? this.answers.shift() : this.answers[0]) ?? list("1"));
  }

  async stream(request: ApiRequest): Promise<ApiStream> {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) {
      const { body, ...head } = await settle(request, refusal);
      return { ...head, lines: oneLine(body) };
    }
    if (request.signal?.aborted) throw new ElectorateError("aborted", "aborted before it began");
    const watch = new ScriptedWatch(request);
    this.watches.push(watch);
    return { status: 200, headers: {}, lines: watch.lines() };
  }

  async close(): Promise<void> {}
}

async function* oneLine(text: string): AsyncGenerator<string> {
  yield text;
}

async function settle(request: ApiRequest, answered: Answered): Promise<ApiResponse> {
  const answer = await answered;
  if (answer instanceof ElectorateError) throw answer;
  if (answer !== "never") return { status: 200, headers: {}, body: "", ...answer };
  return new Promise((_, reject) => {
    request.signal?.addEventListener("abort", () => reject(new ElectorateError("aborted", "aborted by the signal")));
  });
}

export function configMap(name: string, resourceVersion: string): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default", resourceVersion } };
}

/** An answer with a list of ConfigMaps, as the API server sends it: the items without a kind. */
export function list(
  resourceVersion: string,
  names: readonly string[] = [],
  continueToken?: string,
): Partial<ApiResponse> {
  const items = names.map((name) => ({ metadata: { name, namespace: "default", resourceVersion } }));
  const metadata = { resourceVersion, ...(continueToken === undefined ? {} : { continue: continueToken }) };
  return { body: JSON.stringify({ kind: "ConfigMapList", apiVersion: "v1", metadata, items }) };
}

export function status(
  code: number,
  reason: string,
  message = reason,
  headers: Record<string, string> = {},
): Partial<ApiResponse> {
  return { status: code, headers, body: JSON.stringify({ kind: "Status", apiVersion: "v1", code, reason, message }) };
}

export function event(type: "ADDED" | "MODIFIED" | "DELETED", name: string, resourceVersion: string): object {
  return { type, object: configMap(name, resourceVersion) };
}

export function bookmark(resourceVersion: string): object {
  return { type: "BOOKMARK", object: { kind: "ConfigMap", apiVersion: "v1", metadata: { resourceVersion } } };
}

export function inBandError(code: number, reason: string): object {
  return { type: "ERROR", object: { kind: "Status", apiVersion: "v1", code, reason, message: `in-band ${reason}` } };
}
