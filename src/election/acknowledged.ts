import { compareResourceVersions, isResourceVersion } from "../kube/resource-version.ts";

interface Write {
  readonly resourceVersion: string;
  readonly sentMs: number;
}

/** So many writes are worth looking through for old ones. */
const FORGET_FROM = 32;

/**
 * The newest acknowledged writes of this replica, to whatever Lease of the coordinator: each says that the API server had not
 * stored its resourceVersion before the moment at which it was sent.
 */
export class Acknowledged {
  readonly #keepMs: number;
  /** In the order of their resourceVersions, and short: older than the renew deadline they grant nothing. */
  #writes: Write[] = [];
  #forgetAt = FORGET_FROM;

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  /** `sentMs` on the gate clock, as the beginning of a measured time. */
  note(resourceVersion: string, sentMs: number): void {
    if (!isResourceVersion(resourceVersion)) return;
    const index = this.#writes.findLastIndex(
      (write) => compareResourceVersions(write.resourceVersion, resourceVersion) < 0,
    );
    this.#writes.splice(index + 1, 0, { resourceVersion, sentMs });
    // Not at every write: hundreds come in a second where there are many shards.
    if (this.#writes.length < this.#forgetAt) return;
    this.#writes = this.#writes.filter((write) => write.sentMs > sentMs - this.#keepMs);
    this.#forgetAt = Math.max(FORGET_FROM, 2 * this.#writes.length);
  }

  /** When the newest write that was stored at or before `resourceVersion` was sent; `undefined` when none is known. */
  sentBefore(resourceVersion: string): number | undefined {
    const before = this.#writes.filter((write) => compareResourceVersions(write.resourceVersion, resourceVersion) <= 0);
    // A later version may have been sent earlier, by another connection: any of them will do, and the latest sending is best.
    return before.length === 0 ? undefined : Math.max(...before.map((write) => write.sentMs));
  }

  /** True when what was stored up to `resourceVersion` holds a write of ours that was sent within the time kept before `nowMs`. */
  isRecent(resourceVersion: string, nowMs: number): boolean {
    if (!isResourceVersion(resourceVersion)) return false;
    return nowMs - (this.sentBefore(resourceVersion) ?? Number.NEGATIVE_INFINITY) < this.#keepMs;
  }
}
