/** Words and cells that the tables of several questions share. */
import { profileName, USUAL } from "../arena/profile.ts";
import { CONTENDER_TITLES, isPeer, type Setting } from "../arena/setting.ts";
import type { Overlaps } from "../figures/ownership.ts";
import { atMost, type Goal, type Highlight, number } from "./section.ts";

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

/** What each contender measured in its cell of 16 shards on 3 replicas at the usual Lease; none when ours was not measured. */
export function highlightOf<Figures>(
  what: string,
  answered: readonly { readonly setting: Setting; readonly figures: Figures }[],
  say: (figures: Figures) => string,
): Highlight | undefined {
  const of = (contender: Setting["contender"]): string | undefined => {
    const cell = answered.find(
      ({ setting }) =>
        setting.contender === contender &&
        setting.shards === 16 &&
        setting.replicas === 3 &&
        setting.latencyMs === 0 &&
        profileName(setting.profile) === profileName(USUAL),
    );
    return cell === undefined ? undefined : say(cell.figures);
  };
  const ours = of("per-shard");
  return ours === undefined ? undefined : { what, figures: [ours, of("client-go") ?? "-", of("knative") ?? "-"] };
}
