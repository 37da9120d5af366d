import {
  type ApiResource,
  type CallOptions,
  type KubeApi,
  type KubernetesObject,
  type ObjectMetadata,
  resourceName,
} from "../kube/api.ts";
import { ElectorateError, hasCode } from "../runtime/errors.ts";
import type { GuardedClient, ObjectReference } from "./contract.ts";
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
  /** An object of the reconciled resource as the read cache has it: its uid fences writes that carry none. */
  knownObject(namespace: string | undefined, name: string): KubernetesObject | undefined;
  /** Told of every write that is sent: it is work of its term until it has settled, whether or not its handler waits for it. */
  onWrite?(sent: Promise<unknown>): void;
  /** The longest deadline of one call. Default 30,000. */
  readonly requestDeadlineMs?: number;
}

const DEFAULT_REQUEST_DEADLINE_MS = 30_000;

type Verb = "get" | "create" | "update" | "updateStatus" | "patch" | "delete";

/**
 * API access of one term's handlers.
 *
 * Promises:
 * - Every write compares the gate in the step in which it is sent, after everything that had to be awaited for it, and throws `gate-closed`
 *   if the term has ended. It is sent once.
 * - A write is answered or given up within what is left of the gate plus Q, and as soon as the term's signal aborts (`gate-closed`, and
 *   then it is unknown whether it was applied).
 * - An update, a status update and a delete carry the resourceVersion they were computed from; without one they are refused
 *   (`misuse`) and nothing is sent. A patch carries the versions it is given, and at least the uid of the reconciled object where the cache
 *   knows it, so that it never lands on a later object of the same name.
 * - Reads do not ask the gate. One in flight when the signal aborts is given up (`aborted`), so that it keeps no handler
 *   alive; one begun later works.
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

  async get(reference: ObjectReference): Promise<KubernetesObject> {
    const resource = await this.#find(reference.resource);
    requireAddress("get", resource, reference);
    return this.#options.api.get(resource, reference.namespace, reference.name, this.#readOptions());
  }

  async list(query: Parameters<GuardedClient["list"]>[0]): Promise<KubernetesObject[]> {
    const { resource: name, namespace, ...selectors } = query;
    const resource = await this.#find(name);
    // An empty namespace, which the request for a cluster-scoped object has, means the same as none.
    const selection = namespace ? { ...selectors, namespace } : selectors;
    const { objects } = await this.#options.api.list(resource, selection, this.#readOptions());
    return objects;
  }

  async create(object: KubernetesObject, options: { readonly resource?: string } = {}): Promise<KubernetesObject> {
    const resource = await this.#find(options.resource);
    const body = typed("create", resource, object);
    return this.#write("create", resource, (call) => this.#options.api.create(resource, body, call));
  }

  async update(object: KubernetesObject, options: { readonly resource?: string } = {}): Promise<KubernetesObject> {
    const resource = await this.#find(options.resource);
    const body = this.#versioned("update", resource, object);
    return this.#write("update", resource, (call) => this.#options.api.update(resource, body, call));
  }

  async updateStatus(
    object: KubernetesObject,
    options: { readonly resource?: string } = {},
  ): Promise<KubernetesObject> {
    const resource = await this.#find(options.resource);
    const body = this.#versioned("updateStatus", resource, object);
    return this.#write("updateStatus", resource, (call) => this.#options.api.updateStatus(resource, body, call));
  }

  async patch(
    reference: ObjectReference,
    patch: Readonly<Record<string, unknown>>,
    options: { readonly of?: KubernetesObject } = {},
  ): Promise<KubernetesObject> {
    const resource = await this.#find(reference.resource);
    const { namespace, name } = requireAddress("patch", resource, reference);
    const fenced = {
      ...patch,
      metadata: { ...this.#fenceOf(resource, reference, options.of), ...metadataOfPatch(resource, name, patch) },
    };
    return this.#write("patch", resource, (call) => this.#options.api.patch(resource, namespace, name, fenced, call));
  }

  async delete(object: KubernetesObject, options: { readonly resource?: string } = {}): Promise<void> {
    const resource = await this.#find(options.resource);
    const { metadata } = this.#versioned("delete", resource, object);
    const { namespace, name, uid, resourceVersion } = metadata;
    if (uid === undefined || uid === "" || resourceVersion === undefined)
      throw misuse("delete", resource, name, "needs metadata.uid of the object as it was read");
    return this.#write("delete", resource, (call) =>
      this.#options.api.delete(resource, namespace, name, { uid, resourceVersion }, call),
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

  /** The object with its type, its version and, where it can be known, its uid: a PUT without uid to a missing object creates some kinds again. */
  #versioned(verb: Verb, resource: ApiResource, object: KubernetesObject): KubernetesObject {
    const whole = typed(verb, resource, object);
    const { name, namespace, resourceVersion, uid } = whole.metadata;
    if (typeof resourceVersion !== "string" || resourceVersion === "") {
      throw misuse(
        verb,
        resource,
        name,
        "needs metadata.resourceVersion of the object that it was computed from; read the object first",
      );
    }
    if (uid !== undefined && uid !== "") return whole;
    const known = this.#known(resource, namespace, name);
    if (known?.resourceVersion !== resourceVersion || known.uid === undefined) return whole;
    return { ...whole, metadata: { ...whole.metadata, uid: known.uid } };
  }

  #fenceOf(
    resource: ApiResource,
    reference: ObjectReference,
    of: KubernetesObject | undefined,
  ): Partial<ObjectMetadata> {
    if (of === undefined) {
      const uid = this.#known(resource, reference.namespace, reference.name)?.uid;
      return uid === undefined ? {} : { uid };
    }
    const { name, namespace, uid, resourceVersion } = of.metadata;
    if (name !== reference.name || (namespace ?? "") !== (reference.namespace ?? "")) {
      throw misuse("patch", resource, reference.name, `was given another object as \`of\`: ${namespace ?? ""}/${name}`);
    }
    if (typeof resourceVersion !== "string" || resourceVersion === "")
      throw misuse("patch", resource, name, "needs metadata.resourceVersion in `of`");
    return uid === undefined ? { resourceVersion } : { resourceVersion, uid };
  }

  #known(resource: ApiResource, namespace: string | undefined, name: string): ObjectMetadata | undefined {
    return resource === this.#options.resource ? this.#options.knownObject(namespace, name)?.metadata : undefined;
  }
}

