import { ANNOTATION_KEY_MAP } from "../lease/names.ts";
import { isHeld, isRelease, type LeaseVersion } from "../lease/record.ts";
import { isLive, type Member, type Roster } from "../membership/roster.ts";
import { type Observation, type Sight, takeableFromMs } from "./observation.ts";

/**
 * Other key maps of one resource. Two maps cut the keys differently, so that a bucket of one overlaps with several of the other:
 * no shard opens while another Lease of its resource may be held under a different map, and while a live member
 * serves the map in use, members with another one do not even try.
 */
export class KeyMaps {
  readonly #ours: string;
  /** Lease name to the monotonic time until which its holder under another map may act. */
  readonly #othersUntilMs = new Map<string, number>();
  /** Of those times the earliest and the latest: asked for at every step of every shard, while hundreds of Leases may be waited out. */
  #bounds: { readonly soonestMs: number; readonly latestMs: number } | undefined;
  /** Lease name to the key map that it carried last. */
  readonly #lastMaps = new Map<string, string>();

  constructor(ours: string) {
    this.#ours = ours;
  }

  /** Takes in what was observed of any shard Lease of the resource, ours by name or not; true when that may change who may try or open. */
  observe(leaseName: string, observation: Observation): boolean {
    const untilMs = this.#othersUntilMs.get(leaseName);
    this.#take(leaseName, observation);
    const isNew = this.#othersUntilMs.get(leaseName) !== untilMs;
    if (isNew) this.#bounds = undefined;
    return isNew;
  }

  #take(leaseName: string, observation: Observation): void {
    const { sight } = observation;
    switch (sight.type) {
      case "unseen":
        return;
      case "absent":
        this.#takeAbsence(leaseName, observation, sight);
        return;
      case "present":
        this.#takeVersion(leaseName, observation, sight.version);
        return;
      default:
        sight satisfies never;
    }
  }

  /** Gone, but its holder may not know yet. What a list does not show may have been held under any map, what the watch showed only under the last. */
  #takeAbsence(leaseName: string, { embargoUntilMs }: Observation, sight: Extract<Sight, { type: "absent" }>): void {
    const last = this.#lastMaps.get(leaseName);
    const certain = sight.firstInstall || (sight.channel === "watch" && (last === undefined || last === this.#ours));
    if (!certain) this.#block(leaseName, embargoUntilMs);
  }

  #takeVersion(leaseName: string, observation: Observation, version: LeaseVersion): void {
    const keyMap = version.annotations[ANNOTATION_KEY_MAP];
    if (keyMap !== undefined) this.#lastMaps.set(leaseName, keyMap);
    const untilMs = this.#othersUntilMs.get(leaseName);
    if (isRelease(version.record)) {
      if (untilMs !== undefined) this.#othersUntilMs.set(leaseName, takeableFromMs(observation));
      return;
    }
    // An annotation that somebody took off leaves the last one in force until it has been waited out.
    const other = keyMap !== undefined && keyMap !== this.#ours;
    if (other && (isHeld(version.record) || untilMs !== undefined)) this.#block(leaseName, takeableFromMs(observation));
  }

  #block(leaseName: string, untilMs: number): void {
    this.#othersUntilMs.set(leaseName, Math.max(untilMs, this.#othersUntilMs.get(leaseName) ?? untilMs));
  }

  /** Monotonic time from which on no Lease is held under another map, as far as is known now. */
  freeFromMs(monotonicMs: number): number {
    if (this.#bounds === undefined || this.#bounds.soonestMs <= monotonicMs) this.#bounds = this.#sweep(monotonicMs);
    return this.#bounds.latestMs;
  }

  /** Forgets what has been waited out. */
  #sweep(monotonicMs: number): { readonly soonestMs: number; readonly latestMs: number } {
    let soonestMs = Number.POSITIVE_INFINITY;
    let latestMs = Number.NEGATIVE_INFINITY;
    for (const [leaseName, untilMs] of this.#othersUntilMs) {
      if (untilMs <= monotonicMs) this.#othersUntilMs.delete(leaseName);
      else {
        soonestMs = Math.min(soonestMs, untilMs);
        latestMs = Math.max(latestMs, untilMs);
      }
    }
    return { soonestMs, latestMs };
  }

  /**
   * Whether this replica may try for shards of the resource while ready members serve different maps. A map under which a Lease is
   * held goes on; where none is, that of the member that came first: every replica finds the same one, and a new count waits
   * until the last member with the old one has gone.
   */
  isPreferred(resource: string, roster: Roster, monotonicMs: number, isHeldUnderOurs: () => boolean): boolean {
    let first: Member | undefined;
    let others = false;
    for (const member of roster.values()) {
      const keyMap = member.resources.get(resource);
      if (keyMap === undefined || member.state !== "ready" || !isLive(member, monotonicMs)) continue;
      if (keyMap !== this.#ours) others = true;
      if (first === undefined || cameBefore(member, first)) first = member;
    }
    return !others || isHeldUnderOurs() || first?.resources.get(resource) === this.#ours;
  }
}

/** By the API server's clock. */
function cameBefore(one: Member, other: Member): boolean {
  return one.createdAtMs === other.createdAtMs ? one.identity < other.identity : one.createdAtMs < other.createdAtMs;
}
