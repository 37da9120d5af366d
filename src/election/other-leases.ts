import type { LeaseVersion } from "../lease/record.ts";
import type { HeldLease } from "./deaths.ts";
import { type Arrival, type Observation, observeGone, observeVersion, UNSEEN } from "./observation.ts";

/** What is known of a shard Lease of our resources that is none of our shards: it belongs to another key map. */
interface OtherLease {
  readonly resource: string;
  readonly observation: Observation;
}

/** Shard Leases of our resources that are none of our shards. */
export class OtherLeases {
  readonly #leases = new Map<string, OtherLease>();

  get names(): Iterable<string> {
    return this.#leases.keys();
  }

  get(leaseName: string): OtherLease | undefined {
    return this.#leases.get(leaseName);
  }

  observe(version: LeaseVersion, resource: string, arrival: Arrival): Observation {
    const observation = observeVersion(this.#leases.get(version.name)?.observation ?? UNSEEN, version, arrival);
    this.#leases.set(version.name, { resource, observation });
    return observation;
  }

  /** Answers what it was, if it was there. */
  forget(leaseName: string): OtherLease | undefined {
    const known = this.#leases.get(leaseName);
    this.#leases.delete(leaseName);
    return known;
  }

  /** Those whose holders stand by their member Leases; `freed` is told when such a holder is gone. */
  *standing(freed: (leaseName: string, lease: OtherLease) => void): Generator<HeldLease> {
    for (const [leaseName, { resource, observation }] of this.#leases) {
      if (!observation.standsByMember || observation.sight.type !== "present") continue;
      const gone = (): void => {
        const free = { resource, observation: observeGone(observation) };
        this.#leases.set(leaseName, free);
        freed(leaseName, free);
      };
      const { holder, durationMs } = observation.sight.version.record;
      yield { holder, standsByMember: true, declaredMs: durationMs, gone };
    }
  }
}
