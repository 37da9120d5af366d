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
    clusterUid: async () => {
      const ask = () => api.get(NAMESPACES, undefined, "kube-system", { signal });
      const doing = "reading the namespace kube-system";
      const { metadata } = await untilAnswered(doing, ask, ["forbidden", "not-found"], options, signal);
      if (metadata.uid === undefined) throw new ElectorateError("not-found", "the namespace kube-system has no uid");
      return metadata.uid;
    },
  });
  scope.defer(() => queues.close());
  if (driver !== memoryQueues)
    checks.addReadyCheck("queue", () => {
      if (queues.problem !== undefined) throw new Error(queues.problem);
    });
  return queues;
}
