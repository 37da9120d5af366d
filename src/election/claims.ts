import type { Contender } from "./contender.ts";

/**
 * Writes of shard Leases that are on their way at once, renewals aside: one less than the connections of the coordination traffic, so that
 * whatever is taken or handed over, a renewal finds a free one. More at once make each of them slower, and none of them earlier.
 */
export const MOST_WRITES = 7;

/** The claims of this replica that are on their way: few at once, and each contender in turn. */
export class Claims {
  readonly #order: readonly Contender[];
  readonly #sent = new Set<Contender>();
  #next = 0;

  constructor(contenders: readonly Contender[]) {
    this.#order = contenders;
  }

  get mayClaim(): boolean {
    return this.#sent.size < MOST_WRITES;
  }

  /** Keeps count, and lets the next contender claim when one has its answer. */
  note(contender: Contender): void {
    const { phase, request } = contender.elector;
    const claims = phase.name === "claiming" && request === "write";
    // Whoever finds no Lease where none is made asks for it instead, on the same connections.
    const asks = phase.name === "standby" && request === "read";
    if (claims || asks) this.#sent.add(contender);
    else if (this.#sent.delete(contender)) this.#letClaim();
  }

  /** In turn, so that no shard waits for ever behind others. */
  #letClaim(): void {
    for (let looked = 0; looked < this.#order.length && this.mayClaim; looked += 1) {
      this.#next = (this.#next + 1) % this.#order.length;
      this.#order[this.#next]?.dispatch({ type: "tick" });
    }
  }
}
