/**
 * The limit: what no handoff by Lease can beat on this machine. One PUT of a Lease until its watch event, with as many at once as
 * shards move at once, while all replicas are up and watch those very Leases (they carry the coordinator's label), and no replica
 * takes part. Each PUT has a connection of its own, so that nothing of our client's queueing is in it.
 */
import { milliseconds } from "../../src/cli/demo/history.ts";
import { type KubernetesObject, LEASES } from "../../src/kube/api.ts";
import { KubeClient } from "../../src/kube/client.ts";
import { createHttpTransport } from "../../src/kube/http-transport.ts";
import { loadCredentials } from "../../src/kube/refreshing-credentials.ts";
import { until } from "../../test/support/waiting.ts";
import { toMicroseconds } from "../figures/quantiles.ts";
import { watchLeases } from "./lease-watch.ts";
import type { Stage } from "./stage.ts";

/** More moves at once than a replica sends would not be what a handoff has to live with. */
const MOST_AT_ONCE = 32;
const SAMPLES = 320;
const WARM_UP_ROUNDS = 3;
const EVENT_BOUND_MS = 30_000;

export interface Limit {
  readonly atOnce: number;
  /** PUT sent until its event was read from the watch, in milliseconds. */
  readonly putToEvent: number[];
}

/** `shardsMoved` is how many shards one event moves. */
export async function measureLimit(stage: Stage, shardsMoved: number): Promise<Limit> {
  const atOnce = Math.max(1, Math.min(MOST_AT_ONCE, shardsMoved));
  const credentials = await loadCredentials({ content: stage.server.kubeconfig });
  const transport = createHttpTransport(credentials, { component: "bench limit", connections: atOnce });
  const seenNs = new Map<string, bigint>();
  const watch = await watchLeases(transport, stage.namespace, "control", ({ resourceVersion, ns }) => {
    seenNs.set(resourceVersion, ns);
  });
  try {
    const client = new KubeClient(transport);
    const names = Array.from({ length: atOnce }, (_, index) => `bench-probe-${index}`);
    let versions = await Promise.all(
      names.map((name) => client.create(LEASES, leaseBody(name, stage.namespace, 0, undefined))),
    );
    const putToEvent: number[] = [];
    const rounds = Math.ceil(SAMPLES / atOnce);
    for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
      const sentNs: bigint[] = [];
      versions = await Promise.all(
        versions.map((version, index) => {
          sentNs[index] = process.hrtime.bigint();
          return client.update(
            LEASES,
            leaseBody(version.metadata.name, stage.namespace, round + WARM_UP_ROUNDS + 1, version),
          );
        }),
      );
      const written = versions.map(({ metadata }) => metadata.resourceVersion ?? "");
      await until("the watch events of the probes", EVENT_BOUND_MS, () => written.every((one) => seenNs.has(one)));
      if (round < 0) continue;
      written.forEach((one, index) => {
        const arrivedNs = seenNs.get(one) ?? 0n;
        putToEvent.push(toMicroseconds(milliseconds(arrivedNs - (sentNs[index] ?? 0n))));
      });
    }
    await Promise.all(versions.map(({ metadata }) => client.delete(LEASES, stage.namespace, metadata.name, {})));
    return { atOnce, putToEvent };
  } finally {
    watch.stop();
    await transport.close();
  }
}

/** As large as a shard Lease that is handed over. */
function leaseBody(
  name: string,
  namespace: string,
  round: number,
  version: KubernetesObject | undefined,
): KubernetesObject {
  const { uid, resourceVersion } = version?.metadata ?? {};
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name,
      namespace,
      labels: { "electorate.dev/coordinator": "bench", "electorate.dev/role": "control" },
      annotations: {
        "electorate.dev/resource": "configmaps",
        "electorate.dev/key-map": "hashring-1/256",
        "electorate.dev/renewal": "per-shard",
        "electorate.dev/transfer": `r1_00000000-0000-0000-0000-000000000000;${round};${resourceVersion ?? "0"}`,
      },
      ...(uid === undefined || resourceVersion === undefined ? {} : { uid, resourceVersion }),
    },
    spec: {
      holderIdentity: "r1_00000000-0000-0000-0000-000000000000",
      leaseDurationSeconds: 15,
      leaseTransitions: round,
    },
  };
}
