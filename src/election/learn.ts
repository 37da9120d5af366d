import { compareResourceVersions, isResourceVersion } from "../kube/resource-version.ts";
import { isHeld, isRelease, type LeaseVersion, sameRecord } from "../lease/record.ts";
import { renewalOf } from "../lease/renewal.ts";
import { type Transfer, transferOf } from "../lease/transfer.ts";
import {
  type Elector,
  type ElectorContext,
  type ElectorEvent,
  isOurs,
  type ReadOutcome,
  type SentWrite,
  versionOf,
  type WriteOutcome,
} from "./elector-state.ts";
import {
  type Arrival,
  type Channel,
  type Observation,
  observeAbsence,
  observeDeath,
  observeGone,
  observeVersion,
} from "./observation.ts";

type Gone = Extract<ElectorEvent, { type: "gone" }>;

/** First half of a step: what happened, taken into what is known. Nothing is decided here but whose record is in sight. */
export function learn(elector: Elector, event: ElectorEvent, context: ElectorContext): Elector {
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
    case "stuck":
      if (elector.phase.name !== "draining") return elector;
      return { ...elector, phase: { name: "stuck", epoch: elector.phase.epoch } };
    case "relieved":
      return { ...elector, burdened: false };
    case "gone":
      return learnGone(elector, event, context);
    case "tick":
      return elector;
    default:
      return event satisfies never;
  }
}

function learnVersion(elector: Elector, version: LeaseVersion, channel: Channel, context: ElectorContext): Elector {
  const { resourceVersion } = version;
  // A version that cannot be ordered is never newer than anything; in doubt nothing of ours stands.
  if (!isResourceVersion(resourceVersion)) return disowned(elector, context);
  const echoed = channel === "read" ? elector.echoed : resourceVersion;
  const known = versionOf(elector);
  if (known !== undefined && compareResourceVersions(resourceVersion, known.resourceVersion) <= 0) {
    return { ...elector, echoed };
  }

  const sameUid = known !== undefined && known.uid === version.uid;
  // A new uid is believed from list and watch only: what a read jumped over could name somebody who still acts.
  if (!sameUid && channel === "read") return disowned(elector, context);

  const own =
    known !== undefined && sameUid && elector.own !== undefined && sameRecord(version.record, known.record)
      ? elector.own
      : (elector.unresolved.find((write) => made(write, version)) ?? granted(elector, version, channel, context));
  const unresolved = elector.unresolved.filter(
    (write) => write.replaces !== "" && compareResourceVersions(write.replaces, resourceVersion) >= 0,
  );
  const observation =
    own === undefined || (channel === "list" && !sameUid)
      ? observeVersion(elector.observation, version, arrivalOf(channel, context))
      : observeOwn(elector.observation, version, own, context);
  // Somebody else wrote: what our own last write was paced for is past.
  const writeAtMs = own === undefined || own.kind === "granted" ? Number.NEGATIVE_INFINITY : elector.writeAtMs;
  const writes = Math.max(elector.writes, own?.number ?? 0);
  return { ...elector, observation, own, unresolved, echoed, writeAtMs, writes };
}

/** The record in sight names us, or somebody, by no write of ours that we can be sure of: what it says is waited out. */
function disowned(elector: Elector, { now, leaseDurationMs }: ElectorContext): Elector {
  const { observation, own } = elector;
  const version = versionOf(elector);
  // One that was renewed has been waited out since; one that stood by its member Lease only from now on.
  if (own === undefined || version === undefined || !observation.standsByMember) return { ...elector, own: undefined };
  const heldUntilMs = now.monotonicMs + Math.max(version.record.durationMs, leaseDurationMs);
  return { ...elector, own: undefined, observation: { ...observation, standsByMember: false, heldUntilMs } };
}

function learnGone(elector: Elector, { holder, proven }: Gone, { now }: ElectorContext): Elector {
  const version = versionOf(elector);
  const { observation } = elector;
  if (version === undefined || version.record.holder !== holder || isOurs(elector)) return elector;
  if (!observation.standsByMember) {
    return proven ? { ...elector, observation: observeDeath(observation, now.monotonicMs) } : elector;
  }
  // Only of a version that the watch has come to: before, a member that joined meanwhile would look like one that is gone.
  const shown = elector.echoed !== "" && compareResourceVersions(elector.echoed, version.resourceVersion) >= 0;
  if (!shown) return elector;
  // Its record may be old: whoever comes after the first waits from now on, not from then.
  const heldUntilMs = Math.max(observation.heldUntilMs, now.monotonicMs);
  return { ...elector, observation: { ...observeGone(observation), heldUntilMs } };
}

/**
 * True when `version` is what `write` left behind. Nothing but these tells a write whose answer was lost from somebody's edit. A transfer
 * to us and a take of ours on the same version may agree in all of the record, when its renewTime was ahead of both clocks.
 */
function made(write: SentWrite, version: LeaseVersion): boolean {
  const replacedByTransfer = transferOf(version)?.replaced;
  return (
    replacedByTransfer === (write.kind === "transfer" ? write.replaces : undefined) &&
    (write.uid === "" || write.uid === version.uid) &&
    write.record.holder === version.record.holder &&
    write.record.transitions === version.record.transitions &&
    write.record.renewTime === version.record.renewTime
  );
}

