import { ANNOTATION_FENCE, ANNOTATION_IDENTITY } from "./names.ts";
import { changedLease, type LeaseVersion, nextRenewTime } from "./record.ts";

/**
 * A fence ends an identity for good: a compare-and-swap on a member Lease that was not renewed in its time. From then on no renewal of that
 * identity can succeed, so that whoever sees the fence may take its shards. Like a transfer it counts only where the annotation fits
 * the record beside it: metadata that somebody patches later fences nobody.
 */
export function fencedBody(member: LeaseVersion, wallMs: number) {
  const { record } = member;
  const renewTime = nextRenewTime(wallMs, record.renewTime);
  const transitions = record.transitions + 1;
  const identity = member.annotations[ANNOTATION_IDENTITY] ?? record.holder;
  return changedLease(member, {
    record: { ...record, holder: "", renewTime, transitions },
    annotations: { [ANNOTATION_FENCE]: `${identity};${transitions}` },
  });
}

export function isFenced(member: LeaseVersion): boolean {
  const { holder, transitions } = member.record;
  const fence = member.annotations[ANNOTATION_FENCE] ?? "";
  return holder === "" && /^[^;]+;\d+$/.test(fence) && fence.endsWith(`;${transitions}`);
}
