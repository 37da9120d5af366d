import { compareResourceVersions } from "../kube/resource-version.ts";
import { type LeaseRecord, nextRenewTime, nextTransitions } from "../lease/record.ts";
import { renewalOf } from "../lease/renewal.ts";
import {
  type Elector,
  type ElectorContext,
  type ElectorEffect,
  isOurs,
  type LossReason,
  type Phase,
  type SentWrite,
  validUntilMs,
  versionOf,
} from "./elector-state.ts";
import { toReclaim, toRelease } from "./learn.ts";
import { takeableFromMs } from "./observation.ts";

/** Second half of a step: what follows from what is known and from the time. It looks at the state alone, never at an event. */

/** One decision; the same object when there is nothing (more) to do now. */
export function decide(elector: Elector, context: ElectorContext, effects: ElectorEffect[]): Elector {
  if (elector.request === "read-due") {
    effects.push({ type: "read" });
    return { ...elector, request: "read" };
  }
  if (elector.request === "label-due") {
    effects.push({ type: "label" });
    return { ...elector, request: "label" };
  }
  switch (elector.phase.name) {
    case "standby":
      return decideStandby(elector, context, effects);
    case "claiming":
      return decideClaiming(elector, context, effects);
    case "leading":
    case "draining":
    case "stuck":
      return decideHolding(elector, elector.phase, context, effects);
    case "vacating":
      return elector;
    case "releasing":
      return decideReleasing(elector, elector.phase, context, effects);
    default:
      return elector.phase satisfies never;
  }
}

function decideStandby(elector: Elector, context: ElectorContext, effects: ElectorEffect[]): Elector {
  const version = versionOf(elector);
  const { burdened } = elector;
  if (!isEligible(context)) {
    const lets = version?.record.holder === context.identity && !burdened;
    return lets ? toRelease(elector, version.resourceVersion, wasGranted(elector)) : elector;
  }
  // Nobody has written since we did: to go on is a late renewal, whatever time has passed.
  if (isOurs(elector)) return { ...elector, phase: { name: "claiming" } };
  const mayTake = !burdened && context.now.monotonicMs >= takeAtMs(elector, context) && maySend(elector, context);
  // Asked again as soon as another claim has its answer.
  if (!mayTake || !context.standing.mayClaim) return elector;
  if (version === undefined && context.isStatic) return lookAgain(elector, context, effects);
  return send(elector, "take", context, effects, { name: "claiming" });
}

/** Whoever makes it may have forgotten our labels, and then the watch does not show it: it is asked for, but not often. */
function lookAgain(elector: Elector, { now, leaseDurationMs }: ElectorContext, effects: ElectorEffect[]): Elector {
  effects.push({ type: "read" });
  return { ...elector, request: "read", writeAtMs: now.monotonicMs + leaseDurationMs };
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
  if (!isEligible(context)) {
    if (elector.burdened) return renewWhenDue(elector, context, effects);
    return elector.request === "none" ? toRelease(elector, epoch, wasGranted(elector)) : elector;
  }
  const open =
    elector.own.number > elector.spent &&
    !elector.unresolved.some((write) => gaveAway(write) && write.replaces === epoch) &&
    compareEchoed(elector, epoch) >= 0 &&
    context.now.latestMs < validUntilMs(elector, context) &&
    context.now.monotonicMs >= elector.observation.embargoUntilMs;
  if (open) {
    effects.push({ type: "acquired", epoch }, { type: "open", epoch });
    return { ...elector, phase: { name: "leading", epoch, heldSinceMs: context.now.monotonicMs } };
  }
  return renewWhenDue(elector, context, effects);
}

/** While such a write may still be applied to the version in sight, that version cannot open anything. */
function gaveAway({ kind }: Pick<SentWrite, "kind">): boolean {
  return kind === "transfer" || kind === "release";
}

