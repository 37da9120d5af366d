import { unversionedResource } from "../config/fields.ts";
import type { Configuration } from "../config/load.ts";
import { KubeClient } from "../kube/client.ts";
import { connect } from "../kube/connection.ts";
import { type Shard, shardsOf } from "../lease/names.ts";
import { resetEpoch } from "../queue/bull/bull-queues.ts";
import { systemClock } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { clusterUidOf } from "../shard/connect-queues.ts";

const DEADLINE_MS = 15_000;

/** Forgets the epoch of a shard in Redis; answers what was done, as a sentence. */
export async function resetShardEpoch(
  shardId: string,
  configuration: Configuration,
  fileName: string,
  source: { readonly kubeconfig?: string | undefined; readonly context?: string | undefined },
): Promise<string> {
  if (configuration.queue === undefined)
    throw new ElectorateError(
      "invalid-configuration",
      `${fileName}: queue.driver is memory, and only queues in Redis have epochs`,
    );
  const shard = shardNamed(shardId, configuration, fileName);
  const { kubeconfig, context } = source;
  const connection = await connect({
    component: "queue",
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  });
  try {
    const api = new KubeClient(connection.objects, { deadlineMs: DEADLINE_MS });
    const forgotten = await resetEpoch(configuration.queue, {
      namespace: configuration.namespace ?? connection.namespace,
      leaseName: shard.leaseName,
      clusterUid: () => clusterUidOf(api),
      clock: systemClock,
    });
    return forgotten === undefined
      ? `Redis had no epoch for shard ${shardId}; nothing was changed`
      : `forgot epoch ${forgotten} of shard ${shardId}; its owner registers its own within seconds`;
  } finally {
    await connection.close();
  }
}

function shardNamed(id: string, { coordinator, resources }: Configuration, fileName: string): Shard {
  const shards = resources.flatMap(({ resource, buckets }) => {
    const [plural = "", ...group] = unversionedResource(resource).split(".");
    return shardsOf(coordinator, { plural, group: group.join(".") }, buckets, "");
  });
  const shard = shards.find((known) => known.id === id);
  if (shard !== undefined) return shard;
  throw new ElectorateError(
    "invalid-configuration",
    `${fileName} has no shard ${id}; it has ${shards
      .slice(0, 20)
      .map((known) => known.id)
      .join(", ")}${shards.length > 20 ? ", ..." : ""}`,
  );
}
