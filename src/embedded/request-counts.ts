/** How many requests of which kind a server has had. */

export interface RequestCount {
  readonly verb: string;
  /** `plural.group`, with `/status` for a subresource; empty for paths that are no resource. */
  readonly resource: string;
  readonly status: number;
  readonly count: number;
}

/** Counts every request that was answered; requests that a fault dropped unheard are not among them. */
export class RequestCounts {
  readonly #counts = new Map<string, { verb: string; resource: string; status: number; count: number }>();

  note(verb: string, resource: string, status: number): void {
    const key = `${verb} ${resource} ${status}`;
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { verb, resource, status, count: 1 });
    else known.count += 1;
  }

  /** The requests with this verb, resource (`leases.coordination.k8s.io`) and status; each left out means any. */
  count(filter: { readonly verb?: string; readonly resource?: string; readonly status?: number } = {}): number {
    let total = 0;
    for (const one of this.#counts.values()) {
      if (filter.verb !== undefined && filter.verb !== one.verb) continue;
      if (filter.resource !== undefined && filter.resource !== one.resource) continue;
      if (filter.status !== undefined && filter.status !== one.status) continue;
      total += one.count;
    }
    return total;
  }

  all(): readonly RequestCount[] {
    return [...this.#counts.values()].map((one) => ({ ...one }));
  }

  reset(): void {
    this.#counts.clear();
  }
}
