import { expect } from "vitest";
import type { ApiResource, CallOptions, KubeApi, KubernetesObject, PatchCallOptions } from "../../../src/kube/api.ts";
import type { GuardedClient } from "../../../src/reconcile/client-contract.ts";
import { createGuardedClient, type GuardedClientOptions } from "../../../src/reconcile/guarded-client.ts";
import { type ReadCache, ReadCaches } from "../../../src/reconcile/read-caches.ts";
import { createResourceFinder } from "../../../src/reconcile/resource-finder.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { CONFIG_MAPS, DEPLOYMENTS, NODES, object } from "./key-world.ts";

export const containing = (text: string): unknown => expect.stringContaining(text);
export const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);

export interface Call {
  readonly verb: string;
  readonly resource: string;
  readonly arguments: readonly unknown[];
  readonly options: CallOptions;
}

/** An API that records what is sent, and answers when the test says so, or at the signal as a transport does. */
class RecordingApi implements KubeApi {
  readonly calls: Call[] = [];
  readonly discovered: string[] = [];
  discoveryFails = false;
  beforeDiscovered: () => void = () => {};
  /** What every call answers. */
  answer: () => Promise<KubernetesObject> = () => Promise.resolve(object("answer", "99"));

  get(resource: ApiResource, namespace: string | undefined, name: string, options: CallOptions = {}) {
    return this.#record("get", resource, [namespace, name], options);
  }
  async list(resource: ApiResource, selection: object, options: CallOptions = {}) {
    const found = await this.#record("list", resource, [selection], options);
    return { objects: [found], resourceVersion: "100" };
  }
  create(resource: ApiResource, body: KubernetesObject, options: CallOptions = {}) {
    return this.#record("create", resource, [body], options);
  }
  update(resource: ApiResource, body: KubernetesObject, options: CallOptions = {}) {
    return this.#record("update", resource, [body], options);
  }
  updateStatus(resource: ApiResource, body: KubernetesObject, options: CallOptions = {}) {
    return this.#record("updateStatus", resource, [body], options);
  }
  patch(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    patch: object,
    options: PatchCallOptions = {},
  ) {
    return this.#record("patch", resource, [namespace, name, patch], options);
  }
  async delete(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    preconditions: object,
    options: CallOptions = {},
  ) {
    await this.#record("delete", resource, [namespace, name, preconditions], options);
  }
  discover(name: string): Promise<ApiResource> {
    this.discovered.push(name);
    if (this.discoveryFails) return Promise.reject(new ElectorateError("unreachable", "discovery failed"));
    return Promise.resolve().then(() => {
      this.beforeDiscovered();
      return name === "nodes" ? NODES : DEPLOYMENTS;
    });
  }

  #record(
    verb: string,
    resource: ApiResource,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<KubernetesObject> {
    this.calls.push({ verb, resource: resource.plural, arguments: args, options });
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) reject(new ElectorateError("aborted", "aborted by its signal"));
      signal?.addEventListener("abort", () => reject(new ElectorateError("aborted", "aborted by its signal")));
      this.answer().then(resolve, reject);
    });
  }
}

export function open({
  cache,
  ...options
}: Partial<GuardedClientOptions> & { readonly cache?: Partial<ReadCache> } = {}) {
  const api = new RecordingApi();
  const abort = new AbortController();
  const gate = { open: true, remaining: 4_000, comparisons: 0 };
  const known = new Map<string, KubernetesObject>();
  const caches = new ReadCaches();
  caches.add({
    resource: CONFIG_MAPS,
    source: { synced: true, objectOf: (key) => known.get(key), keysOf: () => known.keys() },
    buckets: 1,
    isWhole: true,
    ...cache,
  });
  const client = createGuardedClient({
    api,
    resource: CONFIG_MAPS,
    gate: {
      permitsWrite: () => {
        gate.comparisons++;
        return gate.open;
      },
      remainingMs: () => gate.remaining,
      signal: abort.signal,
    },
    quiesceMs: 2_000,
    resources: createResourceFinder(api),
    caches,
    fieldManager: "shop",
    ...options,
  });
  return { api, abort, gate, known, client };
}

export const a = object("a", "7", { labels: { app: "shop" } });

/** Every way to write, each with a body that is in order. */
export const WRITES: readonly [string, (client: GuardedClient) => Promise<unknown>][] = [
  ["create", (client) => client.create({ metadata: { namespace: "default", name: "a" } })],
  ["update", (client) => client.update(a)],
  ["updateStatus", (client) => client.updateStatus(a)],
  ["patch", (client) => client.patch({ namespace: "default", name: "a" }, { data: { x: "1" } }, { of: a })],
  ["delete", (client) => client.delete(a)],
  ["patch", (client) => client.patchStatus({ namespace: "default", name: "a" }, { status: { x: "1" } }, { of: a })],
  ["patch", (client) => client.patch({ namespace: "default", name: "a" }, [{ op: "remove", path: "/data/x" }])],
  ["patch", (client) => client.apply({ metadata: { namespace: "default", name: "a" } })],
  ["patch", (client) => client.applyStatus({ metadata: { namespace: "default", name: "a" } })],
];
