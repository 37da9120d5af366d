import type { PlanMember } from "../../src/placement/fleet.ts";
import { plan, targetOf } from "../../src/placement/plan.ts";
import type { PlanOptions, PlanShard } from "../../src/placement/standing.ts";

/**
 * Placements as strings: `AABBC.` is six shards, of which A holds the first two and nobody the last. A second string gives
 * the resource of each, `112212`; left out, all are buckets of one.
 */
export interface Drawing {
  readonly shards: readonly PlanShard[];
  readonly holders: ReadonlyMap<string, string>;
}

export function drawing(placement: string, resources = "", weights: readonly number[] = []): Drawing {
  const shards = [...placement].map((_, index) => ({
    id: `shard-${String(index).padStart(3, "0")}`,
    resource: resources[index] ?? "1",
    weight: weights[index] ?? 1,
  }));
  const holders = new Map<string, string>();
  [...placement].forEach((letter, index) => {
    if (letter !== ".") holders.set(shards[index]!.id, letter);
  });
  return { shards, holders };
}

export function member(id: string, different: Partial<PlanMember> = {}): PlanMember {
  return {
    id,
    state: "ready",
    weight: 1,
    zone: "",
    version: "v1",
    createdAtMs: 0,
    resources: undefined,
    seen: true,
    understood: true,
    probation: false,
    ...different,
  };
}

/** `ready("ABC")`: one ready member for each letter. */
export function ready(letters: string, different: Partial<PlanMember> = {}): readonly PlanMember[] {
  return [...letters].map((letter) => member(letter, different));
}

/** The placement that the plan makes of a drawing; `.` for a shard that nobody may have. */
export function planned(members: readonly PlanMember[], before: Drawing, options: PlanOptions = {}): string {
  const made = plan(members, before.shards, before.holders, options);
  return before.shards.map(({ id }) => targetOf(made, before.holders, id) ?? ".").join("");
}

/** `4A 3B`: how many shards each letter has, most first. */
export function loads(placement: string): string {
  return [...Map.groupBy(placement, (letter) => letter)]
    .map(([letter, all]) => ({ letter, count: all.length }))
    .sort((one, other) => other.count - one.count || (one.letter < other.letter ? -1 : 1))
    .map(({ letter, count }) => `${count}${letter}`)
    .join(" ");
}

/** How many places differ. */
export function movesBetween(before: string, after: string): number {
  return [...before].filter((letter, index) => letter !== after[index]).length;
}

/** What lies where after a plan: the holders for the next one. */
export function afterwards({ shards }: Drawing, placement: string): Drawing {
  return {
    shards,
    holders: new Map(
      [...placement].flatMap((letter, index): [string, string][] =>
        letter === "." ? [] : [[shards[index]!.id, letter]],
      ),
    ),
  };
}
