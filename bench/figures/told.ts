/** When a peer's work was told to stop, which is before the peer itself says that it stopped leading. Pure. */
import { z } from "zod";
import { compare, type GateTerm, milliseconds } from "../../src/cli/demo/history.ts";
import { toMicroseconds } from "./quantiles.ts";

const toldSchema = z.object({
  event: z.literal("work-told-to-stop"),
  shard: z.string(),
  monotonicNs: z.string().transform(BigInt),
});

interface Told {
  readonly name: string;
  readonly lines: readonly unknown[];
}

/** From the moment at which a replica in `stoppedNs` told a shard's work to stop until the next gate of the shard opened elsewhere. */
export function gapsSinceTold(
  replicas: readonly Told[],
  terms: readonly GateTerm[],
  stoppedNs: ReadonlyMap<string, bigint>,
): number[] {
  return replicas
    .filter(({ name }) => stoppedNs.has(name))
    .flatMap(({ name, lines }) =>
      lines.flatMap((line) => {
        const { data } = toldSchema.safeParse(line);
        if (data === undefined) return [];
        const next = terms
          .filter((term) => term.shard === data.shard && term.replica !== name && term.openedNs > data.monotonicNs)
          .toSorted((one, other) => compare(one.openedNs, other.openedNs))[0];
        return next === undefined ? [] : [toMicroseconds(milliseconds(next.openedNs - data.monotonicNs))];
      }),
    );
}
