import type { LeaseTimings } from "../config/timings.ts";
import { fencedBody, isFenced } from "../lease/fence.ts";
import { memberLeaseNameOf } from "../lease/names.ts";
import type { LeaseVersion } from "../lease/record.ts";
import type { LeaseStore } from "../lease/store.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import { isLive, type Member, type Roster } from "./roster.ts";

export interface FencingOptions {
  readonly coordinator: string;
  readonly identity: string;
  readonly timings: LeaseTimings;
  readonly store: LeaseStore;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly trouble: TroubleLog;
  readonly roster: () => Roster;
  /** True for an identity whose Pod shows that it is dead: nobody waits for it. */
  readonly isProven: (identity: string) => boolean;
  /** The API server has stored this fence. */
  fenced(version: LeaseVersion): void;
  /** A fence came to nothing, or nobody knows: `look` is to be called again, or nobody would try it again. */
  failed(): void;
}

/** Fences members that shards stand by and that have not renewed in their time, so that their shards can be taken. */
export class Fencing {
  readonly #options: FencingOptions;
  /** Member Leases that a fence is on its way to, and those where it came to nothing: not to be tried again before. */
  readonly #notBeforeMs = new Map<string, number>();

  constructor(options: FencingOptions) {
    this.#options = options;
  }

  /** Fences whom of `holders` it is time to fence; answers when to look again, on the monotonic clock. */
  look(holders: ReadonlySet<string>, nowMs: number): number {
    const { coordinator, identity, roster, timings, isProven } = this.#options;
    const members = roster();
    const own = memberLeaseNameOf(coordinator, identity);
    let nextMs = Number.POSITIVE_INFINITY;
    for (const holder of holders) {
      const member = members.get(memberLeaseNameOf(coordinator, holder) ?? "");
      if (member === undefined || member.leaseName === own || isFenced(member.lease)) continue;
      const rank = rankAmong(members, identity, nowMs);
      const fromMs = isProven(member.identity) ? nowMs : member.actsUntilMs;
      const dueMs = Math.max(
        fromMs + rank * stepMs(timings),
        this.#notBeforeMs.get(member.leaseName) ?? Number.NEGATIVE_INFINITY,
      );
      if (dueMs <= nowMs) void this.#fence(member, holder);
      else nextMs = Math.min(nextMs, dueMs);
    }
    return nextMs;
  }

  async #fence(member: Member, holder: string): Promise<void> {
    const { store, clock, telemetry, trouble, timings } = this.#options;
    const { leaseName, lease } = member;
    this.#notBeforeMs.set(leaseName, Number.POSITIVE_INFINITY);
    let stored = false;
    try {
      const answer = await store.update(fencedBody(lease, holder, clock.wallMs()));
      telemetry.meter.increment("electorate_fences_total", { result: answer.type });
      trouble.clear("fence", leaseName);
      if (answer.type === "ok") {
        stored = true;
        telemetry.log.warn({ member: holder }, "a member that did not renew its Lease in time was fenced");
        this.#options.fenced(answer.version);
      }
    } catch (error) {
      telemetry.meter.increment("electorate_fences_total", { result: "failed" });
      trouble.report("fence", `fencing member Lease ${leaseName}`, error, leaseName);
    } finally {
      this.#notBeforeMs.set(leaseName, clock.monotonicMs() + timings.retryPeriodMs / 4);
      if (!stored) this.#options.failed();
    }
  }
}

/** One goes first; the others wait for it to be seen. */
function rankAmong(members: Roster, identity: string, nowMs: number): number {
  let before = 0;
  for (const member of members.values()) {
    if (member.identity < identity && member.state === "ready" && isLive(member, nowMs)) before += 1;
  }
  return before;
}

function stepMs(timings: LeaseTimings): number {
  return Math.min(100, timings.retryPeriodMs / 8);
}
