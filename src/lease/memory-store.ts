import type { KubernetesObject } from "../kube/api.ts";
import type { Change, MemoryLeases } from "./memory.ts";
import { LABEL_COORDINATOR, LABEL_ROLE, ROLES } from "./names.ts";
import { type LeaseVersion, parseLease } from "./record.ts";
import type { LeaseFeedEvent, LeaseStore, LeaseWatch, ReadAnswer, RemoveAnswer, WriteAnswer } from "./store.ts";

/** One coordinator's door to {@link MemoryLeases}. */
export class MemoryLeaseStore implements LeaseStore {
  readonly #leases: MemoryLeases;
  readonly #coordinator: string;

  constructor(leases: MemoryLeases, coordinator: string) {
    this.#leases = leases;
    this.#coordinator = coordinator;
  }

  async get(name: string): Promise<ReadAnswer> {
    const stored = this.#leases.get(name);
    return stored === undefined ? { type: "missing" } : { type: "ok", version: parseLease(stored) };
  }

  async create(body: KubernetesObject): Promise<WriteAnswer> {
    return written(this.#leases.create(body));
  }

  async update(body: KubernetesObject): Promise<WriteAnswer> {
    return written(this.#leases.update(body));
  }

  async remove(name: string, version: Pick<LeaseVersion, "uid" | "resourceVersion">): Promise<RemoveAnswer> {
    return { type: this.#leases.remove(name, version) };
  }

  async label(name: string, added: Parameters<LeaseStore["label"]>[1]): Promise<WriteAnswer> {
    const stored = this.#leases.get(name);
    if (stored === undefined) return { type: "missing" };
    const { labels = {}, annotations = {} } = stored.metadata;
    const merged = Object.entries({ ...annotations, ...added.annotations });
    const kept = merged.filter((entry): entry is [string, string] => entry[1] !== null);
    const metadata = {
      ...stored.metadata,
      labels: { ...labels, ...added.labels },
      annotations: Object.fromEntries(kept),
    };
    return written(this.#leases.update({ ...stored, metadata }));
  }

  async foreignCoordinators(coordinator: string): Promise<ReadonlyMap<string, string>> {
    const owners = this.#leases
      .list()
      .map(({ metadata }) => [metadata.name, metadata.labels?.[LABEL_COORDINATOR]] as const);
    return new Map(
      owners.filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== coordinator),
    );
  }

  watch(): LeaseWatch {
    const relists = new Set<() => void>();
    return {
      relist() {
        for (const relist of relists) relist();
      },
      events: (signal) => this.#events(signal, relists),
    };
  }

  async *#events(signal: AbortSignal, relists: Set<() => void>): AsyncGenerator<LeaseFeedEvent, void> {
    const ahead: LeaseFeedEvent[] = [];
    let wake = Promise.withResolvers<void>();
    const push = (event: LeaseFeedEvent | undefined): void => {
      if (event !== undefined) ahead.push(event);
      wake.resolve();
    };
    const relist = (): void => push(this.#snapshot());
    const stop = this.#leases.watch((change) => push(this.#eventOf(change)));
    const abort = (): void => push(undefined);
    signal.addEventListener("abort", abort, { once: true });
    relists.add(relist);
    relist();
    try {
      while (!signal.aborted) {
        const next = ahead.shift();
        if (next !== undefined) yield next;
        else {
          wake = Promise.withResolvers();
          await wake.promise;
        }
      }
    } finally {
      stop();
      relists.delete(relist);
      signal.removeEventListener("abort", abort);
    }
  }

  #snapshot(): LeaseFeedEvent {
    const versions = this.#leases
      .list()
      .filter((lease) => this.#selects(lease))
      .map(parseLease);
    return { type: "snapshot", resourceVersion: this.#leases.resourceVersion, versions };
  }

  /** What leaves the selection is deleted for this watch, shown as it last was in it. */
  #eventOf({ before, after, resourceVersion }: Change): LeaseFeedEvent | undefined {
    if (after !== undefined && this.#selects(after)) return { type: "changed", version: parseLease(after) };
    if (before === undefined || !this.#selects(before)) return undefined;
    return { type: "deleted", version: { ...parseLease(before), resourceVersion } };
  }

  #selects({ metadata: { labels = {} } }: KubernetesObject): boolean {
    return labels[LABEL_COORDINATOR] === this.#coordinator && ROLES.some((role) => role === labels[LABEL_ROLE]);
  }
}

function written(answer: KubernetesObject | "conflict"): WriteAnswer {
  return answer === "conflict" ? { type: "conflict" } : { type: "ok", version: parseLease(answer) };
}
