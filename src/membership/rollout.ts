import type { Member } from "./roster.ts";

/**
 * How long members of more than one version have been alive together: while a rollout is under way, shards move to the newest
 * version only, and a rollout that never ends (a canary, a pod that does not start) must not bind the plan for ever.
 */
export interface Rollout {
  /** Versions of the live members, in order of their text. */
  readonly versions: readonly string[];
  /** Monotonic: since when exactly these have been alive. */
  readonly sinceMs: number;
}

export const NO_ROLLOUT: Rollout = { versions: [], sinceMs: 0 };

/** Takes in who is alive now; the same object while the versions stay the same. */
export function observeVersions(before: Rollout, live: Iterable<Pick<Member, "version">>, nowMs: number): Rollout {
  const versions = [...new Set(Array.from(live, ({ version }) => version))].sort();
  const same = versions.length === before.versions.length && versions.every((text, at) => text === before.versions[at]);
  return same ? before : { versions, sinceMs: nowMs };
}

/** Monotonic time at which the rules for several versions end; infinite while there is one version or none. */
export function rolloutEndMs({ versions, sinceMs }: Rollout, windowMs: number): number {
  return versions.length > 1 ? sinceMs + windowMs : Number.POSITIVE_INFINITY;
}
