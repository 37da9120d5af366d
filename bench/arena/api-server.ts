/**
 * Whatever the contenders talk to: a real kube-apiserver with etcd where `KUBEBUILDER_ASSETS` names one, else the embedded API server.
 *
 * Promises: requests and watch events are counted by the server, not by those who are measured; added latency delays every byte of a
 * contender in both directions, half of it each way, and nothing of what the benchmark itself asks.
 */
import { startApiServer } from "../../src/embedded/index.ts";
import { KubeClient } from "../../src/kube/client.ts";
import { connect, type KubeConnection } from "../../src/kube/connection.ts";
import { controlPlaneMissing, startControlPlane } from "../../test/support/control-plane.ts";
import { sumOfCounter } from "../../test/support/control-plane-access.ts";
import { startTcpProxy, type TcpProxy } from "../../test/support/tcp-proxy.ts";

const LEASE_VERBS = ["GET", "LIST", "POST", "PUT", "PATCH", "DELETE"] as const;
const EMBEDDED_VERBS = { GET: "get", LIST: "list", POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" };

export interface LeaseTraffic {
  /** Requests for Leases that were answered so far, by verb. */
  readonly requests: ReadonlyMap<string, number>;
  /** Watch events about Leases that were sent so far, to all watchers; `undefined` where the server does not count them. */
  readonly watchEvents: number | undefined;
}

interface Backend {
  readonly name: string;
  readonly url: string;
  /** Kubeconfig as text. */
  readonly kubeconfig: string;
  leaseTraffic(): Promise<LeaseTraffic>;
  stop(): Promise<void>;
}

export class ApiServer {
  /** `kube-apiserver v1.36.3, etcd 3.6.16` or `embedded`. */
  readonly name: string;
  readonly connection: KubeConnection;
  readonly client: KubeClient;
  readonly #backend: Backend;
  readonly #proxy: TcpProxy;
  #latencyMs = 0;

  private constructor(backend: Backend, proxy: TcpProxy, connection: KubeConnection) {
    this.#backend = backend;
    this.#proxy = proxy;
    this.name = backend.name;
    this.connection = connection;
    this.client = new KubeClient(connection.objects);
  }

  static async start(): Promise<ApiServer> {
    const backend = controlPlaneMissing() === undefined ? await realBackend() : await embeddedBackend();
    const proxy = await startTcpProxy(backend.url);
    const connection = await connect({ component: "bench", content: backend.kubeconfig });
    return new ApiServer(backend, proxy, connection);
  }

  /** Of this server without any added latency. */
  get port(): number {
    return Number(new URL(this.contenderUrl).port);
  }

  /** Kubeconfig as text for those who are measured, with a context for `namespace`. */
  get kubeconfig(): string {
    return this.#backend.kubeconfig.replaceAll(this.#backend.url, this.contenderUrl);
  }

  /** From now on every round trip of contenders that start takes so much longer. */
  set latencyMs(latencyMs: number) {
    this.#latencyMs = latencyMs;
    this.#proxy.latency(latencyMs / 2);
  }

  leaseTraffic(): Promise<LeaseTraffic> {
    return this.#backend.leaseTraffic();
  }

  async createNamespace(name: string): Promise<void> {
    if (this.name.startsWith("embedded")) return;
    const body = JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    const { status, body: text } = await this.connection.objects.request({
      method: "POST",
      path: "/api/v1/namespaces",
      body,
      deadlineMs: 30_000,
    });
    if (status !== 201 && status !== 409) throw new Error(`namespace ${name} was answered ${status}: ${text}`);
  }

  async stop(): Promise<void> {
    await this.connection.close();
    await this.#proxy.close();
    await this.#backend.stop();
  }

  /** Nothing stands between a contender and the server unless latency is wanted: a proxy would cost CPU of the machine. */
  private get contenderUrl(): string {
    return this.#latencyMs === 0 ? this.#backend.url : this.#proxy.url;
  }
}

async function realBackend(): Promise<Backend> {
  const plane = await startControlPlane();
  const { gitVersion } = JSON.parse(await plane.must("GET", "/version")) as { readonly gitVersion: string };
  const etcd = (await (await fetch(new URL("/version", plane.info.etcdUrl))).json()) as { readonly etcdserver: string };
  return {
    name: `kube-apiserver ${gitVersion}, etcd ${etcd.etcdserver}`,
    url: plane.url,
    kubeconfig: plane.kubeconfig,
    stop: () => plane.stop(),
    async leaseTraffic() {
      const metrics = await plane.metrics();
      const count = (verb: string): number =>
        sumOfCounter(metrics, "apiserver_request_total", { resource: "leases", verb });
      return {
        requests: new Map(LEASE_VERBS.map((verb) => [verb, count(verb)])),
        watchEvents: sumOfCounter(metrics, "apiserver_watch_events_total", { resource: "leases" }),
      };
    },
  };
}

async function embeddedBackend(): Promise<Backend> {
  const server = await startApiServer();
  return {
    name: "embedded (KUBEBUILDER_ASSETS names no real one)",
    url: server.url,
    kubeconfig: server.kubeconfig().text,
    stop: () => server.close(),
    async leaseTraffic() {
      const { requests } = server.core;
      const count = (verb: (typeof LEASE_VERBS)[number]): number =>
        requests.count({ verb: EMBEDDED_VERBS[verb], resource: "leases.coordination.k8s.io" });
      return { requests: new Map(LEASE_VERBS.map((verb) => [verb, count(verb)])), watchEvents: undefined };
    },
  };
}
