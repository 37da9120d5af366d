import type { Term } from "./term.ts";

/** By what right this replica works on shards: elected by Leases, or by being the only one. */
export interface Regime {
  /** `<name>_<uuid>`; a new one when the last has ended. */
  readonly identity: string;
  /** Aborts when it cannot go on; `end` then says why. */
  readonly signal: AbortSignal;
  /** The terms that have begun and not ended. */
  readonly terms: readonly Term[];
  start(): void;
  /** Brings the gauges that change with time alone up to date. */
  sample(): void;
  /** The source of `resource` is warm: its shards may be opened. */
  prepare(resource: string, keyMap: string): void;
  /** @throws Error while the others cannot know yet what this replica serves: who stops now would give it nothing. */
  requireKnown(): void;
  /** Drains and gives up everything; false when `patience` aborted first and something still runs. */
  leave(patience: AbortSignal): Promise<boolean>;
  /** Closes every gate at once; rejects with the reason why it could not go on, where there is one. */
  end(reason: string): Promise<void>;
}
