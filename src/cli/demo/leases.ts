import type { KubernetesObject } from "../../kube/api.ts";
import { ANNOTATION_IDENTITY, ANNOTATION_STATE, LABEL_ROLE, type Shard } from "../../lease/names.ts";

/** What the Leases of the coordinator say, as anybody can read them. Pure. */

export interface LeaseReading {
  /** Names of the replicas that are members and ready. */
  readonly ready: ReadonlySet<string>;
  /** Name of the replica that each shard's Lease names, by shard. Shards without a holder are left out. */
  readonly holders: ReadonlyMap<string, string>;
}

export function readLeases(
  leases: readonly KubernetesObject[],
  shards: readonly Pick<Shard, "id" | "leaseName">[],
): LeaseReading {
  const shardOf = new Map(shards.map((shard) => [shard.leaseName, shard.id]));
  const ready = new Set<string>();
  const holders = new Map<string, string>();
  for (const { metadata, spec } of leases) {
    if (metadata.labels?.[LABEL_ROLE] === "member") {
      const identity = metadata.annotations?.[ANNOTATION_IDENTITY];
      if (identity !== undefined && metadata.annotations?.[ANNOTATION_STATE] === "ready") ready.add(nameIn(identity));
      continue;
    }
    const shard = shardOf.get(metadata.name);
    const holder = holderIn(spec);
    if (shard !== undefined && holder !== "") holders.set(shard, nameIn(holder));
  }
  return { ready, holders };
}

function holderIn(spec: unknown): string {
  if (typeof spec !== "object" || spec === null || !("holderIdentity" in spec)) return "";
  return typeof spec.holderIdentity === "string" ? spec.holderIdentity : "";
}

/** The part of an identity before `_`: the name that the demo gave. */
function nameIn(identity: string): string {
  return identity.split("_", 1)[0] ?? identity;
}
