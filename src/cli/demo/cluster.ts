import { startApiServer } from "../../embedded/server.ts";
import { type KubeApi, LEASES, resourceName } from "../../kube/api.ts";
import { KubeClient } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { LABEL_COORDINATOR, type Shard } from "../../lease/names.ts";
import { systemRandomness } from "../../runtime/randomness.ts";
import type { DemoFolder } from "./files.ts";
import { type LeaseReading, readLeases } from "./leases.ts";
import { COORDINATOR, NAMESPACE } from "./settings.ts";
import { WIDGETS } from "./workload.ts";

/** The embedded API server in this process, and the demo's own client of it, which comes in by HTTP like everybody. */

export interface Cluster {
  readonly api: KubeApi;
  /** Path of a kubeconfig, for the replicas and for kubectl. */
  readonly kubeconfig: string;
  readLeases(shards: readonly Shard[]): Promise<LeaseReading>;
  /** Requests to Leases so far, as the server counted them. */
  leaseRequests(): number;
  close(): Promise<void>;
}

/**
 * Other users of the machine can reach the port, so a token of this run is asked for. Not of a cluster that is `open`: kubectl
 * keeps its token to itself where there is no TLS.
 */
export async function openCluster(folder: DemoFolder, { open }: { readonly open: boolean }): Promise<Cluster> {
  const server = await startApiServer({
    resources: [{ ...WIDGETS, shortNames: ["wd"] }],
    ...(open ? {} : { tokens: { [systemRandomness.uuid()]: { name: "demo" } } }),
  });
  const kubeconfig = folder.write("kubeconfig", server.kubeconfig().text);
  const connection = await connect({ kubeconfig, component: "electorate-demo" });
  const api = new KubeClient(connection.objects);
  const leases = resourceName(LEASES);
  return {
    api,
    kubeconfig,
    readLeases: async (shards) => {
      const selection = { namespace: NAMESPACE, labelSelector: `${LABEL_COORDINATOR}=${COORDINATOR}` };
      return readLeases((await api.list(LEASES, selection)).objects, shards);
    },
    leaseRequests: () => server.core.requests.count({ resource: leases }),
    async close() {
      await connection.close();
      await server.close();
    },
  };
}
