import {
  type ApiResource,
  type CallOptions,
  type KubeApi,
  type KubernetesObject,
  type ObjectMetadata,
  type PatchBody,
  resourceName,
  type Subresource,
} from "../kube/api.ts";
import { ElectorateError, hasCode } from "../runtime/errors.ts";
import { requireAddress, typed, type Verb } from "./address.ts";
import type {
  ApplyOptions,
  CreateOptions,
  DeleteOptions,
  GuardedClient,
  ListQuery,
  ObjectReference,
  PatchOptions,
  ReadOptions,
  WriteOptions,
} from "./client-contract.ts";
import { fencedConfiguration, fencedPatch, fenceOf, preconditionsOf, versioned } from "./fences.ts";
import { isControlledBy, setControllerReference } from "./owners.ts";
import type { ReadCaches } from "./read-caches.ts";
import { isNameOf, type ResourceFinder } from "./resource-finder.ts";

/** The gate of one term, as its writes see it. */
export interface WriteGate {
  /** Compares the deadline now. Once the term has ended it answers false for ever. */
  permitsWrite(): boolean;
  /** Validity left, in milliseconds; 0 or less when there is none. */
  remainingMs(): number;
  /** Aborts when handlers of the term must stop at once. */
  readonly signal: AbortSignal;
}

export interface GuardedClientOptions {
  readonly api: KubeApi;
  /** The reconciled resource, meant wherever a call names none. */
  readonly resource: ApiResource;
  readonly gate: WriteGate;
  /** Q: how long a write may still take effect after the gate closed by time. */
  readonly quiesceMs: number;
  readonly resources: ResourceFinder;
  /** What the replica watches: reads are answered from it, and the uids that it knows fence writes that carry none. */
  readonly caches: Pick<ReadCaches, "objectOf" | "metadataOf" | "listOf">;
  /** Owns what is applied and names no other owner. */
  readonly fieldManager: string;
  /** Told of every write that is sent: it is work of its term until it has settled, whether or not its handler waits for it. */
  onWrite?(sent: Promise<unknown>): void;
  /** The longest deadline of one call. Default 30,000. */
  readonly requestDeadlineMs?: number;
}

const DEFAULT_REQUEST_DEADLINE_MS = 30_000;

/**
 * API access of one term's handlers.
 *
 * Promises:
 * - Every write compares the gate in the step in which it is sent, after everything that had to be awaited for it, and throws `gate-closed`
 *   if the term has ended. It is sent once.
 * - A write is answered or given up within what is left of the gate plus Q, and as soon as the term's signal aborts (`gate-closed`, and
 *   then it is unknown whether it was applied).
 * - An update, a status update and a delete carry the resourceVersion they were computed from; without one they are refused
 *   (`misuse`) and nothing is sent, but for a delete that asks for it. A patch or an apply carries the versions it is given, and at least the uid
 *   where a cache knows it, so that it never lands on a later object of the same name.
 * - Reads do not ask the gate. One in flight when the signal aborts is given up (`aborted`), so that it keeps no handler
 *   alive; one begun later works.
 * - What a cache does not have is asked of the API server: a cache never says that something does not exist.
 */
export function createGuardedClient(options: GuardedClientOptions): GuardedClient {
  return new TermClient(options);
}

class TermClient implements GuardedClient {
  readonly #options: GuardedClientOptions;
  readonly #requestDeadlineMs: number;

  constructor(options: GuardedClientOptions) {
    this.#options = options;
    this.#requestDeadlineMs = options.requestDeadlineMs ?? DEFAULT_REQUEST_DEADLINE_MS;
  }

