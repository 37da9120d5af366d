import { ANNOTATION_KEY_MAP } from "../lease/names.ts";
import { isHeld, isRelease, type LeaseVersion } from "../lease/record.ts";
import { isLive, type Member, type Roster } from "../membership/roster.ts";
import { type Observation, type Sight, takeableFromMs } from "./observation.ts";

interface Block {
  /** Empty when nobody is named any more. */
  readonly holder: string;
  /** Monotonic: until then somebody may act under another map; infinite while a member is that stands for it. */
  readonly untilMs: number;
}

/**
 * Other key maps of one resource. Two maps cut the keys differently, so that a bucket of one overlaps with several of the other:
 * no shard opens while another Lease of its resource may be held under a different map, and while a live member
 * serves the map in use, members with another one do not even try.
 */
export class KeyMaps {
  readonly #ours: string;
  /** By Lease name: who holds or held it under another map. */
  readonly #blocks = new Map<string, Block>();
  /** Lease name to the key map that it carried last. */
  readonly #lastMaps = new Map<string, string>();

  constructor(ours: string) {
    this.#ours = ours;
  }

  /** Takes in what was observed of any shard Lease of the resource, ours by name or not; true when that may change who may try or open. */
  observe(leaseName: string, observation: Observation): boolean {
    const untilMs = this.#blocks.get(leaseName)?.untilMs;
    this.#take(leaseName, observation);
    return this.#blocks.get(leaseName)?.untilMs !== untilMs;
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
    const stood = this.#blocks.get(leaseName)?.untilMs === Number.POSITIVE_INFINITY;
    if (!certain || stood) this.#block(leaseName, "", embargoUntilMs);
  }

  #takeVersion(leaseName: string, observation: Observation, version: LeaseVersion): void {
    const keyMap = version.annotations[ANNOTATION_KEY_MAP];
    if (keyMap !== undefined) this.#lastMaps.set(leaseName, keyMap);
    const block = this.#blocks.get(leaseName);
    const { holder } = version.record;
    if (isRelease(version.record)) {
      if (block !== undefined) this.#blocks.set(leaseName, { holder, untilMs: takeableFromMs(observation) });
      return;
    }
    // An annotation that somebody took off leaves the last one in force until it has been waited out.
    const other = keyMap !== undefined && keyMap !== this.#ours;
    if (other && (isHeld(version.record) || block !== undefined)) {
      this.#block(leaseName, holder, takeableFromMs(observation));
    } else if (block?.untilMs === Number.POSITIVE_INFINITY) {
      // Who stands by its member Lease writes no annotation again. Of one that is not named any more the embargo says how long it may act.
      const untilMs = holder === block.holder ? takeableFromMs(observation) : observation.embargoUntilMs;
      this.#block(leaseName, holder, untilMs);
    }
  }

  /** What was counted stays counted; a holder that stood by its member Lease was not counted yet. */
  #block(leaseName: string, holder: string, untilMs: number): void {
    const countedMs = this.#blocks.get(leaseName)?.untilMs ?? untilMs;
    const latestMs = countedMs === Number.POSITIVE_INFINITY ? untilMs : Math.max(untilMs, countedMs);
    this.#blocks.set(leaseName, { holder, untilMs: latestMs });
  }

  /** Monotonic time from which on no Lease is held under another map, as far as is known now. */
  freeFromMs(monotonicMs: number): number {
    let freeMs = Number.NEGATIVE_INFINITY;
    for (const [leaseName, { untilMs }] of this.#blocks) {
      if (untilMs <= monotonicMs) this.#blocks.delete(leaseName);
      else freeMs = Math.max(freeMs, untilMs);
    }
    return freeMs;
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
