import { compareResourceVersions, isResourceVersion } from "../kube/resource-version.ts";
import type { LeaseFeedEvent } from "../lease/store.ts";
import { ElectorateError } from "../runtime/errors.ts";

/** How far a list+watch of Leases has come. It never goes back, unless the API server's data did. */
export class Position {
  #known: string | undefined;

  /** True once the first list is complete. */
  get isListed(): boolean {
    return this.#known !== undefined;
  }

  /** @throws ElectorateError `api-server-restored` when a list is older than what was seen before: what Leases say now may be past. */
  advance(event: LeaseFeedEvent): void {
    const position = "version" in event ? event.version.resourceVersion : event.resourceVersion;
    const known = this.#known;
    if (!isResourceVersion(position)) {
      if (event.type === "snapshot") throw restored("a list has a resourceVersion without an order");
      return;
    }
    if (event.type === "snapshot" && known !== undefined && compareResourceVersions(position, known) < 0) {
      throw restored(`a list has the resourceVersion ${position}, and ${known} was seen before`);
    }
    if (known === undefined || compareResourceVersions(position, known) > 0) this.#known = position;
  }
}

function restored(found: string): ElectorateError {
  return new ElectorateError(
    "api-server-restored",
    `${found}: the API server was restored from a backup, and what is known here does not hold any more; the process must start fresh`,
  );
}
