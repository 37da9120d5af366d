import type { Contender } from "./contender.ts";
import type { HeldLease } from "./deaths.ts";
import { isOurs, versionOf } from "./elector-state.ts";
import type { Observation } from "./observation.ts";
import type { OtherLeases } from "./other-leases.ts";

/** Every Lease that somebody else holds; `freed` is told what is known of one whose holder turns out to be gone. */
export function* heldLeases(
  contenders: Iterable<Contender>,
  others: OtherLeases,
  freed: (leaseName: string, resource: string, observation: Observation) => void,
): Generator<HeldLease> {
  for (const contender of contenders) {
    const held = heldByOther(contender);
    if (held === undefined) continue;
    const { leaseName, resource } = contender.shard;
    const gone = (proven: boolean): void => {
      held.gone(proven);
      freed(leaseName, resource, contender.elector.observation);
    };
    yield { ...held, gone };
  }
  yield* others.standing((leaseName, { resource, observation }) => freed(leaseName, resource, observation));
}

const NOBODY = { holder: "", durationMs: 0 };

/** Of one of our own shards; `undefined` while nobody else holds it. */
export function heldByOther(contender: Contender): HeldLease | undefined {
  const { observation } = contender.elector;
  const { holder, durationMs: declaredMs } = versionOf(contender.elector)?.record ?? NOBODY;
  if (holder === "" || isOurs(contender.elector)) return undefined;
  const gone = (proven: boolean): void => contender.dispatch({ type: "gone", holder, proven });
  return { holder, standsByMember: observation.standsByMember, declaredMs, gone };
}
