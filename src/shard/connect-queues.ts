import type { ApiResource, KubeApi } from "../kube/api.ts";
import { memoryQueues, type QueueDriver, type QueueReplica, type ShardQueues } from "../queue/driver.ts";
import { ElectorateError } from "../runtime/errors.ts";
import type { Scope } from "../runtime/scope.ts";
import { untilAnswered } from "./until-answered.ts";

export interface ConnectQueuesOptions extends Omit<QueueReplica, "clusterUid"> {
  /** `undefined`: queues in memory. */
  readonly queue: QueueDriver | undefined;
  readonly api: KubeApi;
  /** Where the replica says whether it is ready. */
  readonly checks: { addReadyCheck(name: string, check: () => void): void };
}

const NAMESPACES: ApiResource = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  namespaced: false,
};

/** Opens what the queues of all shards share; `scope` closes it. Throws what the driver throws. */
export async function connectQueues(
  options: ConnectQueuesOptions,
  scope: Scope,
  signal: AbortSignal,
): Promise<ShardQueues> {
  const { queue: driver = memoryQueues, api, checks } = options;
  const queues = await driver.connect({
    ...options,
    clusterUid: () => {
      const doing = "reading the namespace kube-system";
      return untilAnswered(doing, () => clusterUidOf(api, signal), ["forbidden", "not-found"], options, signal);
    },
  });
  scope.defer(() => queues.close());
  if (driver !== memoryQueues)
    checks.addReadyCheck("queue", () => {
      if (queues.problem !== undefined) throw new Error(queues.problem);
    });
  return queues;
}

/** The uid of the namespace `kube-system`, which no other cluster has. Rejects as the API does; `not-found` when there is none. */
export async function clusterUidOf(api: KubeApi, signal?: AbortSignal): Promise<string> {
  const { metadata } = await api.get(NAMESPACES, undefined, "kube-system", signal === undefined ? {} : { signal });
  if (metadata.uid === undefined) throw new ElectorateError("not-found", "the namespace kube-system has no uid");
  return metadata.uid;
}
