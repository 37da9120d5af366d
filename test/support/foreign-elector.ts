/**
 * An elector that follows client-go's rules by hand: it reads the Lease every retry period, renews it while it holds it, takes it when
 * it was released or has not changed for its declared duration since it saw it change, and frees it as `ReleaseOnCancel` does.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ControlPlaneAccess } from "./control-plane-access.ts";
import { type LeaseObject, leasesPath, parseLeaseObject } from "./lease-history.ts";

export interface Tenancy {
  readonly fromNs: bigint;
  /** When it stopped acting; `undefined` while it acts. */
  readonly toNs: bigint | undefined;
}

const RETRY_PERIOD_MS = 500;
const RENEW_DEADLINE_MS = 2_000;
const LEASE_SECONDS = 3;

export class ForeignElector {
  readonly identity = "foreign-elector";
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

  constructor(plane: ControlPlaneAccess, namespace: string, name: string) {
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
    const lease = await this.#get();
    if (lease?.spec?.holderIdentity !== this.identity) return;
    const now = microTime();
    const spec = { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1, renewTime: now, acquireTime: now };
    await this.#put({ ...lease, spec });
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
    const lease = await this.#get();
    if (signal.aborted) return false;
    const now = microTime();
    const ours = { holderIdentity: this.identity, leaseDurationSeconds: LEASE_SECONDS, renewTime: now };
    if (lease === undefined) {
      const spec = { ...ours, acquireTime: now, leaseTransitions: 0 };
      return this.#send("POST", leasesPath(this.#namespace), { metadata: { name: this.#name }, spec });
    }
    const record = JSON.stringify(lease.spec ?? {});
    if (this.#observed?.record !== record) this.#observed = { record, atMs: performance.now() };
    const holder = lease.spec?.holderIdentity ?? "";
    const declaredMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1_000;
    if (holder !== "" && holder !== this.identity) {
      this.#lose();
      if (this.#observed.atMs + declaredMs > performance.now()) return false;
    }
    const transitions = lease.spec?.leaseTransitions ?? 0;
    const spec =
      holder === this.identity
        ? { ...lease.spec, ...ours }
        : { ...lease.spec, ...ours, acquireTime: now, leaseTransitions: transitions + 1 };
    return this.#put({ ...lease, spec });
  }

  async #get(): Promise<LeaseObject | undefined> {
    const answer = await this.#plane.call("GET", leasesPath(this.#namespace, this.#name));
    if (answer.status === 404) return undefined;
    return parseLeaseObject(answer.text);
  }

  #put(lease: LeaseObject): Promise<boolean> {
    return this.#send("PUT", leasesPath(this.#namespace, this.#name), lease);
  }

  async #send(method: string, path: string, body: object): Promise<boolean> {
    const answer = await this.#plane.call(method, path, body);
    if (answer.status < 300) return true;
    if (answer.status !== 409) this.troubles.push(`${method} ${answer.status}: ${answer.text.slice(0, 300)}`);
    return false;
  }
}

function microTime(): string {
  return `${new Date().toISOString().slice(0, -1)}000Z`;
}
