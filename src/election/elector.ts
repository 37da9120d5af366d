import { compareResourceVersions, isResourceVersion } from "../kube/resource-version.ts";
import { isRelease, type LeaseRecord, type LeaseVersion, nextRenewTime, sameRecord } from "../lease/record.ts";
import type { Instant } from "../runtime/gate-clock.ts";
import {
  type Arrival,
  type Channel,
  type Observation,
  observeAbsence,
  observeVersion,
  takeableFromMs,
  UNSEEN,
} from "./observation.ts";

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
  readonly writes: number;
}

export type Phase =
  | { readonly name: "standby" }
  | { readonly name: "claiming" }
  | { readonly name: "leading"; readonly epoch: string }
  | { readonly name: "draining"; readonly epoch: string }
  /** The term has ended, its work has not. Nothing is claimed before it has. */
  | { readonly name: "vacating"; readonly epoch: string }
  | { readonly name: "releasing"; readonly epoch: string };

type Request = "none" | "write" | "read" | "read-due" | "label";

export interface SentWrite {
  readonly number: number;
  readonly kind: "take" | "renew" | "release";
  /** Empty for a creation, whose uid the server chooses. */
  readonly uid: string;
  /** resourceVersion that it replaces; empty for a creation. */
  readonly replaces: string;
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
  | { readonly type: "unknown" };

/** What the rest of the coordinator says about this shard now. */
export interface Standing {
  /** This replica stops: what it holds is drained and released, and nothing is taken. */
  readonly leaves: boolean;
  /** This replica may take the shard: its source is warm, and no other key map is preferred. */
  readonly contends: boolean;
  /** No Lease of the resource is held under another key map. */
  readonly mayOpen: boolean;
  /** How long this replica lets better-ranked members go first. */
  readonly rankDelayMs: number;
  /** See {@link Arrival.absenceMs}. */
  readonly absenceMs: number;
}

export interface ElectorContext {
  readonly now: Instant;
  readonly identity: string;
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
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
  | { readonly type: "released"; readonly write: SentWrite };

export interface Step {
  readonly elector: Elector;
  readonly effects: readonly ElectorEffect[];
}

export const NEW_ELECTOR: Elector = {
  observation: UNSEEN,
  own: undefined,
  echoed: "",
  unresolved: [],
  request: "none",
  writeAtMs: Number.NEGATIVE_INFINITY,
  phase: { name: "standby" },
  writes: 0,
};

export function step(elector: Elector, event: ElectorEvent, context: ElectorContext): Step {
  const effects: ElectorEffect[] = [];
  let state = learn(elector, event, context);
  // Each decision ends in a state that another one may follow from at once (lost, then vacated, then free to take).
  for (let next = decide(state, context, effects); next !== state; next = decide(state, context, effects)) state = next;
  return { elector: state, effects };
}

/** The version in sight, if there is one. */
export function versionOf(elector: Elector): LeaseVersion | undefined {
  return elector.observation.sight.type === "present" ? elector.observation.sight.version : undefined;
}

/** True while the newest version in sight names us by a write of ours. */
function isOurs(elector: Elector): elector is Elector & { readonly own: SentWrite } {
  return elector.own !== undefined && elector.own.kind !== "release";
}

/** On the gate clock: until when the newest acknowledged write lets this process act. */
export function validUntilMs(elector: Elector, context: Pick<ElectorContext, "renewDeadlineMs">): number {
  return isOurs(elector) ? elector.own.sentAt.earliestMs + context.renewDeadlineMs : Number.NEGATIVE_INFINITY;
}

// ---- learn: what happened -------------------------------------------------------------------------------------------

function learn(elector: Elector, event: ElectorEvent, context: ElectorContext): Elector {
  switch (event.type) {
    case "seen":
      return learnVersion(elector, event.version, event.channel, context);
    case "absent":
      return learnAbsence(elector, event, context);
    case "written":
      return learnAnswer({ ...elector, request: "none" }, event.write, event.answer, context);
    case "read":
      return learnRead({ ...elector, request: "none" }, event.answer, context);
    case "labelled":
      return { ...elector, request: "none", writeAtMs: context.now.monotonicMs + context.retryPeriodMs };
    case "vacated":
      return learnVacated(elector);
    case "tick":
      return elector;
    default:
      return event satisfies never;
  }
}

function learnVersion(elector: Elector, version: LeaseVersion, channel: Channel, context: ElectorContext): Elector {
  const { resourceVersion } = version;
  // A version that cannot be ordered is never newer than anything; in doubt nothing of ours stands.
  if (!isResourceVersion(resourceVersion)) return { ...elector, own: undefined };
  const echoed = channel === "read" ? elector.echoed : resourceVersion;
  const known = versionOf(elector);
  if (known !== undefined && compareResourceVersions(resourceVersion, known.resourceVersion) <= 0) {
    return { ...elector, echoed };
  }

  const sameUid = known !== undefined && known.uid === version.uid;
  // A new uid is believed from list and watch only: what a read jumped over could name somebody who still acts.
  if (!sameUid && channel === "read") return { ...elector, own: undefined };

  const own =
    known !== undefined && sameUid && elector.own !== undefined && sameRecord(version.record, known.record)
      ? elector.own
      : elector.unresolved.find((write) => made(write, version));
  const unresolved = elector.unresolved.filter(
    (write) => write.replaces !== "" && compareResourceVersions(write.replaces, resourceVersion) >= 0,
  );
  const observation =
    own === undefined || (channel === "list" && !sameUid)
      ? observeVersion(elector.observation, version, arrivalOf(channel, context))
      : observeOwn(elector.observation, version, context);
  // Somebody else wrote: what our own last write was paced for is past.
  const writeAtMs = own === undefined ? Number.NEGATIVE_INFINITY : elector.writeAtMs;
  return { ...elector, observation, own, unresolved, echoed, writeAtMs };
}

/** True when `version` is what `write` left behind. Nothing but these three tells a write whose answer was lost from somebody's edit. */
function made(write: SentWrite, version: LeaseVersion): boolean {
  return (
    (write.uid === "" || write.uid === version.uid) &&
    write.record.holder === version.record.holder &&
    write.record.transitions === version.record.transitions &&
    write.record.renewTime === version.record.renewTime
  );
}

function observeOwn(before: Observation, version: LeaseVersion, context: ElectorContext): Observation {
  const firstInstall = before.sight.type === "absent" && before.sight.firstInstall;
  const nowMs = context.now.monotonicMs;
  return {
    sight: { type: "present", version },
    heldUntilMs: isRelease(version.record) ? nowMs : nowMs + context.leaseDurationMs,
    embargoUntilMs: firstInstall ? Number.NEGATIVE_INFINITY : before.embargoUntilMs,
  };
}

function arrivalOf(channel: Channel, context: ElectorContext): Arrival {
  return {
    channel,
    monotonicMs: context.now.monotonicMs,
    leaseDurationMs: context.leaseDurationMs,
    absenceMs: context.standing.absenceMs,
  };
}

function learnAbsence(
  elector: Elector,
  event: Extract<ElectorEvent, { type: "absent" }>,
  context: ElectorContext,
): Elector {
  const observation = observeAbsence(event.firstInstall, arrivalOf(event.channel, context));
  return { ...elector, observation, own: undefined, unresolved: elector.unresolved.filter((w) => w.replaces === "") };
}

function learnAnswer(elector: Elector, write: SentWrite, answer: WriteOutcome, context: ElectorContext): Elector {
  switch (answer.type) {
    case "ok": {
      // The uid of a creation is new, so it is believed when the watch shows it.
      // One that is not above what it replaced changed nothing, and proves nothing.
      const { resourceVersion } = answer.version;
      const proves =
        write.uid !== "" &&
        isResourceVersion(resourceVersion) &&
        compareResourceVersions(resourceVersion, write.replaces) > 0;
      return proves ? learnVersion(elector, answer.version, "read", context) : elector;
    }
    case "conflict":
    case "missing":
      return isReplaced(elector, write) ? elector : { ...elector, request: "read-due" };
    case "unknown": {
      const writeAtMs = Math.max(elector.writeAtMs, context.now.monotonicMs + answer.retryAfterMs);
      return { ...elector, writeAtMs };
    }
    default:
      return answer satisfies never;
  }
}

/** True when a newer version than the one that `write` was to replace is in sight already, so that a conflict is no news. */
function isReplaced(elector: Elector, write: SentWrite): boolean {
  const known = versionOf(elector);
  if (known === undefined) return write.replaces !== "";
  return write.replaces === "" || compareResourceVersions(known.resourceVersion, write.replaces) > 0;
}

function learnRead(elector: Elector, answer: ReadOutcome, context: ElectorContext): Elector {
  switch (answer.type) {
    case "ok":
      if (!answer.labelled) return { ...elector, own: undefined, request: "label" };
      return learnVersion(elector, answer.version, "read", context);
    case "missing":
      // Gone as far as this read can tell: enough to stop, not enough to begin the wait for an absence.
      return { ...elector, own: undefined };
    case "unknown":
      return elector;
    default:
      return answer satisfies never;
  }
}

function learnVacated(elector: Elector): Elector {
  switch (elector.phase.name) {
    case "vacating":
      return { ...elector, phase: { name: "standby" } };
    case "draining":
      return toRelease(elector, elector.phase.epoch);
    default:
      return elector;
  }
}

function toRelease(elector: Elector, epoch: string): Elector {
  return { ...elector, phase: { name: "releasing", epoch }, writeAtMs: Number.NEGATIVE_INFINITY };
}

// ---- decide: what follows ------------------------------------------------------------------------------------------

/** One decision; the same object when there is nothing (more) to do now. */
function decide(elector: Elector, context: ElectorContext, effects: ElectorEffect[]): Elector {
  if (elector.request === "read-due") {
    effects.push({ type: "read" });
    return { ...elector, request: "read" };
  }
  switch (elector.phase.name) {
    case "standby":
      return decideStandby(elector, context, effects);
    case "claiming":
      return decideClaiming(elector, context, effects);
    case "leading":
    case "draining":
      return decideHolding(elector, elector.phase, context, effects);
    case "vacating":
      return elector;
    case "releasing":
      return decideReleasing(elector, context, effects);
    default:
      return elector.phase satisfies never;
  }
}

function decideStandby(elector: Elector, context: ElectorContext, effects: ElectorEffect[]): Elector {
  const version = versionOf(elector);
  if (!isEligible(context)) {
    return version?.record.holder === context.identity ? toRelease(elector, version.resourceVersion) : elector;
  }
  // Nobody has written since we did: to go on is a late renewal, whatever time has passed.
  if (isOurs(elector)) return { ...elector, phase: { name: "claiming" } };
  if (context.now.monotonicMs < takeAtMs(elector, context) || !maySend(elector, context)) return elector;
  return send(elector, "take", context, effects, { name: "claiming" });
}

function isEligible(context: ElectorContext): boolean {
  const { leaves, contends, mayOpen } = context.standing;
  return !leaves && contends && mayOpen;
}

/** Monotonic time from which on this replica may try to take the Lease from whoever had it. */
function takeAtMs(elector: Elector, context: ElectorContext): number {
  return takeableFromMs(elector.observation) + context.standing.rankDelayMs;
}

function decideClaiming(elector: Elector, context: ElectorContext, effects: ElectorEffect[]): Elector {
  const version = versionOf(elector);
  if (version === undefined || !isOurs(elector)) {
    // The request is answered and its result in sight, or it was lost: then the Lease is judged from the beginning.
    return elector.request === "none" ? { ...elector, phase: { name: "standby" } } : elector;
  }
  const epoch = version.resourceVersion;
  if (!isEligible(context)) return elector.request === "none" ? toRelease(elector, epoch) : elector;
  const open =
    compareEchoed(elector, epoch) >= 0 &&
    context.now.latestMs < validUntilMs(elector, context) &&
    context.now.monotonicMs >= elector.observation.embargoUntilMs;
  if (open) {
    effects.push({ type: "acquired", epoch }, { type: "open", epoch });
    return { ...elector, phase: { name: "leading", epoch } };
  }
  return renewWhenDue(elector, context, effects);
}

function compareEchoed(elector: Elector, resourceVersion: string): number {
  return elector.echoed === "" ? -1 : compareResourceVersions(elector.echoed, resourceVersion);
}

function decideHolding(
  elector: Elector,
  phase: Extract<Phase, { epoch: string }>,
  context: ElectorContext,
  effects: ElectorEffect[],
): Elector {
  const loss = lossOf(elector, context);
  if (loss !== undefined) {
    effects.push({ type: "lose", epoch: phase.epoch, reason: loss });
    return { ...elector, phase: { name: "vacating", epoch: phase.epoch } };
  }
  if (phase.name === "leading" && context.standing.leaves) {
    effects.push({ type: "drain", epoch: phase.epoch });
    return { ...elector, phase: { name: "draining", epoch: phase.epoch } };
  }
  return renewWhenDue(elector, context, effects);
}

function lossOf(elector: Elector, context: ElectorContext): LossReason | undefined {
  if (!isOurs(elector)) {
    const version = versionOf(elector);
    if (version === undefined) return "lease-deleted";
    const { holder } = version.record;
    return holder === "" || holder === context.identity ? "foreign-edit" : "foreign-holder";
  }
  return context.now.latestMs >= validUntilMs(elector, context) ? "renew-deadline" : undefined;
}

function decideReleasing(elector: Elector, context: ElectorContext, effects: ElectorEffect[]): Elector {
  if (elector.own?.kind === "release") {
    effects.push({ type: "released", write: elector.own });
    return { ...elector, phase: { name: "standby" } };
  }
  if (versionOf(elector)?.record.holder !== context.identity) return { ...elector, phase: { name: "standby" } };
  if (!maySend(elector, context)) return elector;
  return send(elector, "release", context, effects, elector.phase);
}

function renewWhenDue(elector: Elector, context: ElectorContext, effects: ElectorEffect[]): Elector {
  return maySend(elector, context) ? send(elector, "renew", context, effects, elector.phase) : elector;
}

function maySend(elector: Elector, context: ElectorContext): boolean {
  return elector.request === "none" && context.now.monotonicMs >= elector.writeAtMs;
}

// ---- writes --------------------------------------------------------------------------------------------------------

function send(
  elector: Elector,
  kind: SentWrite["kind"],
  context: ElectorContext,
  effects: ElectorEffect[],
  phase: Phase,
): Elector {
  const on = versionOf(elector);
  const write: SentWrite = {
    number: elector.writes + 1,
    kind,
    uid: on?.uid ?? "",
    replaces: on?.resourceVersion ?? "",
    record: recordOf(kind, on?.record, context),
    sentAt: context.now,
  };
  effects.push({ type: "write", write, on });
  return {
    ...elector,
    phase,
    request: "write",
    writes: write.number,
    unresolved: [...elector.unresolved, write].slice(-MOST_UNRESOLVED),
    writeAtMs: context.now.monotonicMs + paceMs(kind, context),
  };
}

/** More lost answers in a row than any renew deadline allows; older ones could only match a version that was replaced long ago. */
const MOST_UNRESOLVED = 16;

/** After a take the first renewal comes at the shard's own place in the period, so that shards taken together do not renew together. */
function paceMs(kind: SentWrite["kind"], context: ElectorContext): number {
  return kind === "take" ? context.retryPeriodMs * (0.2 + 0.8 * context.phaseShift) : context.retryPeriodMs;
}

function recordOf(kind: SentWrite["kind"], before: LeaseRecord | undefined, context: ElectorContext): LeaseRecord {
  const renewTime = nextRenewTime(context.now.wallMs, before?.renewTime ?? "");
  const transitions = before?.transitions ?? 0;
  if (kind === "release") return { holder: "", durationMs: 1000, acquireTime: renewTime, renewTime, transitions };
  const renewal = before !== undefined && before.holder === context.identity;
  return {
    holder: context.identity,
    durationMs: context.leaseDurationMs,
    acquireTime: renewal && before.acquireTime !== "" && kind === "renew" ? before.acquireTime : renewTime,
    renewTime,
    transitions: before === undefined || renewal ? transitions : transitions + 1,
  };
}

// ---- time ----------------------------------------------------------------------------------------------------------

/** Monotonic time of the next moment at which `step` has something to decide although nothing happens; infinite for never. */
export function wakeAtMs(elector: Elector, context: ElectorContext): number {
  const { now } = context;
  const writeAtMs = elector.request === "none" ? elector.writeAtMs : Number.POSITIVE_INFINITY;
  const validForMs = validUntilMs(elector, context) - now.latestMs;
  switch (elector.phase.name) {
    case "standby":
      return isEligible(context) ? Math.max(takeAtMs(elector, context), writeAtMs) : Number.POSITIVE_INFINITY;
    case "claiming": {
      const embargoMs = elector.observation.embargoUntilMs;
      return embargoMs > now.monotonicMs ? Math.min(embargoMs, writeAtMs) : writeAtMs;
    }
    case "leading":
    case "draining":
      return Math.min(now.monotonicMs + Math.max(0, validForMs), writeAtMs);
    case "vacating":
      return Number.POSITIVE_INFINITY;
    case "releasing":
      return writeAtMs;
    default:
      return elector.phase satisfies never;
  }
}
