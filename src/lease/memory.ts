import { isDeepStrictEqual } from "node:util";
import type { KubernetesObject, ObjectMetadata } from "../kube/api.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { parseMicroTime } from "./record.ts";
import type { RemoveAnswer } from "./store.ts";

/**
 * Leases of one namespace in memory, for everybody who shares it. Promises, which are the API server's: one resourceVersion
 * grows over all Leases; each creation has a new uid; a PUT without uid creates a missing Lease; a PUT that changes nothing stores nothing.
 */
export class MemoryLeases {
  readonly #stored = new Map<string, KubernetesObject>();
  readonly #watchers = new Set<(change: Change) => void>();
  #resourceVersion = 1;
  #uids = 0;

  get resourceVersion(): string {
    return String(this.#resourceVersion);
  }

  list(): KubernetesObject[] {
    return [...this.#stored.values()];
  }

  get(name: string): KubernetesObject | undefined {
    return this.#stored.get(name);
  }

  create(body: KubernetesObject): KubernetesObject | "conflict" {
    requireValid(body);
    if (this.#stored.has(body.metadata.name)) return "conflict";
    this.#uids += 1;
    return this.#store(body, `00000000-0000-4000-8000-${this.#uids.toString(16).padStart(12, "0")}`, undefined);
  }

  update(body: KubernetesObject): KubernetesObject | "conflict" {
    requireValid(body);
    const { name, uid, resourceVersion } = body.metadata;
    const before = this.#stored.get(name);
    if (before === undefined) return uid === undefined ? this.create(body) : "conflict";
    if (resourceVersion === undefined) throw invalid(name, "metadata.resourceVersion must be specified for an update");
    if ((uid ?? before.metadata.uid) !== before.metadata.uid) return "conflict";
    if (resourceVersion !== before.metadata.resourceVersion) return "conflict";
    return this.#store(body, before.metadata.uid ?? "", before);
  }

  remove(name: string, preconditions: Pick<ObjectMetadata, "uid" | "resourceVersion"> = {}): RemoveAnswer["type"] {
    const before = this.#stored.get(name);
    if (before === undefined) return "missing";
    const { uid = before.metadata.uid, resourceVersion = before.metadata.resourceVersion } = preconditions;
    if (uid !== before.metadata.uid || resourceVersion !== before.metadata.resourceVersion) return "conflict";
    this.#stored.delete(name);
    this.#tell(before, undefined);
    return "ok";
  }

  /** Calls `watcher` for each change from now on, until the returned function is called. */
  watch(watcher: (change: Change) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  #store(body: KubernetesObject, uid: string, before: KubernetesObject | undefined): KubernetesObject {
    const at = (resourceVersion: string): KubernetesObject =>
      structuredClone({ ...body, metadata: { ...body.metadata, uid, resourceVersion } });
    if (before !== undefined && isDeepStrictEqual(at(before.metadata.resourceVersion ?? ""), before)) return before;
    const after = at(String(this.#resourceVersion + 1));
    this.#stored.set(after.metadata.name, after);
    this.#tell(before, after);
    return after;
  }

  #tell(before: KubernetesObject | undefined, after: KubernetesObject | undefined): void {
    this.#resourceVersion += 1;
    for (const tell of this.#watchers) tell({ before, after, resourceVersion: this.resourceVersion });
  }
}

/** One change of one Lease. */
export interface Change {
  /** Undefined for a creation. */
  readonly before: KubernetesObject | undefined;
  /** Undefined for a deletion. */
  readonly after: KubernetesObject | undefined;
  readonly resourceVersion: string;
}

/** What the API server refuses in a Lease that this project could write wrongly. */
function requireValid({ metadata: { name }, spec }: KubernetesObject): void {
  const fields = new Map<string, unknown>(typeof spec === "object" && spec !== null ? Object.entries(spec) : []);
  for (const [field, least] of [["leaseDurationSeconds", 1] as const, ["leaseTransitions", 0] as const]) {
    const value = fields.get(field);
    if (value === undefined || isWhole(value, least)) continue;
    throw invalid(
      name,
      `spec.${field} must be a whole 32-bit number, ${least} or greater, but is ${JSON.stringify(value)}`,
    );
  }
  for (const field of ["acquireTime", "renewTime"]) {
    const time = fields.get(field);
    if (time === undefined || time === null) continue;
    if (typeof time === "string" && /\.\d{6}(?!\d)/.test(time) && parseMicroTime(time) !== undefined) continue;
    throw invalid(
      name,
      `spec.${field} must be a time with exactly six fraction digits, but is ${JSON.stringify(time)}`,
    );
  }
}

function isWhole(value: unknown, least: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value < 2 ** 31;
}

function invalid(name: string, why: string): ElectorateError {
  return new ElectorateError("invalid-request", `Lease ${name}: ${why}`, { status: 422, reason: "Invalid" });
}
