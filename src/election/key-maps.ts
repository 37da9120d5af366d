import { ANNOTATION_KEY_MAP } from "../lease/names.ts";
import { isHeld, isRelease, type LeaseVersion } from "../lease/record.ts";
import { isLive, type Member, type Roster } from "../membership/roster.ts";
import { transferTo } from "./learn.ts";
import { type Observation, type Sight, takeableFromMs } from "./observation.ts";

interface Block {
  /** Empty when nobody is named any more. */
  readonly holder: string;
  /** Monotonic: until then somebody may act under another map; infinite while a member is that stands for it. */
  readonly untilMs: number;
  /** Nothing but that a list did not show the Lease speaks for it. */
  readonly guessed: boolean;
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
  /** Of their times the earliest and the latest: asked for at every step of every shard, while hundreds of Leases may be waited out. */
  #bounds: { readonly soonestMs: number; readonly latestMs: number } | undefined;

  constructor(ours: string) {
    this.#ours = ours;
  }

  /** Takes in what was observed of any shard Lease of the resource, ours by name or not; true when that may change who may try or open. */
  observe(leaseName: string, observation: Observation): boolean {
    const untilMs = this.#blocks.get(leaseName)?.untilMs;
    this.#take(leaseName, observation);
    const isNew = this.#blocks.get(leaseName)?.untilMs !== untilMs;
    if (isNew) this.#bounds = undefined;
    return isNew;
  }

  /**
   * A shard of the resource was handed to us under our own map. Whoever opened it had waited for everybody under another one, and while it is held,
   * by whomever it is handed on to, nobody can open under another map: what only a list's silence spoke for is settled. True when something was.
   */
  settle(identity: string, version: LeaseVersion, known: LeaseVersion | undefined): boolean {
    if (version.annotations[ANNOTATION_KEY_MAP] !== this.#ours) return false;
    if (transferTo(identity, version, known) === undefined) return false;
    const guesses = [...this.#blocks].filter(([, { guessed }]) => guessed);
    for (const [leaseName] of guesses) this.#blocks.delete(leaseName);
    this.#bounds = undefined;
    return guesses.length > 0;
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

  /** Gone, but its holder may not know yet. What a list does not show may have been held under any map; the watch has shown whoever was named. */
  #takeAbsence(leaseName: string, { embargoUntilMs }: Observation, sight: Extract<Sight, { type: "absent" }>): void {
    const known = this.#blocks.get(leaseName);
    const guessed = sight.channel === "list" && !sight.firstInstall;
    if (known !== undefined) this.#block(leaseName, "", embargoUntilMs, known.guessed && guessed);
    else if (guessed) this.#block(leaseName, "", embargoUntilMs, true);
  }

  #takeVersion(leaseName: string, observation: Observation, version: LeaseVersion): void {
    const keyMap = version.annotations[ANNOTATION_KEY_MAP];
    const block = this.#blocks.get(leaseName);
    const { holder } = version.record;
    if (isRelease(version.record)) {
      if (block !== undefined) this.#blocks.set(leaseName, { ...block, holder, untilMs: takeableFromMs(observation) });
      return;
    }
    // An annotation that somebody took off leaves the last one in force until it has been waited out.
    const other = keyMap !== undefined && keyMap !== this.#ours;
    if (other && (isHeld(version.record) || block !== undefined)) {
      this.#block(leaseName, holder, takeableFromMs(observation), false);
    } else if (block?.untilMs === Number.POSITIVE_INFINITY) {
      // Who stands by its member Lease writes no annotation again. Of one that is not named any more the embargo says how long it may act.
      const untilMs = holder === block.holder ? takeableFromMs(observation) : observation.embargoUntilMs;
      this.#block(leaseName, holder, untilMs, false);
    }
  }

  /** What was counted stays counted; a holder that stood by its member Lease was not counted yet. */
  #block(leaseName: string, holder: string, untilMs: number, guessed: boolean): void {
    const countedMs = this.#blocks.get(leaseName)?.untilMs ?? untilMs;
    const latestMs = countedMs === Number.POSITIVE_INFINITY ? untilMs : Math.max(untilMs, countedMs);
    this.#blocks.set(leaseName, { holder, untilMs: latestMs, guessed });
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
    for (const [leaseName, { untilMs }] of this.#blocks) {
      if (untilMs <= monotonicMs) this.#blocks.delete(leaseName);
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
