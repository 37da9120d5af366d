import type { Term } from "../election/term.ts";

/**
 * Something that runs beside the reconcilers: a webhook, a read endpoint, a cache, a loop that only one replica may run.
 *
 * Order of start: `/livez` and metrics, webhooks, caches, others, then what is elected (shards, and parts of a leader or a shard), each stage
 * when the one before is ready. Order of stop: the reverse. A Lease is given up when everything that runs under it has ended.
 */
export interface Part {
  /** Said in logs and errors; unique in its coordinator. */
  readonly name: string;
  /**
   * Works until `context.signal` aborts, and resolves when nothing of it runs any more. Resolving earlier means that it is done. A
   * rejection ends the coordinator, and its `run` rejects with it. An elected part is called anew in each term, never twice at once.
   */
  run(context: PartContext): Promise<void>;
}

/** What a part is given. */
export interface PartContext {
  /** Aborts when the part must stop. */
  readonly signal: AbortSignal;
  /** The term of an elected part: compare its gate before each effect. `undefined` on every replica. */
  readonly term: Term | undefined;
  /** To be called once by webhooks and caches, when they are up: what comes later waits for it. */
  readonly ready: () => void;
}

/** Where a part runs. */
export type RunsOn =
  | "every-replica"
  /** On one replica, by a Lease of its own that is placed, handed over and fenced like a shard's. */
  | "leader"
  /** On the replica that leads this shard, say `configmaps-03`, for as long as it does. */
  | { readonly shard: string };

/** How a part is added; `runsOn` has no default. */
export interface PartOptions {
  readonly runsOn: RunsOn;
  /** Of a part on every replica: what it is started with. Default `others`. */
  readonly stage?: "webhooks" | "caches" | "others";
}