function compareEchoed(elector: Elector, resourceVersion: string): number {
  return elector.echoed === "" ? -1 : compareResourceVersions(elector.echoed, resourceVersion);
}

/** Ends the term of a gate that time has closed. */
export function expire(elector: Elector, context: ElectorContext, effects: ElectorEffect[]): Elector {
  const { phase } = elector;
  if (phase.name !== "leading" && phase.name !== "draining" && phase.name !== "stuck") return elector;
  if (!isOurs(elector) || context.now.latestMs < validUntilMs(elector, context)) return elector;
  return lose(elector, phase.epoch, "renew-deadline", effects);
}

function lose(elector: Elector, epoch: string, reason: LossReason, effects: ElectorEffect[]): Elector {
  effects.push({ type: "lose", epoch, reason });
  const spent = Math.max(elector.spent, elector.own?.number ?? 0);
  return { ...elector, phase: { name: "vacating", epoch }, spent };
}

function decideHolding(
  elector: Elector,
  phase: Extract<Phase, { epoch: string }>,
  context: ElectorContext,
  effects: ElectorEffect[],
): Elector {
  const loss = lossOf(elector, context);
  if (loss !== undefined) return lose(elector, phase.epoch, loss, effects);
  const { leaves, target, mayDrain } = context.standing;
  const moves = target !== undefined && !elector.burdened;
  if (phase.name === "leading" && (leaves || moves) && mayDrain) {
    effects.push({ type: "drain", epoch: phase.epoch });
    return { ...elector, phase: { name: "draining", epoch: phase.epoch } };
  }
  if (phase.name === "stuck" && !leaves) {
    effects.push({ type: "keep", epoch: phase.epoch, reason: "stuck" });
    return toReclaim({ ...elector, burdened: true });
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

type Releasing = Extract<Phase, { name: "releasing" }>;

/** Whoever handed it to us had opened it, and it may be handed on. */
function wasGranted({ own }: Elector): boolean {
  return own?.kind === "granted";
}

function decideReleasing(
  elector: Elector,
  phase: Releasing,
  context: ElectorContext,
  effects: ElectorEffect[],
): Elector {
  if (elector.own?.kind === "release" || elector.own?.kind === "transfer") {
    effects.push({ type: "released", write: elector.own });
    return { ...elector, phase: { name: "standby" } };
  }
  if (versionOf(elector)?.record.holder !== context.identity) return { ...elector, phase: { name: "standby" } };
  if (context.now.monotonicMs < releaseAtMs(elector) || !maySend(elector, context)) return elector;
  const { leaves, target } = context.standing;
  if (target !== undefined && phase.opened && isOurs(elector))
    return send(elector, "transfer", context, effects, elector.phase);
  // The target is gone or was never there. Somebody who stays keeps what it has; anybody else frees it.
  if (leaves || !isEligible(context)) return send(elector, "release", context, effects, elector.phase);
  effects.push({ type: "keep", epoch: phase.epoch, reason: "no-target" });
  return toReclaim(elector);
}

/**
 * A release says that nobody works for the shard any more, and everybody believes it at once. Of a version that we did not write
 * we know that only when it has been waited out.
 */
function releaseAtMs(elector: Elector): number {
  return isOurs(elector) ? elector.observation.embargoUntilMs : takeableFromMs(elector.observation);
}

function renewWhenDue(elector: Elector, context: ElectorContext, effects: ElectorEffect[]): Elector {
  if (isKept(elector, context) || !maySend(elector, context)) return elector;
  return send(elector, "renew", context, effects, elector.phase);
}

/** True for a Lease of ours that stands by our member Lease: it is written only to begin a term or to end it. */
function isKept(elector: Elector, context: ElectorContext): boolean {
  const version = versionOf(elector);
  if (context.renewal === "per-shard" || version === undefined || !isOurs(elector)) return false;
  return elector.own.number > elector.spent && renewalOf(version) === "per-member";
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
    renewal: gaveAway({ kind }) && on !== undefined ? renewalOf(on) : context.renewal,
    record: recordOf(kind, on?.record, context),
    sentAt: context.now,
  };
  effects.push({ type: "write", write, on });
  return {
    ...elector,
    phase,
    request: "write",
    writes: write.number,
    unresolved: withWrite(elector.unresolved, write),
    writeAtMs: context.now.monotonicMs + paceMs(kind, context),
  };
}

/**
 * More lost answers in a row than any renew deadline allows. Of many writes on one version the first is the likeliest to have been
 * applied, so that it is the last to be forgotten.
 */
const MOST_UNRESOLVED = 16;

function withWrite(unresolved: readonly SentWrite[], write: SentWrite): readonly SentWrite[] {
  if (unresolved.length < MOST_UNRESOLVED) return [...unresolved, write];
  return [...unresolved.slice(0, 1), ...unresolved.slice(2), write];
}

/** After a take the first renewal comes at the shard's own place in the period, so that shards taken together do not renew together. */
function paceMs(kind: SentWrite["kind"], context: ElectorContext): number {
  return kind === "take" ? context.retryPeriodMs * (0.2 + 0.8 * context.phaseShift) : context.retryPeriodMs;
}

function recordOf(kind: SentWrite["kind"], before: LeaseRecord | undefined, context: ElectorContext): LeaseRecord {
  const renewTime = nextRenewTime(context.now.wallMs, before?.renewTime ?? "");
  const transitions = before?.transitions ?? 0;
  if (kind === "release") return { holder: "", durationMs: 1000, acquireTime: renewTime, renewTime, transitions };
  const next = nextTransitions(transitions);
  const { target } = context.standing;
  if (kind === "transfer" && target !== undefined) {
    const durationMs = Math.max(context.leaseDurationMs, target.leaseDurationMs);
    return { holder: target.identity, durationMs, acquireTime: renewTime, renewTime, transitions: next };
  }
  const renewal = before !== undefined && before.holder === context.identity;
  return {
    holder: context.identity,
    durationMs: context.leaseDurationMs,
    acquireTime: renewal && before.acquireTime !== "" && kind === "renew" ? before.acquireTime : renewTime,
    renewTime,
    transitions: before === undefined || renewal ? transitions : next,
  };
}

/** Monotonic time of the next moment at which `step` has something to decide although nothing happens; infinite for never. */
export function wakeAtMs(elector: Elector, context: ElectorContext): number {
  const { now } = context;
  const writeAtMs = elector.request === "none" ? elector.writeAtMs : Number.POSITIVE_INFINITY;
  const renewAtMs = isKept(elector, context) ? Number.POSITIVE_INFINITY : writeAtMs;
  const validForMs = validUntilMs(elector, context) - now.latestMs;
  switch (elector.phase.name) {
    case "standby": {
      if (!isEligible(context) || elector.burdened) return Number.POSITIVE_INFINITY;
      // Once at the expiry itself: only then does it show whose turn it is, and how long the others wait.
      const freeMs = Math.max(takeableFromMs(elector.observation), writeAtMs);
      if (freeMs > now.monotonicMs) return freeMs;
      return context.standing.mayClaim ? Math.max(takeAtMs(elector, context), writeAtMs) : Number.POSITIVE_INFINITY;
    }
    case "claiming": {
      const embargoMs = elector.observation.embargoUntilMs;
      return embargoMs > now.monotonicMs ? Math.min(embargoMs, renewAtMs) : renewAtMs;
    }
    case "leading":
    case "draining":
    case "stuck":
      return Math.min(now.monotonicMs + Math.max(0, validForMs), renewAtMs);
    case "vacating":
      return Number.POSITIVE_INFINITY;
    case "releasing":
      return Math.max(releaseAtMs(elector), writeAtMs);
    default:
      return elector.phase satisfies never;
  }
}
