/**
 * The life of one shard on one replica, without its work: what is to be done with the work when the term opens, drains and ends.
 *
 *   idle ──open──> working ──drain──> draining ──time-out──> aborted ──┐
 *    ^                │                  │                             │
 *    │                └──────lose────────┴─────────> stopping <────────┘ (lose)
 *    └────────────────── work ended ── from draining, aborted, stopping ──
 */
export type Life =
  | { readonly name: "idle" }
  | { readonly name: "working"; readonly epoch: string }
  /** Takes nothing new; what runs may end in its own time until `abortAtMs` (monotonic). The Lease is still renewed. */
  | { readonly name: "draining"; readonly epoch: string; readonly abortAtMs: number }
  /** Drained too long: told to stop, and waited for. The Lease is still renewed, so that nobody else opens meanwhile. */
  | { readonly name: "aborted"; readonly epoch: string; readonly stuckAtMs: number }
  /** The term is over; what runs was told to stop and must have ended when its validity and the quiesce time have passed. */
  | { readonly name: "stopping"; readonly epoch: string };

export type LifeEvent =
  | { readonly type: "open"; readonly epoch: string }
  | { readonly type: "drain" }
  | { readonly type: "lose" }
  /** No handler of the term `epoch` runs any more, and none will. */
  | { readonly type: "ended"; readonly epoch: string }
  /** The owner gives up waiting for it and keeps the shard: what runs is left to itself. */
  | { readonly type: "forsake" }
  | { readonly type: "tick" };

export type LifeEffect =
  | { readonly type: "start" }
  /** Take no key any more and say when the last handler has ended. */
  | { readonly type: "finish" }
  /** Abort the signal of what runs. */
  | { readonly type: "abort" }
  | { readonly type: "vacated" }
  | { readonly type: "stuck" };

export interface LifeStep {
  readonly life: Life;
  readonly effects: readonly LifeEffect[];
}

export const IDLE: Life = { name: "idle" };

export function stepLife(life: Life, event: LifeEvent, nowMs: number, drainTimeoutMs: number): LifeStep {
  switch (event.type) {
    case "open":
      if (life.name !== "idle") return nothing(life);
      return { life: { name: "working", epoch: event.epoch }, effects: [{ type: "start" }] };
    case "drain":
      if (life.name !== "working") return nothing(life);
      return {
        life: { name: "draining", epoch: life.epoch, abortAtMs: nowMs + drainTimeoutMs },
        effects: [{ type: "finish" }],
      };
    case "lose":
      return lose(life);
    case "ended":
      // Late word of an older term says nothing about this one.
      if (life.name === "idle" || life.name === "working" || life.epoch !== event.epoch) return nothing(life);
      return { life: IDLE, effects: [{ type: "vacated" }] };
    case "tick":
      return tick(life, nowMs);
    case "forsake":
      return { life: IDLE, effects: [] };
    default:
      return event satisfies never;
  }
}

/** How long work may take to end after its signal was aborted before it counts as stuck. */
const GRACE_MS = 1_000;

function tick(life: Life, nowMs: number): LifeStep {
  if (life.name === "draining" && nowMs >= life.abortAtMs) {
    const aborted: Life = { name: "aborted", epoch: life.epoch, stuckAtMs: nowMs + GRACE_MS };
    return { life: aborted, effects: [{ type: "abort" }] };
  }
  if (life.name === "aborted" && nowMs >= life.stuckAtMs) {
    return { life: { ...life, stuckAtMs: Number.POSITIVE_INFINITY }, effects: [{ type: "stuck" }] };
  }
  return nothing(life);
}

function lose(life: Life): LifeStep {
  switch (life.name) {
    case "idle":
    case "stopping":
      return nothing(life);
    case "working":
      return { life: { name: "stopping", epoch: life.epoch }, effects: [{ type: "finish" }] };
    case "draining":
    case "aborted":
      // It is finishing already; the term's own end aborts its signal.
      return { life: { name: "stopping", epoch: life.epoch }, effects: [] };
    default:
      return life satisfies never;
  }
}

function nothing(life: Life): LifeStep {
  return { life, effects: [] };
}