function givenUp(verb: Verb, resource: ApiResource, cause: unknown): ElectorateError {
  return new ElectorateError(
    "gate-closed",
    `${verb} of ${resourceName(resource)} was given up, because the term of its shard has ended; whether it was applied is unknown`,
    { cause },
  );
}

function metadataOfPatch(resource: ApiResource, name: string, patch: Readonly<Record<string, unknown>>): object {
  const metadata: unknown = patch["metadata"];
  if (metadata === undefined) return {};
  if (typeof metadata === "object" && metadata !== null && !Array.isArray(metadata)) return metadata;
  throw misuse("patch", resource, name, "has metadata that is no object");
}

/**
 * The object with `apiVersion` and `kind`, which items of a list lack. An object of another kind was meant for another
 * resource: sent here, it would be a puzzling 400.
 */
function typed(verb: Verb, resource: ApiResource, object: KubernetesObject): KubernetesObject {
  const { name } = requireAddress(verb, resource, object.metadata);
  const whole = {
    ...object,
    apiVersion: object.apiVersion ?? apiVersionOf(resource),
    kind: object.kind ?? resource.kind,
  };
  if (whole.kind === "PartialObjectMetadata") {
    // Its metadata name and version the object, which is all that a deletion needs.
    if (verb === "delete") return whole;
    throw misuse(
      verb,
      resource,
      name,
      "was given its metadata only (metadataOnly is set); read the object first, or patch it",
    );
  }
  if (whole.kind !== resource.kind || groupOf(whole.apiVersion) !== resource.group) {
    throw misuse(
      verb,
      resource,
      name,
      `was given a ${whole.kind} of ${whole.apiVersion}; name its resource, as in { resource: "deployments.apps" }`,
    );
  }
  return whole;
}

function apiVersionOf({ group, version }: ApiResource): string {
  return group === "" ? version : `${group}/${version}`;
}

function groupOf(apiVersion: string): string {
  return apiVersion.slice(0, Math.max(apiVersion.indexOf("/"), 0));
}

/** An empty name would address the whole collection, which a DELETE empties. Only a creation may leave the name to the server. */
function requireAddress<Address extends Pick<ObjectMetadata, "namespace" | "name">>(
  verb: Verb,
  resource: ApiResource,
  address: Address,
): Address {
  const { namespace, name } = address;
  const generateName: unknown = "generateName" in address ? address.generateName : undefined;
  const named = typeof name === "string" && name !== "" && !name.includes("/");
  const namedByServer = verb === "create" && !name && typeof generateName === "string" && generateName !== "";
  if (!named && !namedByServer) throw misuse(verb, resource, String(name), "needs the name of an object");
  if (resource.namespaced === Boolean(namespace)) return address;
  const problem = resource.namespaced
    ? "needs a namespace, because the resource is namespaced"
    : `must not have a namespace (${namespace}), because the resource is cluster-scoped`;
  throw misuse(verb, resource, name, problem);
}

function misuse(verb: Verb, resource: ApiResource, name: string, problem: string): ElectorateError {
  return new ElectorateError("misuse", `${verb} of ${resourceName(resource)} ${JSON.stringify(name)} ${problem}`);
}
