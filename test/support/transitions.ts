/**
 * Who was allowed to act, and who acted: worked out from the transition lines of the replicas and from what their handlers
 * wrote. Everything here is pure; times are nanoseconds of CLOCK_MONOTONIC, which all processes of the machine share.
 */
import { z } from "zod";
import {
  compare,
  type Deaths,
  fallingEpochs,
  type GateTerm,
  gateTerms,
  milliseconds,
  openTerms,
  ownerGaps,
  type RecordedTransition,
  sharedOwnership,
} from "../../src/cli/demo/history.ts";

const sinkSchema = z.object({
  phase: z.enum(["begin", "end", "written"]),
  resource: z.string(),
  key: z.string(),
  shard: z.string(),
  epoch: z.string(),
  round: z.string(),
  note: z.string(),
  pid: z.number(),
  ns: z.string().transform(BigInt),
});

/** One line of the sink handlers. */
export type SinkLine = z.output<typeof sinkSchema>;

export function parseSinkLine(line: string): SinkLine {
  return sinkSchema.parse(JSON.parse(line));
}

/** One run of a handler. `endedNs` is when its process died, where it wrote no end; `undefined` while it may still run. */
export interface Run {
  readonly begin: SinkLine;
  readonly endedNs: bigint | undefined;
}

/** The runs of all handlers; `deaths` are by process id. */
export function runsOf(lines: readonly SinkLine[], deaths: ReadonlyMap<number, bigint>): Run[] {
  const open = new Map<string, SinkLine>();
  const runs: Run[] = [];
  for (const line of [...lines].sort((a, b) => compare(a.ns, b.ns))) {
    const place = `${line.pid} ${line.resource} ${line.key}`;
    if (line.phase === "begin") {
      const before = open.get(place);
      // A process that begins a key twice without ending it works on it twice at once; the first never ends.
      if (before !== undefined) runs.push({ begin: before, endedNs: undefined });
      open.set(place, line);
    } else if (line.phase === "end") {
      const begin = open.get(place);
      if (begin !== undefined) runs.push({ begin, endedNs: line.ns });
      open.delete(place);
    }
  }
  for (const begin of open.values()) runs.push({ begin, endedNs: deaths.get(begin.pid) });
  return runs.sort((a, b) => compare(a.begin.ns, b.begin.ns));
}

/** Every pair of runs of one key at the same time. */
export function doubleWork(runs: readonly Run[]): { readonly first: Run; readonly second: Run }[] {
  const longest = new Map<string, Run>();
  const pairs: { first: Run; second: Run }[] = [];
  for (const run of runs) {
    const place = `${run.begin.resource} ${run.begin.key}`;
    const before = longest.get(place);
    if (before !== undefined && (before.endedNs === undefined || run.begin.ns < before.endedNs)) {
      pairs.push({ first: before, second: run });
    }
    if (before === undefined || outlasts(run, before)) longest.set(place, run);
  }
  return pairs;
}

function outlasts(run: Run, other: Run): boolean {
  if (other.endedNs === undefined) return false;
  return run.endedNs === undefined || run.endedNs > other.endedNs;
}

/** Who owns each shard at the end, by shard: the gates that are open. */
export function ownersOf(transitions: readonly RecordedTransition[], deaths: Deaths): Map<string, GateTerm> {
  return openTerms(gateTerms(transitions, deaths));
}

/** What must never have happened, in words; empty when it did not. */
export function ownershipFaults(transitions: readonly RecordedTransition[], deaths: Deaths): string[] {
  const terms = gateTerms(transitions, deaths);
  return [
    ...sharedOwnership(terms).map(
      ({ first, second }) =>
        `${second.shard}: ${second.replica} opened term ${second.epoch} ${
          first.closedNs === undefined ? "while" : `${milliseconds(first.closedNs - second.openedNs)} ms before`
        } the gate of ${first.replica} (term ${first.epoch}) ${first.closedNs === undefined ? "was open" : "closed"}`,
    ),
    ...fallingEpochs(terms).map(({ shard, replica, epoch }) => `${shard}: the epoch fell to ${epoch} at ${replica}`),
  ];
}

/** Time without an owner at each change of owner that began after `sinceNs`, in milliseconds, sorted. */
export function gapsSince(transitions: readonly RecordedTransition[], deaths: Deaths, sinceNs: bigint): number[] {
  return ownerGaps(gateTerms(transitions, deaths))
    .filter(({ openedNs }) => openedNs > sinceNs)
    .map(({ gapMs }) => gapMs)
    .sort((a, b) => a - b);
}

/** The value below which the fraction `q` of the sorted `values` lies; not a number when there are none. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** `p50 4.2 ms, p99 9.8 ms, max 11.0 ms of 16`. */
export function spreadText(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  return `p50 ${quantile(sorted, 0.5).toFixed(1)} ms, p99 ${quantile(sorted, 0.99).toFixed(1)} ms, max ${(sorted.at(-1) ?? Number.NaN).toFixed(1)} ms of ${sorted.length}`;
}
