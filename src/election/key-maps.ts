import { compareResourceVersions, isResourceVersion } from "../kube/resource-version.ts";
import { ANNOTATION_KEY_MAP } from "../lease/names.ts";
import { isHeld, isRelease, type LeaseVersion } from "../lease/record.ts";
import { isLive, type Roster } from "../membership/roster.ts";
import { type Observation, takeableFromMs } from "./observation.ts";

/**
 * Other key maps of one resource. Two maps cut the keys differently, so that a bucket of one overlaps with several of the other:
 * no shard opens while another Lease of its resource may be held under a different map, and while a live member
 * serves the map in use, members with another one do not even try.
 */
export class KeyMaps {
  readonly #ours: string;
  /** Lease name to the monotonic time until which its holder under another map may act. */
  readonly #othersUntilMs = new Map<string, number>();
  #newest: { readonly resourceVersion: string; readonly keyMap: string } | undefined;

  constructor(ours: string) {
    this.#ours = ours;
  }

  /** Takes in what was observed of any shard Lease of the resource, ours by name or not; true when that may change who may try or open. */
  observe(leaseName: string, observation: Observation): boolean {
    const inUse = this.#newest?.keyMap;
    const untilMs = this.#othersUntilMs.get(leaseName);
    this.#take(leaseName, observation);
    return this.#newest?.keyMap !== inUse || this.#othersUntilMs.get(leaseName) !== untilMs;
  }

  #take(leaseName: string, observation: Observation): void {
    const { sight } = observation;
    const untilMs = this.#othersUntilMs.get(leaseName);
    if (sight.type !== "present") {
      // Gone, but its holder may not know yet.
      if (untilMs !== undefined) this.#othersUntilMs.set(leaseName, Math.max(untilMs, observation.embargoUntilMs));
      return;
    }
    const { version } = sight;
    const keyMap = version.annotations[ANNOTATION_KEY_MAP];
    // A release says nothing of the map in use: it may be the retreat of somebody who found another one there.
    if (isHeld(version.record)) this.#noteNewest(version, keyMap);
    if (isRelease(version.record)) {
      if (untilMs !== undefined) this.#othersUntilMs.set(leaseName, takeableFromMs(observation));
      return;
    }
    // An annotation that somebody took off leaves the last one in force until it has been waited out.
    const other = keyMap !== undefined && keyMap !== this.#ours;
    if (other && (isHeld(version.record) || untilMs !== undefined)) {
      this.#othersUntilMs.set(leaseName, takeableFromMs(observation));
    }
  }

  /** Monotonic time from which on no Lease is held under another map, as far as is known now. */
  freeFromMs(monotonicMs: number): number {
    let freeMs = Number.NEGATIVE_INFINITY;
    for (const [leaseName, untilMs] of this.#othersUntilMs) {
      if (untilMs <= monotonicMs) this.#othersUntilMs.delete(leaseName);
      else freeMs = Math.max(freeMs, untilMs);
    }
    return freeMs;
  }

  /** False while a live, ready member serves the map under which a Lease of the resource was last held, and that is not ours. */
  isPreferred(resource: string, roster: Roster, monotonicMs: number): boolean {
    const inUse = this.#newest?.keyMap;
    if (inUse === undefined || inUse === this.#ours) return true;
    for (const member of roster.values()) {
      if (member.state === "ready" && isLive(member, monotonicMs) && member.resources.get(resource) === inUse)
        return false;
    }
    return true;
  }

  #noteNewest({ resourceVersion }: LeaseVersion, keyMap: string | undefined): void {
    if (keyMap === undefined || !isResourceVersion(resourceVersion)) return;
    const newest = this.#newest;
    if (newest !== undefined && compareResourceVersions(resourceVersion, newest.resourceVersion) <= 0) return;
    this.#newest = { resourceVersion, keyMap };
  }
}
