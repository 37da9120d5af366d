import { isHeld, type LeaseVersion, parseMicroTime } from "../../lease/record.ts";

/** Ages by this machine's clock, of times that other machines wrote: good enough to look at, and never to decide anything by. */

/** Whole milliseconds since a time that somebody wrote; `undefined` when it is none. */
export function sinceMs(microTime: string, wallMs: number): number | undefined {
  const atUs = parseMicroTime(microTime);
  return atUs === undefined ? undefined : Math.round(wallMs - atUs / 1000);
}

/** True for a Lease that names somebody and was renewed within its duration. */
export function isCurrent({ record }: LeaseVersion, wallMs: number): boolean {
  const agoMs = sinceMs(record.renewTime, wallMs);
  return isHeld(record) && agoMs !== undefined && agoMs < record.durationMs;
}
