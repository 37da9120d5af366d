/** `fresh`: an event said that the key changed. `resync`: looked at again although nothing is known to have changed. */
export type Priority = "fresh" | "resync";

/**
 * The work queue of one shard, as its producers and workers see it. Two drivers implement it: `memory` (default) and `bull`, whose
 * keys, delays and back-offs outlive the replica.
 *
 * Promises, those of client-go's work queue: a key is never worked on twice at once; a key added while it is queued is
 * one; a key added while it is in work runs once more after; fresh keys go before resync keys at dequeue;
 * after `close` nothing is handed out any more.
 */
export interface WorkQueue {
  /** Adds a key to be worked on as soon as possible. A fresh add of a key that waits as resync makes it fresh. */
  add(key: string, priority?: Priority): void;
  /** Adds a key after `delayMs`; of several waiting delays of one key the earliest wins. */
  addAfter(key: string, delayMs: number, priority?: Priority): void;
  /** Adds a key after what the queue's rate limiter says of its failures. */
  addRateLimited(key: string): void;
  /** Ends the back-off history of a key: its next failure starts at the base delay again. */
  forget(key: string): void;
  /** How often the key was rate-limited since it was last forgotten. */
  failures(key: string): number;
  /**
   * Hands out the next key, waiting for one; `undefined` once the queue is closed. The caller must call `done(key)`
   * for every key it got, also when its work failed.
   */
  take(): Promise<string | undefined>;
  /** Marks the work on a key as ended; a key added meanwhile is queued again now. */
  done(key: string): void;
  /** Ends the work on a key like `done`, but the key is still to be worked on: by the next owner, when the queue is closed and outlives it. */
  putBack(key: string): void;
  /** Sets the gauges that change with time alone. Call it before metrics are read. */
  sample(): void;
  /** Hands nothing out any more and forgets what waits, unless the driver keeps it for the next owner; `take` answers `undefined`. Idempotent. Keys in work still need `done`. */
  close(): void;
  readonly statistics: QueueStatistics;
}

/** What a queue holds now. */
export interface QueueStatistics {
  /** Keys ready to be taken. */
  readonly depth: number;
  /** Keys that wait for a delay or a back-off. */
  readonly delayed: number;
  /** Keys handed out and not yet done. */
  readonly inWork: number;
  /** Age of the oldest ready key in milliseconds, 0 when none waits. */
  readonly oldestAgeMs: number;
}
