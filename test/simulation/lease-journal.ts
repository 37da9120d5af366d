import type { ApiServerCore } from "../../src/embedded/core.ts";

/** A stored version of a Lease, as far as the simulation judges it. */
export interface StoredLease {
  readonly role: string;
  readonly renewal: string;
  readonly holder: string;
  readonly transitions: number;
}

/** One change of a Lease, in the moment in which the API server stored it. */
export interface LeaseWrite {
  /** Name of the Lease. */
  readonly name: string;
  /** User agent of who wrote. */
  readonly writer: string;
  readonly before: StoredLease | undefined;
  /** `undefined`: it was deleted. */
  readonly after: StoredLease | undefined;
}

const LEASES = "/apis/coordination.k8s.io/v1/leases";

/** Sees every version of every Lease, with its writer, before the write is answered: a witness that no fault reaches. */
export class LeaseJournal {
  readonly #told: (write: LeaseWrite) => void;
  readonly #stored = new Map<string, StoredLease>();
  #pending: Omit<LeaseWrite, "writer">[] = [];

  constructor(told: (write: LeaseWrite) => void) {
    this.#told = told;
  }

  /** The newest version of a Lease. */
  of(name: string): StoredLease | undefined {
    return this.#stored.get(name);
  }

  /** A request was answered: what changed in it was its user agent's doing. */
  attribute(writer: string): void {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    for (const write of pending) this.#told({ ...write, writer });
  }

  /** Its own watch; one that is ended with all others is opened again before anything else is stored. */
  follow(core: ApiServerCore): void {
    const query = { watch: "true", resourceVersion: core.resourceVersion };
    const answer = core.handle({ method: "GET", path: LEASES, query });
    if (answer.kind !== "stream") throw new Error("the watch of the Leases was refused");
    answer.watch.subscribe({ line: (line) => this.#read(line), end: () => this.follow(core) });
  }

  #read(line: string): void {
    const { type, object } = JSON.parse(line) as Line;
    const { name } = object.metadata;
    const before = this.#stored.get(name);
    const after = type === "DELETED" ? undefined : storedLease(object);
    if (after === undefined) this.#stored.delete(name);
    else this.#stored.set(name, after);
    this.#pending.push({ name, before, after });
  }
}

interface Line {
  readonly type: string;
  readonly object: {
    readonly metadata: {
      readonly name: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
    };
    readonly spec?: { readonly holderIdentity?: string; readonly leaseTransitions?: number };
  };
}

function storedLease({ metadata, spec }: Line["object"]): StoredLease {
  return {
    role: metadata.labels?.["electorate.dev/role"] ?? "",
    renewal: metadata.annotations?.["electorate.dev/renewal"] ?? "",
    holder: spec?.holderIdentity ?? "",
    transitions: spec?.leaseTransitions ?? 0,
  };
}
