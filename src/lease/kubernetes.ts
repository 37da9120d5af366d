import { type ApiResource, type FeedEvent, type KubeApi, type KubernetesObject, LEASES } from "../kube/api.ts";
import { hasCode } from "../runtime/errors.ts";
import { LABEL_COORDINATOR } from "./names.ts";
import { type LeaseVersion, parseLease } from "./record.ts";
import type { LeaseFeedEvent, LeaseStore, LeaseWatch, ReadAnswer, RemoveAnswer, WriteAnswer } from "./store.ts";

export interface KubernetesLeaseStoreOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  /** Bound on every request: at most the retry period, or a slow answer would cost a second renewal. */
  readonly deadlineMs: number;
  /** The list+watch of all Leases of the coordinator. */
  readonly feed: { events(signal: AbortSignal): AsyncIterable<FeedEvent>; relist(): void };
  /** Default: as Leases. */
  readonly format?: LeaseFormat;
}

/** As which objects Leases are kept. */
export interface LeaseFormat {
  readonly resource: ApiResource;
  /** The Lease that a stored object stands for. Never throws: see `record.ts`. */
  read(stored: KubernetesObject): LeaseVersion;
  /** The object to store for a Lease as `record.ts` makes it. */
  write(lease: KubernetesObject): KubernetesObject;
}

const AS_LEASES: LeaseFormat = { resource: LEASES, read: parseLease, write: (lease) => lease };

/** Leases in a Kubernetes API server. Nothing is retried here: a retry would need the first sending's time. */
export class KubernetesLeaseStore implements LeaseStore {
  readonly #options: KubernetesLeaseStoreOptions;
  readonly #format: LeaseFormat;

  constructor(options: KubernetesLeaseStoreOptions) {
    this.#options = options;
    this.#format = options.format ?? AS_LEASES;
  }

  async get(name: string): Promise<ReadAnswer> {
    const { api, namespace, deadlineMs } = this.#options;
    return orMissing(async () => this.#ok(await api.get(this.#format.resource, namespace, name, { deadlineMs })));
  }

  async create(body: KubernetesObject): Promise<WriteAnswer> {
    const { api, deadlineMs } = this.#options;
    // A 404 to a POST speaks of the namespace, never of the Lease: that is a trouble to report, not an answer.
    return orConflict(async () =>
      this.#ok(await api.create(this.#format.resource, this.#format.write(body), { deadlineMs })),
    );
  }

  async update(body: KubernetesObject): Promise<WriteAnswer> {
    const { api, deadlineMs } = this.#options;
    return orMissing(() =>
      orConflict(async () =>
        this.#ok(await api.update(this.#format.resource, this.#format.write(body), { deadlineMs })),
      ),
    );
  }

  async remove(
    name: string,
    version: { readonly uid: string; readonly resourceVersion: string },
  ): Promise<RemoveAnswer> {
    const { api, namespace, deadlineMs } = this.#options;
    return orMissing(() =>
      orConflict(async () => {
        await api.delete(this.#format.resource, namespace, name, version, { deadlineMs });
        return { type: "ok" };
      }),
    );
  }

  async label(
    name: string,
    metadata: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string | null> },
  ): Promise<WriteAnswer> {
    const { api, namespace, deadlineMs } = this.#options;
    return orMissing(() =>
      orConflict(async () =>
        this.#ok(await api.patch(this.#format.resource, namespace, name, { metadata }, { deadlineMs })),
      ),
    );
  }

  async foreignCoordinators(coordinator: string): Promise<ReadonlyMap<string, string>> {
    const { api, namespace, deadlineMs } = this.#options;
    const labelSelector = `${LABEL_COORDINATOR},${LABEL_COORDINATOR}!=${coordinator}`;
    const { objects } = await api.list(this.#format.resource, { namespace, labelSelector }, { deadlineMs });
    return new Map(objects.map(({ metadata }) => [metadata.name, metadata.labels?.[LABEL_COORDINATOR] ?? ""]));
  }

  watch(): LeaseWatch {
    const { feed } = this.#options;
    return { relist: () => feed.relist(), events: (signal) => leaseEvents(feed.events(signal), this.#format) };
  }

  #ok(object: KubernetesObject): { readonly type: "ok"; readonly version: LeaseVersion } {
    return { type: "ok", version: this.#format.read(object) };
  }
}

async function* leaseEvents(
  events: AsyncIterable<FeedEvent>,
  format: LeaseFormat,
): AsyncGenerator<LeaseFeedEvent, void> {
  for await (const event of events) {
    switch (event.type) {
      case "snapshot":
        yield { ...event, versions: event.objects.map((object) => format.read(object)) };
        break;
      case "changed":
      case "deleted":
        yield { type: event.type, version: format.read(event.object) };
        break;
      case "bookmark":
        yield event;
        break;
      default:
        event satisfies never;
    }
  }
}

async function orMissing<Answer>(call: () => Promise<Answer>): Promise<Answer | { readonly type: "missing" }> {
  try {
    return await call();
  } catch (error) {
    if (hasCode(error, "not-found")) return { type: "missing" };
    throw error;
  }
}

async function orConflict<Answer>(call: () => Promise<Answer>): Promise<Answer | { readonly type: "conflict" }> {
  try {
    return await call();
  } catch (error) {
    if (hasCode(error, "conflict")) return { type: "conflict" };
    throw error;
  }
}
