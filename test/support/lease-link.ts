import type { KubernetesObject } from "../../src/kube/api.ts";
import type { LeaseVersion } from "../../src/lease/record.ts";
import type {
  LeaseFeedEvent,
  LeaseStore,
  LeaseWatch,
  ReadAnswer,
  RemoveAnswer,
  WriteAnswer,
} from "../../src/lease/store.ts";
import { type Clock, sleep } from "../../src/runtime/clock.ts";
import { ElectorateError } from "../../src/runtime/errors.ts";

/** `cut`: nothing passes. `mute`: requests pass, answers and events do not. */
export type LinkState = "up" | "cut" | "mute";

/** One replica's line to its Leases, which can be cut: requests then time out, and the watch is silent until it lists again. */
export class LeaseLink implements LeaseStore {
  readonly #store: LeaseStore;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #feeds = new Set<() => void>();
  #state: LinkState = "up";
  requests = 0;
  /** The most creations that were on their way at once. */
  mostClaims = 0;
  #claims = 0;
  /** The most reads of one Lease that were on their way at once. */
  mostReads = 0;
  #reads = 0;

  constructor(store: LeaseStore, clock: Clock, deadlineMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
  }

  set state(state: LinkState) {
    const wasDown = this.#state !== "up";
    this.#state = state;
    if (wasDown && state === "up") for (const tell of this.#feeds) tell();
  }

  get(name: string): Promise<ReadAnswer> {
    this.#reads += 1;
    this.mostReads = Math.max(this.mostReads, this.#reads);
    return this.#pass(() => this.#store.get(name)).finally(() => {
      this.#reads -= 1;
    });
  }

  create(body: KubernetesObject): Promise<WriteAnswer> {
    this.#claims += 1;
    this.mostClaims = Math.max(this.mostClaims, this.#claims);
    return this.#pass(() => this.#store.create(body)).finally(() => {
      this.#claims -= 1;
    });
  }

  update(body: KubernetesObject): Promise<WriteAnswer> {
    return this.#pass(() => this.#store.update(body));
  }

  remove(name: string, version: Pick<LeaseVersion, "uid" | "resourceVersion">): Promise<RemoveAnswer> {
    return this.#pass(() => this.#store.remove(name, version));
  }

  label(name: string, metadata: Parameters<LeaseStore["label"]>[1]): Promise<WriteAnswer> {
    return this.#pass(() => this.#store.label(name, metadata));
  }

  foreignCoordinators(coordinator: string): Promise<ReadonlyMap<string, string>> {
    return this.#pass(() => this.#store.foreignCoordinators(coordinator));
  }

  watch(): LeaseWatch {
    const watch = this.#store.watch();
    return { relist: () => watch.relist(), events: (signal) => this.#events(watch, signal) };
  }

  async #pass<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    this.requests += 1;
    const answer = this.#state === "cut" ? undefined : await call();
    if (answer !== undefined && this.#state === "up") return answer;
    await sleep(this.#clock, this.#deadlineMs);
    throw new ElectorateError("timeout", "the line is cut");
  }

  /** Events that come while the line is down are lost; when it is up again, a list makes up for them. */
  async *#events(watch: LeaseWatch, signal: AbortSignal): AsyncGenerator<LeaseFeedEvent, void> {
    const relist = (): void => watch.relist();
    this.#feeds.add(relist);
    let stale = false;
    try {
      for await (const event of watch.events(signal)) {
        stale = event.type !== "snapshot" && (stale || this.#state !== "up");
        if (this.#state === "up" && !stale) yield event;
      }
    } finally {
      this.#feeds.delete(relist);
    }
  }
}
