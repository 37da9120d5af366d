/**
 * The API server without HTTP.
 *
 * Promises of this file: `handle` is synchronous and does exactly one request; every write has one resourceVersion out of one
 * growing sequence over all kinds; watchers hear of a write before `handle` returns. `exchange` is `handle` behind latency and
 * faults, and the way in for everything that plays a client.
 */
import type { Clock, Timer } from "../runtime/clock.ts";
import type { Randomness } from "../runtime/randomness.ts";
import {
  type AccessRequest,
  ANONYMOUS,
  type Authorizer,
  accessOf,
  authenticate,
  refuseAccess,
  refusePath,
  type User,
} from "./access.ts";
import { BUILTIN_KINDS, NAMESPACES } from "./builtin-kinds.ts";
import { CustomKinds } from "./custom-kinds.ts";
import { DependentsCollector } from "./deletions.ts";
import { type Fault, Faults, type RequestAttributes } from "./faults.ts";
import { NamespaceRemoval } from "./namespaces.ts";
import { answerPath } from "./paths.ts";
import { Reader } from "./reads.ts";
import { bodyTooLarge, LARGEST_BODY_BYTES, Refusal } from "./refusal.ts";
import { RequestCounts } from "./request-counts.ts";
import { type CustomResource, defineCustom, ResourceRegistry } from "./resources.ts";
import { type CoreRequest, type Route, route, type Target } from "./routes.ts";
import { Storage, type StorageState } from "./storage.ts";
import { type Answer, answerTarget, type Parts, refusalAnswer, statusAnswer } from "./verbs.ts";
import type { Watch, WatchEnd } from "./watch.ts";
import { Writer } from "./writes.ts";

/** One line of the request log. */
export interface RequestRecord {
  readonly verb: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly user: string;
  readonly userAgent: string;
  readonly status: number;
  readonly wallMs: number;
}

/** What an {@link ApiServerCore} is made of; everything but the clock and the randomness has a default. */
export interface ApiServerCoreOptions {
  readonly clock: Clock;
  readonly randomness: Randomness;
  /** Changes kept per resource for watches and pages; at most twice as many are held. Default 4,096. */
  readonly historyLimit?: number;
  /** How often a watch that asked for bookmarks gets one, in milliseconds. Default one minute, as on the real server. */
  readonly bookmarkIntervalMs?: number;
  /** Namespaces beside `default`, `kube-system`, `kube-public` and `kube-node-lease`. */
  readonly namespaces?: readonly string[];
  /** Custom kinds that exist from the start. */
  readonly resources?: readonly CustomResource[];
  /** Users by bearer token. Without any, every request is an administrator's. */
  readonly tokens?: Readonly<Record<string, User>>;
  /** Asked for each request on a resource; everything is granted when left out. */
  readonly authorize?: Authorizer;
  /** Time that each exchange takes before it is handled, in milliseconds. Default 0. */
  readonly latencyMs?: number;
  /** Hears of every request once it is answered. */
  readonly onRequest?: (record: RequestRecord) => void;
}

const PROBES = /^\/(?:healthz|livez|readyz|version)(?:\/|$)/;
/** Deep enough to name a resource of a group version. */
const IS_RESOURCE = /^\/(?:api|apis\/[^/]+)\/[^/]+\/[^/]/;

/** What becomes of an exchange: an answer, or a broken connection. */
export type Outcome = Answer | { readonly kind: "dropped" };

const HISTORY_LIMIT = 4_096;
const BOOKMARK_INTERVAL_MS = 60_000;
const FIRST_NAMESPACES = ["default", "kube-node-lease", "kube-public", "kube-system"];

/**
 * The API server as an object: `handle` does one request at once, `exchange` does it behind latency and faults. `close` it when
 * it runs on real timers.
 */
export class ApiServerCore {
  /** Answers that are to be wrong, late or missing. */
  readonly faults = new Faults();
  /** Requests so far, by verb, resource and status. */
  readonly requests = new RequestCounts();
  /** Users by bearer token; may be changed while the server runs. */
  readonly tokens: Map<string, User>;
  /** Time that each exchange takes before it is handled, in milliseconds. */
  latencyMs: number;
  /** Grants or denies each request on a resource; may be replaced while the server runs. */
  authorize: Authorizer | undefined;

