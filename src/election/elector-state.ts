import type { LeaseRecord, LeaseVersion } from "../lease/record.ts";
import { type Renewal, renewalOf } from "../lease/renewal.ts";
import type { Instant } from "../runtime/gate-clock.ts";
import { type Observation, UNSEEN } from "./observation.ts";

/** The elector as data: what it has seen, what it wrote, and what can be derived from both. `elector.ts` says how it moves. */
export interface Elector {
  readonly observation: Observation;
  /** Our write that made the record in sight; `undefined` when somebody else made it, or when that is in doubt. */
  readonly own: SentWrite | undefined;
  /** Newest resourceVersion of this Lease that came by list or watch; empty before the first. */
  readonly echoed: string;
  /** Writes that may have been applied, or may still be, although no version in sight shows them. */
  readonly unresolved: readonly SentWrite[];
  readonly request: Request;
  /** Monotonic. No write is sent before. */
  readonly writeAtMs: number;
  readonly phase: Phase;
  /** Work of a term that was given up still runs here: the Lease is not let go before it ends, and nothing is moved. */
  readonly burdened: boolean;
  /** Our writes up to this number began terms that have ended, and open nothing any more: a new term begins by a new write, its epoch. */
  readonly spent: number;
  readonly writes: number;
}

export type Phase =
  | { readonly name: "standby" }
  | { readonly name: "claiming" }
  /** `heldSinceMs` is monotonic: a shard that has just come is not moved on at once. */
  | { readonly name: "leading"; readonly epoch: string; readonly heldSinceMs: number }
  | { readonly name: "draining"; readonly epoch: string }
  /** Draining for a move, and the work does not end although it was told to. */
  | { readonly name: "stuck"; readonly epoch: string }
  /** The term has ended, its work has not. Nothing is claimed before it has. */
  | { readonly name: "vacating"; readonly epoch: string }
  /** `opened`: it is let go of after a term. What never opened here was never known to be ours to hand over. */
  | { readonly name: "releasing"; readonly epoch: string; readonly opened: boolean };

export type Request = "none" | "write" | "read-due" | "read" | "label-due" | "label";

export interface SentWrite {
  readonly number: number;
  /** `granted` was sent by the holder before us: a transfer whose validity is that of an earlier write of ours, see `learn.ts`. */
  readonly kind: "take" | "renew" | "granted" | "transfer" | "release";
  /** Empty for a creation, whose uid the server chooses. */
  readonly uid: string;
  /** resourceVersion that it replaces; empty for a creation. */
  readonly replaces: string;
  /** How the Lease is kept alive once this write is applied. */
  readonly renewal: Renewal;
  readonly record: LeaseRecord;
  readonly sentAt: Instant;
}

export type ElectorEvent =
  | { readonly type: "seen"; readonly version: LeaseVersion; readonly channel: "watch" | "list" }
  | { readonly type: "absent"; readonly channel: "watch" | "list"; readonly firstInstall: boolean }
  | { readonly type: "written"; readonly write: SentWrite; readonly answer: WriteOutcome }
  | { readonly type: "read"; readonly answer: ReadOutcome }
  /** The Lease got our labels (or did not); what it says will come by the watch. */
  | { readonly type: "labelled" }
  /** The last piece of work of the ended or draining term is over. */
  | { readonly type: "vacated" }
  /** Work of the draining term does not end although it was told to. */
  | { readonly type: "stuck" }
  /** The last piece of work of terms that were given up is over. */
  | { readonly type: "relieved" }
  /** The holder in sight is certainly gone: its member Lease is fenced or missing for long enough, or its death is proven. */
  | { readonly type: "gone"; readonly holder: string; readonly proven: boolean }
  /** Nothing happened but time, or somebody's standing changed. */
  | { readonly type: "tick" };

export type WriteOutcome =
  | { readonly type: "ok"; readonly version: LeaseVersion }
  | { readonly type: "conflict" }
  | { readonly type: "missing" }
  /** Not applied, or nobody knows; `retryAfterMs` is when it is worth trying again, 0 when the server did not say. */
  | { readonly type: "unknown"; readonly retryAfterMs: number };

export type ReadOutcome =
  | { readonly type: "ok"; readonly version: LeaseVersion; readonly labelled: boolean }
  | { readonly type: "missing" }
  /** It is another coordinator's, by its label. */
  | { readonly type: "foreign" }
  | { readonly type: "unknown" };

