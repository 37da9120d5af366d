import { type Clock, systemClock } from "../runtime/clock.ts";
import { type Randomness, systemRandomness } from "../runtime/randomness.ts";
import { answerError, isSuccess, parseObject } from "./answer.ts";
import type {
  ApiResource,
  CallOptions,
  DeleteCallOptions,
  KubeApi,
  KubernetesObject,
  PatchBody,
  PatchCallOptions,
  PatchKind,
  Selection,
} from "./api.ts";
import { Discovery } from "./discovery.ts";
import { listAll } from "./listing.ts";
import { type Patience, patient } from "./patience.ts";
import { collectionPath, objectPath, requireNamespace } from "./request-path.ts";
import type { ApiRequest, Transport } from "./transport.ts";

/**
 * Typed calls on any resource over a {@link Transport}.
 *
 * Promises: every request has a deadline; every answer that is no success is thrown with the code of its status; an answer
 * that is not what was asked for is `malformed-answer`; nothing is sent twice unless `patience` asks for it.
 */

/** How a {@link KubeClient} works; every field has a default. */
export interface KubeClientOptions {
  readonly clock?: Clock;
  readonly randomness?: Randomness;
  /** Deadline of a call that names none; for a list, of each page. Default 30,000. */
  readonly deadlineMs?: number;
  /** Objects per page of a list. Default 500. */
  readonly pageSize?: number;
  /** What may be sent again. Default: nothing. */
  readonly patience?: Patience;
}

const CONTENT_TYPES: Readonly<Record<PatchKind, string>> = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  strategic: "application/strategic-merge-patch+json",
  // Every JSON text is YAML, too.
  apply: "application/apply-patch+yaml",
};

/** The calls of {@link KubeApi} over any transport; see the head of this file for its promises. */
export class KubeClient implements KubeApi {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #pageSize: number | undefined;
  readonly #discovery: Discovery;

  constructor(transport: Transport, options: KubeClientOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#deadlineMs = options.deadlineMs ?? 30_000;
    this.#pageSize = options.pageSize;
    const { patience } = options;
    this.#transport =
      patience === undefined
        ? transport
        : patient(transport, this.#clock, options.randomness ?? systemRandomness, patience);
    this.#discovery = new Discovery(this.#transport, this.#clock);
  }

  async get(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    options?: CallOptions,
  ): Promise<KubernetesObject> {
    return this.#object(resource, { method: "GET", path: objectPath(resource, namespace, name) }, options);
  }

  async list(
    resource: ApiResource,
    selection: Selection,
    options: CallOptions = {},
  ): Promise<{ readonly objects: KubernetesObject[]; readonly resourceVersion: string }> {
    return listAll(this.#transport, this.#clock, {
      resource,
      selection,
      deadlineMs: options.deadlineMs ?? this.#deadlineMs,
      untilMs: options.deadlineMs === undefined ? undefined : this.#clock.monotonicMs() + options.deadlineMs,
      signal: options.signal,
      pageSize: this.#pageSize,
    });
  }

  async create(resource: ApiResource, object: KubernetesObject, options?: CallOptions): Promise<KubernetesObject> {
    const { namespace } = object.metadata;
    requireNamespace(resource, namespace);
    return this.#object(
      resource,
      { method: "POST", path: collectionPath(resource, namespace), body: JSON.stringify(object) },
      options,
    );
  }

  async update(resource: ApiResource, object: KubernetesObject, options?: CallOptions): Promise<KubernetesObject> {
    const path = objectPath(resource, object.metadata.namespace, object.metadata.name);
    return this.#object(resource, { method: "PUT", path, body: JSON.stringify(object) }, options);
  }

  async updateStatus(
    resource: ApiResource,
    object: KubernetesObject,
    options?: CallOptions,
  ): Promise<KubernetesObject> {
    const path = `${objectPath(resource, object.metadata.namespace, object.metadata.name)}/status`;
    return this.#object(resource, { method: "PUT", path, body: JSON.stringify(object) }, options);
  }

  async patch(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    patch: PatchBody,
    options: PatchCallOptions = {},
  ): Promise<KubernetesObject> {
    const { kind = "merge", subresource, fieldManager, force } = options;
    const object = objectPath(resource, namespace, name);
    const path = subresource === undefined ? object : `${object}/${subresource}`;
    const query = {
      ...(fieldManager === undefined ? {} : { fieldManager }),
      ...(force === true ? { force: "true" } : {}),
    };
    const request = { method: "PATCH", path, contentType: CONTENT_TYPES[kind], body: JSON.stringify(patch) } as const;
    return this.#object(resource, Object.keys(query).length === 0 ? request : { ...request, query }, options);
  }

  async delete(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    preconditions: { readonly uid?: string; readonly resourceVersion?: string },
    options: DeleteCallOptions = {},
  ): Promise<void> {
    const { propagationPolicy } = options;
    const body = JSON.stringify({ apiVersion: "v1", kind: "DeleteOptions", preconditions, propagationPolicy });
    await this.#call({ method: "DELETE", path: objectPath(resource, namespace, name), body }, options);
  }

  async discover(name: string, options: CallOptions = {}): Promise<ApiResource> {
    return this.#discovery.find(name, { deadlineMs: this.#deadlineMs, ...options });
  }

  async #object(
    resource: ApiResource,
    request: Omit<ApiRequest, "deadlineMs">,
    options?: CallOptions,
  ): Promise<KubernetesObject> {
    const body = await this.#call(request, options);
    return parseObject(body, resource.kind, `${request.method} ${request.path}`);
  }

  /** The body of a successful answer. */
  async #call(request: Omit<ApiRequest, "deadlineMs">, options: CallOptions = {}): Promise<string> {
    const { deadlineMs = this.#deadlineMs, signal } = options;
    const answer = await this.#transport.request({
      ...request,
      deadlineMs,
      ...(signal === undefined ? {} : { signal }),
    });
    if (isSuccess(answer.status)) return answer.body;
    throw answerError(answer, `${request.method} ${request.path}`, this.#clock.wallMs());
  }
}
