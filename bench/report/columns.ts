/** Words and cells that the tables of several questions share. */
import { profileName } from "../arena/profile.ts";
import { CONTENDER_TITLES, isPeer, type Setting } from "../arena/setting.ts";
import type { Overlaps } from "../figures/ownership.ts";
import { atMost, type Goal, number } from "./section.ts";

/** Who, how much, under which Lease: the first three cells of a row. */
export function columnsOf(setting: Setting): [who: string, size: string, lease: string] {
  const { contender, shards, replicas, profile, latencyMs } = setting;
  const lease = latencyMs === 0 ? profileName(profile) : `${profileName(profile)}, +${latencyMs} ms`;
  return [CONTENDER_TITLES[contender], `${shards.toLocaleString("en-US")} x ${replicas}`, lease];
}

/** One line of a legend. */
export function titleOf(setting: Setting): string {
  return columnsOf(setting).join(", ");
}

export function overlapText({ count, longestMs }: Overlaps): string {
  return count === 0 ? "0" : `**${count}**, up to ${number(longestMs)} ms`;
}

/** No shard of ours has two owners at once, in any cell. */
export function overlapGoals(
  question: string,
  answered: readonly { readonly setting: Setting; readonly figures: { readonly overlaps: Overlaps } }[],
): Goal[] {
  const ours = answered.filter(({ setting }) => !isPeer(setting.contender));
  if (ours.length === 0) return [];
  const count = ours.reduce((sum, { figures }) => sum + figures.overlaps.count, 0);
  return [atMost(`${question}: two owners at once, all cells of ours`, 0, count)];
}
