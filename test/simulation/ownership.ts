import type { Term } from "../../src/election/term.ts";
import type { Machine } from "./world.ts";

interface Owner {
  readonly name: string;
  readonly machine: Machine;
  /** In how many buckets it has each resource. */
  readonly buckets: ReadonlyMap<string, number>;
}

interface Holding {
  readonly replica: Owner;
  readonly term: Term;
}

/** Who may act for which shard, as the gates themselves say, and since when nobody may. */
export class Ownership {
  /** Those that must have owners. */
  shards: readonly string[] = [];
  readonly #terms = new Map<string, readonly Holding[]>();
  /** True time at which a shard was last seen to have an owner. */
  readonly #ownedMs = new Map<string, number>();

  opened(replica: Owner, term: Term): void {
    const others = (this.#terms.get(term.shard) ?? []).filter(
      (one) => !one.replica.machine.isDead && !one.term.signal.aborted,
    );
    this.#terms.set(term.shard, [...others, { replica, term }]);
  }

  /** The newest term that a replica was given of a shard. */
  newestOf(replica: Owner, shard: string): Term | undefined {
    return this.#terms.get(shard)?.findLast((one) => one.replica === replica)?.term;
  }

  /** Says which shard somebody takes keys for while somebody else may still act for it; there must be none. */
  shared(): string | undefined {
    for (const [shard, terms] of this.#terms) {
      if (terms.length < 2) continue;
      const acting = terms.filter(({ replica, term }) => !replica.machine.isDead && term.gate.permitsWrite());
      if (acting.length < 2 || !acting.some(({ term }) => term.gate.admits())) continue;
      const who = acting.map(({ replica, term }) => `${replica.name} (${term.epoch})`).join(", ");
      return `shard ${shard} has ${acting.length} gates open at once: ${who}`;
    }
    return undefined;
  }

  /** Says where keys of one resource are divided in two ways at once; there must be no such place. */
  divided(): string | undefined {
    const ways = new Map<string, { readonly count: number | undefined; readonly who: string }>();
    for (const [shard, terms] of this.#terms) {
      const resource = shard.slice(0, shard.lastIndexOf("-"));
      for (const { replica, term } of terms) {
        if (replica.machine.isDead || !term.gate.admits()) continue;
        const count = replica.buckets.get(resource);
        const who = `${shard} of ${count} at ${replica.name}`;
        const other = ways.get(resource);
        if (other === undefined) ways.set(resource, { count, who });
        else if (other.count !== count) return `gates of ${other.who} and ${who} are open at once`;
      }
    }
    return undefined;
  }

  /** Replicas with an open gate of the shard. */
  ownersOf(shard: string): readonly string[] {
    return (this.#terms.get(shard) ?? [])
      .filter(({ replica, term }) => !replica.machine.isDead && term.gate.admits())
      .map(({ replica }) => replica.name);
  }

  unowned(): readonly string[] {
    return this.shards.filter((shard) => this.ownersOf(shard).length === 0);
  }

  /** Looks who owns what now; the shard that has been without an owner for the longest, counted from `sinceMs` at the earliest. */
  longestGap(nowMs: number, sinceMs: number): { readonly shard: string; readonly gapMs: number } {
    let longest = { shard: "", gapMs: 0 };
    for (const shard of this.shards) {
      const gapMs = nowMs - Math.max(sinceMs, this.#ownedMs.get(shard) ?? 0);
      if (this.ownersOf(shard).length > 0) this.#ownedMs.set(shard, nowMs);
      else if (gapMs > longest.gapMs) longest = { shard, gapMs };
    }
    return longest;
  }
}