/** What the rest of the coordinator says about this shard now. */
export interface Standing {
  /** This replica stops: what it holds is drained and released, and nothing is taken. */
  readonly leaves: boolean;
  /** This replica may take the shard: its source is warm, and no other key map is preferred. */
  readonly contends: boolean;
  /** Not too many claims of this replica are on their way: renewals must not wait behind them. */
  readonly mayClaim: boolean;
  /** Not too many shards of this replica are being handed over: one that waits for its turn is worked on meanwhile. */
  readonly mayDrain: boolean;
  /** No Lease of the resource is held under another key map. */
  readonly mayOpen: boolean;
  /** The member that the plan wants to hold this shard instead of us; `undefined` when it is ours to keep. */
  readonly target: Target | undefined;
  /** How long this replica lets better-ranked members go first. */
  readonly rankDelayMs: number;
  /** See {@link Arrival.absenceMs}. */
  readonly absenceMs: number;
}

/** A live, ready member that a shard may be handed to. */
export interface Target {
  readonly identity: string;
  /** L of that member: the record declares it for it. */
  readonly leaseDurationMs: number;
}

export interface ElectorContext {
  readonly now: Instant;
  readonly identity: string;
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
  /** How this replica keeps its Leases alive; what a Lease says comes first. */
  readonly renewal: Renewal;
  /** Shard Leases are made by somebody else, and one that is missing is never made here. */
  readonly isStatic: boolean;
  /** Gate clock: until when our member Lease lets Leases stand that name us; negative infinity without a living identity. */
  readonly memberValidUntilMs: number;
  readonly clockRatio: number;
  readonly quiesceMs: number;
  /**
   * Gate clock: when the newest write of ours to any Lease of the coordinator was sent that the API server stored at or before a
   * version; `undefined` when there is none.
   */
  readonly sentBefore: (resourceVersion: string) => number | undefined;
  /** This shard's place in the retry period, in [0, 1): renewals of many shards are spread by it. */
  readonly phaseShift: number;
  readonly standing: Standing;
}

export type LossReason = "renew-deadline" | "foreign-holder" | "foreign-edit" | "lease-deleted";

export type ElectorEffect =
  | { readonly type: "write"; readonly write: SentWrite; readonly on: LeaseVersion | undefined }
  | { readonly type: "read" }
  | { readonly type: "label" }
  /** Our name stands in the Lease by an acknowledged write of ours. */
  | { readonly type: "acquired"; readonly epoch: string }
  | { readonly type: "open"; readonly epoch: string }
  /** No new work; what runs may end under the gate's deadline, which renewals go on to move. */
  | { readonly type: "drain"; readonly epoch: string }
  /** The term is over: whatever still runs must stop. */
  | { readonly type: "lose"; readonly epoch: string; readonly reason: LossReason }
  | { readonly type: "released"; readonly write: SentWrite }
  /** A move that came to nothing: the shard stays. */
  | { readonly type: "keep"; readonly epoch: string; readonly reason: "stuck" | "no-target" };

export const NEW_ELECTOR: Elector = {
  observation: UNSEEN,
  own: undefined,
  echoed: "",
  unresolved: [],
  request: "none",
  writeAtMs: Number.NEGATIVE_INFINITY,
  phase: { name: "standby" },
  burdened: false,
  spent: 0,
  writes: 0,
};

/** The version in sight, if there is one. */
export function versionOf(elector: Elector): LeaseVersion | undefined {
  return elector.observation.sight.type === "present" ? elector.observation.sight.version : undefined;
}

/** True while the newest version in sight names us by a write of ours. */
export function isOurs(elector: Elector): elector is Elector & { readonly own: SentWrite } {
  return elector.own !== undefined && elector.own.kind !== "release" && elector.own.kind !== "transfer";
}

/**
 * On the gate clock: until when this process may act. While a write that changes how the Lease is kept alive may be applied
 * or not, both rules bind.
 */
export function validUntilMs(elector: Elector, context: ValidityContext): number {
  const version = versionOf(elector);
  if (!isOurs(elector) || version === undefined) return Number.NEGATIVE_INFINITY;
  const mark = renewalOf(version);
  let untilMs = boundMs(mark, elector.own, context);
  for (const write of elector.unresolved) {
    if (write.renewal !== mark) untilMs = Math.min(untilMs, boundMs(write.renewal, write, context));
  }
  return untilMs;
}

type ValidityContext = Pick<ElectorContext, "renewDeadlineMs" | "memberValidUntilMs">;

function boundMs(renewal: Renewal, write: SentWrite, context: ValidityContext): number {
  return renewal === "per-member" ? context.memberValidUntilMs : write.sentAt.earliestMs + context.renewDeadlineMs;
}