/**
 * Causal validity: a transfer to us opens without a write of ours.
 *
 * The transfer replaced version p, so that it was stored after p; and every write of ours that was stored at or before p was sent
 * before that. Nobody can have begun to count the expiry of the transfer before it was stored, hence not before such a
 * write was sent. So we may act until that sending + V just as if it had been the first renewal of this Lease, and, if the record
 * declares less than our own L, until what an observer grants it on the fastest clock, less the quiesce time. Every member writes each R, so
 * at most 2 R of V are lost. Without such a write nothing is known, and a renewal comes first.
 *
 * Of a transfer that the watch shows as the very next version after p, the moment is known better: a watch shows every version in its turn,
 * so this is the transfer itself and no edit of it since, and whatever of ours was stored before it counts. Who has just joined, and has
 * written nothing but its member Lease, long after p, opens without a write all the same.
 *
 * The versions between p and what we knew are no matter: who handed over held the Lease at p. But p must not be older than what we
 * knew, and the uid must be the same, or this is an edit that repeats an old annotation.
 */
function granted(
  elector: Elector,
  version: LeaseVersion,
  channel: Channel,
  context: ElectorContext,
): SentWrite | undefined {
  const known = versionOf(elector);
  const transfer = transferTo(context.identity, version, known);
  if (transfer === undefined) return undefined;
  const { now, renewDeadlineMs, clockRatio, quiesceMs } = context;
  const grantedMs = Math.min(renewDeadlineMs, version.record.durationMs / clockRatio - quiesceMs);
  const isNext = channel === "watch" && known?.resourceVersion === transfer.replaced;
  const sentMs = context.sentBefore(isNext ? version.resourceVersion : transfer.replaced) ?? Number.NEGATIVE_INFINITY;
  return {
    number: elector.writes + 1,
    kind: "granted",
    uid: version.uid,
    replaces: transfer.replaced,
    renewal: renewalOf(version),
    record: version.record,
    // As if sent so early that V from then on ends where the grant does.
    sentAt: { ...now, earliestMs: sentMs + grantedMs - renewDeadlineMs },
  };
}

/** The transfer to `identity` that made `version` out of `known`, or out of a version after it. */
export function transferTo(
  identity: string,
  version: LeaseVersion,
  known: LeaseVersion | undefined,
): Transfer | undefined {
  const transfer = transferOf(version);
  if (transfer?.to !== identity || known === undefined || known.uid !== version.uid) return undefined;
  return compareResourceVersions(transfer.replaced, known.resourceVersion) < 0 ? undefined : transfer;
}

/**
 * A version that our own write made, or that was granted to us. Who hands over has itself waited for everybody who came before: it opens, and
 * hands over, only then. What we would have to wait for is no later than the version that it replaced, so that its wait covers ours.
 */
function observeOwn(before: Observation, version: LeaseVersion, own: SentWrite, context: ElectorContext): Observation {
  const firstInstall = before.sight.type === "absent" && before.sight.firstInstall;
  const nobodyBefore = firstInstall || own.kind === "granted";
  const nowMs = context.now.monotonicMs;
  const waitMs = Math.max(version.record.durationMs, context.leaseDurationMs);
  return {
    sight: { type: "present", version },
    heldUntilMs: isRelease(version.record) ? nowMs : nowMs + waitMs,
    standsByMember: isHeld(version.record) && renewalOf(version) === "per-member",
    embargoUntilMs: nobodyBefore ? Number.NEGATIVE_INFINITY : before.embargoUntilMs,
  };
}

function arrivalOf(channel: Channel, context: ElectorContext): Arrival {
  return {
    channel,
    monotonicMs: context.now.monotonicMs,
    identity: context.identity,
    leaseDurationMs: context.leaseDurationMs,
    get absenceMs() {
      return context.standing.absenceMs;
    },
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
      // A server that asks for an hour must not get it: the Lease would be lost, or free and untaken, for as long.
      const retryAfterMs = Math.min(answer.retryAfterMs, 2 * context.retryPeriodMs);
      const writeAtMs = Math.max(elector.writeAtMs, context.now.monotonicMs + retryAfterMs);
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
      if (!answer.labelled) return { ...disowned(elector, context), request: "label-due" };
      return learnVersion(elector, answer.version, "read", context);
    case "missing":
      // Gone as far as this read can tell: enough to stop, not enough to begin the wait for an absence.
      return disowned(elector, context);
    case "foreign":
      // Somebody has to mend a label, which takes time: it is looked at again, but not often.
      return { ...disowned(elector, context), writeAtMs: context.now.monotonicMs + context.leaseDurationMs };
    case "unknown":
      return elector;
    default:
      return answer satisfies never;
  }
}

function learnVacated(elector: Elector): Elector {
  // Who says so has waited for whatever ran, of whichever term.
  const relieved = { ...elector, burdened: false };
  switch (elector.phase.name) {
    case "vacating":
      return { ...relieved, phase: { name: "standby" } };
    case "draining":
    case "stuck":
      return toRelease(relieved, elector.phase.epoch, true);
    default:
      return elector;
  }
}

/** A move is given up: the shard opens again in a new term, which a new acknowledged write begins. */
export function toReclaim(elector: Elector): Elector {
  return { ...elector, phase: { name: "claiming" }, spent: elector.writes, writeAtMs: Number.NEGATIVE_INFINITY };
}

export function toRelease(elector: Elector, epoch: string, opened: boolean): Elector {
  return { ...elector, phase: { name: "releasing", epoch, opened }, writeAtMs: Number.NEGATIVE_INFINITY };
}
