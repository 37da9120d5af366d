/**
 * An elector that follows client-go's rules by hand: it reads the Lease every retry period, renews it while it holds it, takes it when
 * it was released or has not changed for its declared duration since it saw it change, and frees it as `ReleaseOnCancel` does.
 */
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { ControlPlaneAccess } from "./control-plane-access.ts";
import { leasesPath } from "./lease-history.ts";

export interface Tenancy {
  readonly fromNs: bigint;
  /** When it stopped acting; `undefined` while it acts. */
  readonly toNs: bigint | undefined;
}

const RETRY_PERIOD_MS = 500;
const RENEW_DEADLINE_MS = 2_000;
const LEASE_SECONDS = 3;

type ForeignLock = "leases" | "configmaps" | "endpoints";

const ANNOTATION_LEADER = "control-plane.alpha.kubernetes.io/leader";

const recordSchema = z.looseObject({
  holderIdentity: z.string().optional(),
  leaseDurationSeconds: z.number().optional(),
  leaseTransitions: z.number().optional(),
  leaderTransitions: z.number().optional(),
});
type ForeignRecord = z.output<typeof recordSchema>;

const storedSchema = z.looseObject({
  metadata: z.looseObject({ annotations: z.record(z.string(), z.string()).optional() }),
  spec: recordSchema.optional(),
});
type Stored = z.output<typeof storedSchema>;

/** What such an elector may be told; by default it is one on a Lease. */
export interface ForeignOptions {
  readonly lock?: ForeignLock;
  readonly identity?: string;
}

export class ForeignElector {
  readonly identity: string;
  readonly #lock: ForeignLock;
  /** Statuses that were no success and no conflict. */
  readonly troubles: string[] = [];
  readonly #plane: ControlPlaneAccess;
  readonly #namespace: string;
  readonly #name: string;
  readonly #tenancies: Tenancy[] = [];
  #heldSinceNs: bigint | undefined;
  #lastRenewedNs = 0n;
  #observed: { readonly record: string; readonly atMs: number } | undefined;
  #running: Promise<void> | undefined;
  #stop = new AbortController();

  constructor(plane: ControlPlaneAccess, namespace: string, name: string, options: ForeignOptions = {}) {
    this.identity = options.identity ?? "foreign-elector";
    this.#lock = options.lock ?? "leases";
    this.#plane = plane;
    this.#namespace = namespace;
    this.#name = name;
  }

  get holds(): boolean {
    return this.#heldSinceNs !== undefined;
  }

  /** Every time in which it acted as the leader. */
  get tenancies(): readonly Tenancy[] {
    return this.#heldSinceNs === undefined
      ? this.#tenancies
      : [...this.#tenancies, { fromNs: this.#heldSinceNs, toNs: undefined }];
  }

  start(): void {
    this.#stop = new AbortController();
    this.#running = this.#loop(this.#stop.signal);
  }

  /** Stops acting, then frees the Lease. */
  async release(): Promise<void> {
    await this.#end();
    const stored = await this.#get();
    const record = stored === undefined ? undefined : this.#recordOf(stored);
    if (stored === undefined || record?.holderIdentity !== this.identity) return;
    const now = this.#now();
    const freed = { ...record, holderIdentity: "", leaseDurationSeconds: 1, renewTime: now, acquireTime: now };
    await this.#put(stored, freed);
  }

  /** Stops acting and writes nothing any more, as if its process had been killed. */
  async die(): Promise<void> {
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#lose();
    this.#stop.abort();
    await this.#running;
  }

  #lose(): void {
    if (this.#heldSinceNs === undefined) return;
    this.#tenancies.push({ fromNs: this.#heldSinceNs, toNs: process.hrtime.bigint() });
    this.#heldSinceNs = undefined;
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await this.#tryAcquireOrRenew(signal)) {
        this.#lastRenewedNs = process.hrtime.bigint();
        if (!signal.aborted) this.#heldSinceNs ??= this.#lastRenewedNs;
      } else if (process.hrtime.bigint() - this.#lastRenewedNs > BigInt(RENEW_DEADLINE_MS) * 1_000_000n) {
        this.#lose();
      }
      await delay(RETRY_PERIOD_MS, undefined, { signal }).catch(() => {});
    }
  }

  async #tryAcquireOrRenew(signal: AbortSignal): Promise<boolean> {
    const stored = await this.#get();
    if (signal.aborted) return false;
    const now = this.#now();
    const ours = { holderIdentity: this.identity, leaseDurationSeconds: LEASE_SECONDS, renewTime: now };
    if (stored === undefined) {
      const body = this.#with(
        { metadata: { name: this.#name } },
        { ...ours, acquireTime: now, ...this.#transitions(0) },
      );
      return this.#send("POST", this.#path(), body);
    }
    const record = this.#recordOf(stored);
    const text = JSON.stringify(record);
    if (this.#observed?.record !== text) this.#observed = { record: text, atMs: performance.now() };
    const holder = record.holderIdentity ?? "";
    const declaredMs = (record.leaseDurationSeconds ?? 0) * 1_000;
    if (holder !== "" && holder !== this.identity) {
      this.#lose();
      if (this.#observed.atMs + declaredMs > performance.now()) return false;
    }
    const transitions = record.leaseTransitions ?? record.leaderTransitions ?? 0;
    const taken = { ...ours, acquireTime: now, ...this.#transitions(transitions + 1) };
    return this.#put(stored, { ...record, ...(holder === this.identity ? ours : taken) });
  }

  #transitions(count: number): ForeignRecord {
    return this.#lock === "leases" ? { leaseTransitions: count } : { leaderTransitions: count };
  }

  #recordOf({ spec, metadata }: Stored): ForeignRecord {
    if (this.#lock === "leases") return spec ?? {};
    return recordSchema.parse(JSON.parse(metadata.annotations?.[ANNOTATION_LEADER] ?? "{}"));
  }

  #with(stored: Stored, record: ForeignRecord): Stored {
    if (this.#lock === "leases") return { ...stored, spec: record };
    const annotations = { ...stored.metadata.annotations, [ANNOTATION_LEADER]: JSON.stringify(record) };
    return { ...stored, metadata: { ...stored.metadata, annotations } };
  }

  #now(): string {
    const now = new Date().toISOString().slice(0, -1);
    return this.#lock === "leases" ? `${now}000Z` : `${now.slice(0, -4)}Z`;
  }

  #path(name?: string): string {
    if (this.#lock === "leases") return leasesPath(this.#namespace, name);
    const collection = `/api/v1/namespaces/${this.#namespace}/${this.#lock}`;
    return name === undefined ? collection : `${collection}/${name}`;
  }

  async #get(): Promise<Stored | undefined> {
    const answer = await this.#plane.call("GET", this.#path(this.#name));
    if (answer.status === 404) return undefined;
    return storedSchema.parse(JSON.parse(answer.text));
  }

  #put(stored: Stored, record: ForeignRecord): Promise<boolean> {
    return this.#send("PUT", this.#path(this.#name), this.#with(stored, record));
  }

  async #send(method: string, path: string, body: object): Promise<boolean> {
    const answer = await this.#plane.call(method, path, body);
    if (answer.status < 300) return true;
    if (answer.status !== 409) this.troubles.push(`${method} ${answer.status}: ${answer.text.slice(0, 300)}`);
    return false;
  }
}
