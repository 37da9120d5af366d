/** What handlers did, told by the lines that they wrote to the sink. Pure. */
import type { GateTerm } from "../../src/cli/demo/history.ts";
import type { SinkLine } from "../../test/support/transitions.ts";

interface Worker {
  readonly name: string;
  readonly pid: number;
}

/** Runs that `worker` began after `sinceNs` for shards of which another's gate was open by then, in their order. */
export function workForOthers(
  lines: readonly SinkLine[],
  terms: readonly GateTerm[],
  worker: Worker,
  sinceNs: bigint,
): SinkLine[] {
  const othersByShard = Map.groupBy(
    terms.filter(({ replica }) => replica !== worker.name),
    ({ shard }) => shard,
  );
  const isOfAnother = ({ shard, ns }: SinkLine): boolean =>
    (othersByShard.get(shard) ?? []).some(
      ({ openedNs, closedNs }) => openedNs <= ns && (closedNs === undefined || ns < closedNs),
    );
  return lines
    .filter((line) => line.phase === "begin" && line.pid === worker.pid && line.ns > sinceNs && isOfAnother(line))
    .toSorted((one, other) => (one.ns < other.ns ? -1 : one.ns > other.ns ? 1 : 0));
}
