import { ANNOTATION_FENCE } from "./names.ts";
import { changedLease, type LeaseVersion, nextRenewTime, nextTransitions } from "./record.ts";

/** An emptied record declares nothing, and the API server stores no Lease that says so again. */
const SHORTEST_DURATION_MS = 1000;

/**
 * A fence ends an identity for good: a compare-and-swap on a member Lease that was not renewed in its time. From then on no renewal of that
 * identity can succeed, so that whoever sees the fence may take its shards. Like a transfer it counts only where the annotation fits
 * the record beside it: metadata that somebody patches later fences nobody. It must be possible whatever somebody made of the Lease.
 */
export function fencedBody(member: LeaseVersion, identity: string, wallMs: number) {
  const { record } = member;
  const renewTime = nextRenewTime(wallMs, record.renewTime);
  const transitions = nextTransitions(record.transitions);
  const durationMs = Math.max(record.durationMs, SHORTEST_DURATION_MS);
  return changedLease(member, {
    record: { ...record, holder: "", durationMs, renewTime, transitions },
    annotations: { [ANNOTATION_FENCE]: `${identity};${transitions}` },
  });
}

export function isFenced(member: LeaseVersion): boolean {
  const { holder, transitions } = member.record;
  const fence = member.annotations[ANNOTATION_FENCE] ?? "";
  return holder === "" && /^.+;\d+$/.test(fence) && fence.endsWith(`;${transitions}`);
}