  readonly #options: ApiServerCoreOptions;
  readonly #storage: Storage;
  readonly #registry = new ResourceRegistry();
  readonly #parts: Parts;
  readonly #namespaceRemoval: NamespaceRemoval;
  readonly #customKinds: CustomKinds;
  readonly #delayed = new Set<Timer>();

  constructor(options: ApiServerCoreOptions) {
    this.#options = options;
    this.tokens = new Map(Object.entries(options.tokens ?? {}));
    this.authorize = options.authorize;
    this.latencyMs = options.latencyMs ?? 0;
    const { clock, randomness } = options;
    this.#storage = new Storage(options.historyLimit ?? HISTORY_LIMIT);
    const storage = this.#storage;
    const bookmarkIntervalMs = options.bookmarkIntervalMs ?? BOOKMARK_INTERVAL_MS;
    this.#parts = {
      reader: new Reader({ storage, clock, randomness, bookmarkIntervalMs }),
      writer: new Writer({ storage, clock, randomness }),
      clock,
      collector: new DependentsCollector(storage, clock),
    };
    this.#namespaceRemoval = new NamespaceRemoval(storage, clock);
    for (const definition of BUILTIN_KINDS) this.#registry.add(definition);
    for (const resource of options.resources ?? []) this.registerResource(resource);
    this.#customKinds = new CustomKinds(storage, this.#registry, clock);
    for (const name of [...FIRST_NAMESPACES, ...(options.namespaces ?? [])]) this.createNamespace(name);
  }

  /** The newest resourceVersion. */
  get resourceVersion(): string {
    return String(this.#storage.revision);
  }

  /** The watches that are open now: they can be held, ended or cut. */
  get watches(): readonly Watch[] {
    return this.#parts.reader.watches;
  }

  /** Serves a custom kind, without a CustomResourceDefinition. */
  registerResource(resource: CustomResource): void {
    this.#registry.add(defineCustom(resource));
  }

  /** Creates a Namespace unless it exists. */
  createNamespace(name: string): void {
    const resource = this.#registry.find("v1", NAMESPACES);
    if (resource === undefined || this.#storage.collection(NAMESPACES).get(name) !== undefined) return;
    const target: Target = { verb: "create", resource, namespace: undefined, name: undefined, subresource: undefined };
    this.#parts.writer.create(target, JSON.stringify({ metadata: { name } }), {
      dryRun: false,
      validation: "Ignore",
      warnings: [],
    });
  }

  /** Forgets the history up to `resourceVersion`, the newest one when left out: older watches and pages get 410. */
  compact(resourceVersion: string = this.resourceVersion): void {
    this.#storage.compact(Number(resourceVersion));
  }

  /** A backup of all objects. */
  save(): StorageState {
    return this.#storage.save();
  }

  /** Puts a backup back, as a restore of etcd does: resourceVersions go back too, and every watch is cut. */
  restore(state: StorageState): void {
    this.endWatches("cut");
    this.#storage.restore(state);
    this.#customKinds.synchronise();
  }

  endWatches(how: WatchEnd): void {
    for (const watch of this.watches) watch.end(how);
  }

  /** Ends every watch and every timer. */
  close(): void {
    this.endWatches("finished");
    this.#namespaceRemoval.close();
    this.#parts.collector.close();
    for (const timer of this.#delayed) timer.cancel();
    this.#delayed.clear();
  }

  /** Does one request now, without latency and faults. */
  handle(request: CoreRequest): Answer {
    let user: User | undefined;
    let found: Route | undefined;
    let answer: Answer;
    try {
      user = this.#userOf(request);
      found = route(request, this.#registry);
      if ((request.body?.length ?? 0) > LARGEST_BODY_BYTES) throw bodyTooLarge();
      answer = this.#answer(request, found, user);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      answer = refusalAnswer(error);
    }
    this.#note(request, found, user, answer.status);
    return answer;
  }

  /**
   * Does one request after the server's latency and with its faults; `done` is called once, or never when a fault says so.
   * A request without latency or fault is done before this returns.
   */
  exchange(request: CoreRequest, done: (outcome: Outcome) => void): void {
    const fault = this.faults.none ? undefined : this.faults.decide(this.attributesOf(request));
    const delayMs = this.latencyMs + (fault?.kind === "delay" ? fault.delayMs : 0);
    if (delayMs <= 0) this.#exchangeNow(request, fault, done);
    else this.#after(delayMs, () => this.#exchangeNow(request, fault, done));
  }

  /** What fault rules see of a request. */
  attributesOf(request: CoreRequest): RequestAttributes {
    const { path } = request;
    const user = this.#knownUser(request);
    try {
      const found = route(request, this.#registry);
      if (found.kind === "resource") return { ...accessOf(user ?? { name: "" }, found.target), path, user };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
    return {
      verb: request.method.toLowerCase(),
      group: "",
      resource: "",
      namespace: undefined,
      name: undefined,
      path,
      user,
    };
  }

  #exchangeNow(request: CoreRequest, fault: Fault | undefined, done: (outcome: Outcome) => void): void {
    if (fault === undefined || fault.kind === "delay") done(this.handle(request));
    else this.#exchangeFaultily(request, fault, done);
  }

  #exchangeFaultily(
    request: CoreRequest,
    fault: Exclude<Fault, { kind: "delay" }>,
    done: (outcome: Outcome) => void,
  ): void {
    switch (fault.kind) {
      case "answer":
        this.#note(request, undefined, undefined, fault.status);
        done(statusAnswer(fault));
        break;
      case "drop-before":
        done({ kind: "dropped" });
        break;
      case "drop-after":
        discard(this.handle(request));
        done({ kind: "dropped" });
        break;
      case "hang":
        if (fault.applied) discard(this.handle(request));
        break;
      case "hold-watch": {
        const answer = this.handle(request);
        if (answer.kind === "stream") answer.watch.hold();
        done(answer);
        break;
      }
      default:
        fault satisfies never;
    }
  }

  #answer(request: CoreRequest, found: Route, user: User): Answer {
    if (found.kind === "path") {
      const { segments } = found;
      return answerPath({ request, segments, registry: this.#registry, user, authorize: this.authorize });
    }
    const { target } = found;
    if (this.authorize !== undefined) {
      const access: AccessRequest = accessOf(user, target);
      if (!this.authorize(access)) throw refuseAccess(target, access);
    }
    return answerTarget(this.#parts, target, request);
  }

  /** Probes are answered to anybody. */
  #userOf(request: CoreRequest): User {
    if (PROBES.test(request.path)) return ANONYMOUS;
    const user = authenticate(request, this.tokens, this.authorize !== undefined);
    if (user === ANONYMOUS && !IS_RESOURCE.test(request.path)) {
      throw refusePath(user, request.method.toLowerCase(), request.path);
    }
    return user;
  }

  #knownUser(request: CoreRequest): User | undefined {
    try {
      return authenticate(request, this.tokens, this.authorize !== undefined);
    } catch {
      return undefined;
    }
  }

  #note(request: CoreRequest, found: Route | undefined, user: User | undefined, status: number): void {
    const known = found ?? this.#routeOf(request);
    const target = known?.kind === "resource" ? known.target : undefined;
    const verb = target?.verb ?? request.method.toLowerCase();
    const resource = target === undefined ? "" : countedName(target);
    this.requests.note(verb, resource, status);
    this.#options.onRequest?.({
      verb,
      resource,
      namespace: target?.namespace,
      name: target?.name,
      path: request.path,
      query: request.query ?? {},
      user: user?.name ?? "",
      userAgent: request.userAgent ?? "",
      status,
      wallMs: this.#options.clock.wallMs(),
    });
  }

  #routeOf(request: CoreRequest): Route | undefined {
    try {
      return route(request, this.#registry);
    } catch {
      return undefined;
    }
  }

  #after(delayMs: number, callback: () => void): void {
    const timer = this.#options.clock.timer(delayMs, () => {
      this.#delayed.delete(timer);
      callback();
    });
    this.#delayed.add(timer);
  }
}

/** An answer that nobody will read; an open watch must not stay behind. */
function discard(answer: Answer): void {
  if (answer.kind === "stream") answer.watch.close();
}

function countedName({ resource, subresource }: Target): string {
  const name = resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
  return subresource === undefined ? name : `${name}/${subresource}`;
}
