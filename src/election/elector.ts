import { decide, expire } from "./decide.ts";
import type { Elector, ElectorContext, ElectorEffect, ElectorEvent } from "./elector-state.ts";
import { learn } from "./learn.ts";

export { wakeAtMs } from "./decide.ts";
export * from "./elector-state.ts";

/**
 * The elector of one shard Lease: what this replica has seen of it, what it wrote, and where that leaves it.
 *
 *   standby ──take──> claiming ──own write echoed by the watch──> leading ──stop──> draining ──work ended──> releasing
 *      ^                 │                                          │                  │                        │
 *      │                 └─ lost the race ─> standby                └── lost ──────────┴──> vacating            │
 *      └────────────────────────────────────────────────────────────────────────────────────────┴───────────────┘
 *
 * `learn` takes in what happened; `decide` looks at the result and the time, and says what to do: it is level-triggered, so
 * that an event that came late, twice or never cannot leave it in a state of its own. Invariants:
 * - at most one request of an elector is on its way, and each write is a compare-and-swap on the version in sight;
 * - a gate is open only while the newest version in sight was made by a write of ours (equal uid, transitions and
 *   renewTime), and until that write's sending + V;
 * - a shard opens only after the watch has shown our own write: by then it has shown every earlier one of every Lease, so that nothing
 *   that speaks against opening (a Lease made and deleted unseen, another key map) can still be hidden;
 * - the term has ended before a release is sent, and nothing is released while work runs.
 */
export interface Step {
  readonly elector: Elector;
  readonly effects: readonly ElectorEffect[];
}

export function step(elector: Elector, event: ElectorEvent, context: ElectorContext): Step {
  const effects: ElectorEffect[] = [];
  // Time first: a gate that it has closed stays closed for its term, even if this very event would have moved the deadline.
  let state = learn(expire(elector, context, effects), event, context);
  // Each decision ends in a state that another one may follow from at once (lost, then vacated, then free to take).
  for (let next = decide(state, context, effects); next !== state; next = decide(state, context, effects)) state = next;
  return { elector: state, effects };
}
