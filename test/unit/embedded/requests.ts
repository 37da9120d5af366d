import { ApiServerCore, type ApiServerCoreOptions, type CoreRequest, type Watch } from "../../../src/embedded/index.ts";
import type { Randomness } from "../../../src/runtime/randomness.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

/** Numbers that repeat from run to run. */
function countingRandomness(): Randomness {
  let count = 0;
  return {
    next: () => {
      count += 1;
      return (count * 0.618_033_988_75) % 1;
    },
    uuid: () => {
      count += 1;
      return `00000000-0000-4000-8000-${String(count).padStart(12, "0")}`;
    },
  };
}

export const LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
export const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
export const MERGE = "application/merge-patch+json";

/** The fields of answers that tests look at; one that is absent reads as `undefined`. */
export interface Body {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: BodyMetadata;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, unknown>>;
  readonly data: Readonly<Record<string, string>>;
  readonly items: readonly Body[];
  readonly message: string;
  readonly reason: string;
  readonly code: number;
  readonly [field: string]: unknown;
}

export interface BodyMetadata {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly continue: string;
  readonly remainingItemCount: number;
  readonly generation: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

export interface Reply {
  readonly status: number;
  readonly body: Body;
}

export interface WatchedEvent {
  readonly type: string;
  readonly object: Body;
}

export const bodyIn = (text: string): Body => JSON.parse(text) as Body;

export const eventIn = (line: string): WatchedEvent => JSON.parse(line) as WatchedEvent;

/** A watch whose lines are kept. */
export interface Watched {
  readonly watch: Watch;
  /** `TYPE name@resourceVersion` of each event so far. */
  readonly seen: () => string[];
  readonly events: WatchedEvent[];
  readonly ended: () => string | undefined;
}

/** A core under virtual time, and the verbs on it. */
export class Api {
  readonly clock = new VirtualClock();
  readonly core: ApiServerCore;

  constructor(options: Partial<ApiServerCoreOptions> = {}) {
    this.core = new ApiServerCore({ clock: this.clock, randomness: countingRandomness(), ...options });
  }

  /** One request; a `body` that is a string is sent as it is. */
  send(method: string, url: string, body?: unknown, extra: Partial<CoreRequest> = {}): Reply {
    const [path = "", search = ""] = url.split("?");
    const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
    const answer = this.core.handle({
      method,
      path,
      query: Object.fromEntries(new URLSearchParams(search)),
      ...(text === undefined ? {} : { body: text }),
      ...extra,
    });
    if (answer.kind === "stream") throw new Error(`${url} is a watch`);
    const json = answer.headers["content-type"] === "application/json";
    return { status: answer.status, body: bodyIn(json ? answer.body : JSON.stringify({ message: answer.body })) };
  }

  get(url: string, extra?: Partial<CoreRequest>): Reply {
    return this.send("GET", url, undefined, extra);
  }

  post(url: string, body: unknown): Reply {
    return this.send("POST", url, body);
  }

  put(url: string, body: unknown): Reply {
    return this.send("PUT", url, body);
  }

  patch(url: string, body: unknown, contentType = MERGE): Reply {
    return this.send("PATCH", url, body, { contentType });
  }

  delete(url: string, body?: unknown): Reply {
    return this.send("DELETE", url, body);
  }

  /** Creates a Lease or ConfigMap and answers with it. */
  made(url: string, name: string, rest: { readonly metadata?: object; readonly [field: string]: unknown } = {}): Body {
    const { metadata, ...fields } = rest;
    const reply = this.post(url, { metadata: { name, ...metadata }, ...fields });
    if (reply.status !== 201) throw new Error(`cannot make ${name}: ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  watch(url: string, extra: Partial<CoreRequest> = {}): Watched {
    const [path = "", search = ""] = url.split("?");
    const query = { watch: "true", ...Object.fromEntries(new URLSearchParams(search)) };
    const answer = this.core.handle({ method: "GET", path, query, ...extra });
    if (answer.kind !== "stream") throw new Error(`${url} is no watch: ${answer.body}`);
    const events: WatchedEvent[] = [];
    let ended: string | undefined;
    answer.watch.subscribe({
      line: (line) => {
        events.push(eventIn(line));
      },
      end: (how) => {
        ended = how;
      },
    });
    const seen = (): string[] =>
      events.map(({ type, object }) =>
        type === "ERROR"
          ? `ERROR ${object.code} ${object.reason}`
          : `${type} ${object.metadata.name ?? "-"}@${object.metadata.resourceVersion}`,
      );
    return { watch: answer.watch, events, seen, ended: () => ended };
  }
}

/** The names of a list's items. */
export const names = (reply: Reply): string[] => reply.body.items.map((item) => item.metadata.name);