  async get(reference: ObjectReference, { fresh = false }: ReadOptions = {}): Promise<KubernetesObject> {
    const { api, caches } = this.#options;
    const resource = await this.#find(reference.resource);
    const { namespace, name } = requireAddress("get", resource, reference);
    const cached = fresh ? undefined : caches.objectOf(resource, namespace, name);
    return cached ?? api.get(resource, namespace, name, this.#readOptions());
  }

  async list(query: ListQuery): Promise<KubernetesObject[]> {
    const { api, caches } = this.#options;
    const { resource: name, namespace, controlledBy, fresh = false, ...selectors } = query;
    const resource = await this.#find(name);
    // An empty namespace, which the request for a cluster-scoped object has, means the same as none.
    const selection = namespace ? { ...selectors, namespace } : selectors;
    const cached = fresh ? undefined : caches.listOf(resource, selection);
    const objects = cached ?? (await api.list(resource, selection, this.#readOptions())).objects;
    return controlledBy === undefined ? objects : objects.filter((object) => isControlledBy(object, controlledBy));
  }

  async create(object: KubernetesObject, options: CreateOptions = {}): Promise<KubernetesObject> {
    const resource = await this.#find(options.resource);
    const body = owned(typed("create", resource, object), options);
    return this.#write("create", resource, (call) => this.#options.api.create(resource, body, call));
  }

  async update(object: KubernetesObject, options: WriteOptions = {}): Promise<KubernetesObject> {
    const resource = await this.#find(options.resource);
    const body = versioned("update", resource, object, this.#known(resource, object.metadata));
    return this.#write("update", resource, (call) => this.#options.api.update(resource, body, call));
  }

  async updateStatus(object: KubernetesObject, options: WriteOptions = {}): Promise<KubernetesObject> {
    const resource = await this.#find(options.resource);
    const body = versioned("updateStatus", resource, object, this.#known(resource, object.metadata));
    return this.#write("updateStatus", resource, (call) => this.#options.api.updateStatus(resource, body, call));
  }

  patch(reference: ObjectReference, patch: PatchBody, options: PatchOptions = {}): Promise<KubernetesObject> {
    return this.#patch("patch", reference, patch, options);
  }

  patchStatus(reference: ObjectReference, patch: PatchBody, options: PatchOptions = {}): Promise<KubernetesObject> {
    return this.#patch("patchStatus", reference, patch, options, "status");
  }

  apply(configuration: KubernetesObject, options: ApplyOptions = {}): Promise<KubernetesObject> {
    return this.#apply("apply", configuration, options);
  }

  applyStatus(configuration: KubernetesObject, options: ApplyOptions = {}): Promise<KubernetesObject> {
    return this.#apply("applyStatus", configuration, options, "status");
  }

  async delete(object: KubernetesObject, options: DeleteOptions = {}): Promise<void> {
    const { propagationPolicy, ifUnchanged = true } = options;
    const resource = await this.#find(options.resource);
    const known = this.#known(resource, object.metadata);
    const whole = ifUnchanged ? versioned("delete", resource, object, known) : typed("delete", resource, object);
    const { namespace, name } = whole.metadata;
    const preconditions = preconditionsOf(resource, whole, ifUnchanged);
    const policy = propagationPolicy === undefined ? {} : { propagationPolicy };
    return this.#write("delete", resource, (call) =>
      this.#options.api.delete(resource, namespace, name, preconditions, { ...call, ...policy }),
    );
  }

  async #patch(
    verb: Verb,
    reference: ObjectReference,
    patch: PatchBody,
    options: PatchOptions,
    subresource?: Subresource,
  ): Promise<KubernetesObject> {
    const resource = await this.#find(reference.resource);
    const { namespace, name } = reference;
    const fence = fenceOf(verb, resource, reference, options.of, this.#known(resource, reference));
    const { kind, body } = fencedPatch(verb, resource, name, patch, options.kind, fence);
    const how = { kind, ...(subresource === undefined ? {} : { subresource }) };
    return this.#write(verb, resource, (call) =>
      this.#options.api.patch(resource, namespace, name, body, { ...call, ...how }),
    );
  }

  async #apply(
    verb: Verb,
    configuration: KubernetesObject,
    options: ApplyOptions,
    subresource?: Subresource,
  ): Promise<KubernetesObject> {
    const { fieldManager = this.#options.fieldManager, force = false } = options;
    const resource = await this.#find(options.resource);
    const known = this.#known(resource, configuration.metadata);
    const body = owned(fencedConfiguration(verb, resource, configuration, known), options);
    const { namespace, name } = body.metadata;
    const how = { kind: "apply", fieldManager, force, ...(subresource === undefined ? {} : { subresource }) } as const;
    return this.#write(verb, resource, (call) =>
      this.#options.api.patch(resource, namespace, name, body, { ...call, ...how }),
    );
  }

  /** The one way by which anything is written. `send` is called in the step in which the gate was compared. */
  async #write<Answer>(
    verb: Verb,
    resource: ApiResource,
    send: (call: CallOptions) => Promise<Answer>,
  ): Promise<Answer> {
    const { gate, quiesceMs } = this.#options;
    if (gate.signal.aborted || !gate.permitsWrite()) {
      throw new ElectorateError(
        "gate-closed",
        `${verb} of ${resourceName(resource)} was not sent, because the term of its shard has ended; stop, the next owner goes on`,
      );
    }
    const deadlineMs = Math.max(1, Math.min(this.#requestDeadlineMs, gate.remainingMs() + quiesceMs));
    const sent = send({ deadlineMs, signal: gate.signal });
    this.#options.onWrite?.(sent);
    try {
      return await sent;
    } catch (error) {
      if (!gate.signal.aborted || !hasCode(error, "aborted")) throw error;
      throw givenUp(verb, resource, error);
    }
  }

  #readOptions(): CallOptions {
    const { signal } = this.#options.gate;
    return signal.aborted ? { deadlineMs: this.#requestDeadlineMs } : { deadlineMs: this.#requestDeadlineMs, signal };
  }

  async #find(name: string | undefined): Promise<ApiResource> {
    const { resource, resources } = this.#options;
    if (name === undefined || isNameOf(resource, name)) return resource;
    return resources.find(name, { deadlineMs: this.#requestDeadlineMs });
  }

  #known(resource: ApiResource, { namespace, name }: Pick<ObjectMetadata, "namespace" | "name">) {
    return this.#options.caches.metadataOf(resource, namespace, name);
  }
}

function owned(object: KubernetesObject, { controller }: CreateOptions): KubernetesObject {
  return controller === undefined ? object : setControllerReference(controller, object);
}

function givenUp(verb: Verb, resource: ApiResource, cause: unknown): ElectorateError {
  return new ElectorateError(
    "gate-closed",
    `${verb} of ${resourceName(resource)} was given up, because the term of its shard has ended; whether it was applied is unknown`,
    { cause },
  );
}
