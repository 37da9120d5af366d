import { compareResourceVersions, isResourceVersion } from "../kube/resource-version.ts";

interface Write {
  readonly resourceVersion: string;
  readonly sentMs: number;
}

/**
 * The newest acknowledged writes of this replica, to whatever Lease of the coordinator: each says that the API server had not
 * stored its resourceVersion before the moment at which it was sent.
 */
export class Acknowledged {
  readonly #keepMs: number;
  /** In the order of their resourceVersions, and short: older than the renew deadline they grant nothing. */
  #writes: Write[] = [];

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  /** `sentMs` on the gate clock, as the beginning of a measured time. */
  note(resourceVersion: string, sentMs: number): void {
    if (!isResourceVersion(resourceVersion)) return;
    const recent = this.#writes.filter((write) => write.sentMs > sentMs - this.#keepMs);
    const index = recent.findLastIndex((write) => compareResourceVersions(write.resourceVersion, resourceVersion) < 0);
    recent.splice(index + 1, 0, { resourceVersion, sentMs });
    this.#writes = recent;
  }

  /** When the newest write that was stored at or before `resourceVersion` was sent; `undefined` when none is known. */
  sentBefore(resourceVersion: string): number | undefined {
    const before = this.#writes.filter((write) => compareResourceVersions(write.resourceVersion, resourceVersion) <= 0);
    // A later version may have been sent earlier, by another connection: any of them will do, and the latest sending is best.
    return before.length === 0 ? undefined : Math.max(...before.map((write) => write.sentMs));
  }
}
