import type { TestContext } from "vitest";
import { connect, type KubeConnection } from "../../../src/kube/connection.ts";
import type { ControlPlane } from "../../support/control-plane.ts";
import { adminKubeconfig } from "../../support/control-plane-access.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";

/** One feature that users of another system have today, on a real API server. */
export interface ParityCase {
  /** What its users would be afraid of here. */
  readonly title: string;
  /** Default: what every test has. */
  readonly boundMs?: number;
  readonly run: (world: ParityWorld) => Promise<void>;
}

/** What one case has: a namespace of its own on a server that all share, and an end that leaves nothing behind. */
export class ParityWorld {
  readonly plane: ControlPlane;
  readonly namespace: string;
  readonly context: TestContext;
  /** The elector of client-go itself as a program, or why there is none. */
  readonly clientGo: ClientGo;
  readonly #undo: (() => unknown)[] = [];

  constructor(shared: Pick<ParityWorld, "plane" | "namespace" | "context" | "clientGo">) {
    this.plane = shared.plane;
    this.namespace = shared.namespace;
    this.context = shared.context;
    this.clientGo = shared.clientGo;
  }

  /** Has `undo` run at the end, the last first. */
  defer(undo: () => unknown): void {
    this.#undo.push(undo);
  }

  /** Credentials and connections of one process. */
  async connect(name: string): Promise<KubeConnection> {
    const connection = await connect({ component: name, kubeconfig: this.plane.kubeconfigPath });
    this.defer(() => connection.close());
    return connection;
  }

  /** The same over a line that can be cut for good. */
  async connectByLine(name: string): Promise<{ readonly connection: KubeConnection; readonly cut: () => void }> {
    const proxy = await startTcpProxy(this.plane.url);
    this.defer(() => proxy.close());
    const content = adminKubeconfig(this.plane.info, proxy.url);
    const connection = await connect({ component: name, content });
    this.defer(() => connection.close());
    return { connection, cut: () => proxy.blackhole() };
  }

  async close(): Promise<void> {
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) await undo();
  }
}

export interface ClientGo {
  readonly program: string | undefined;
  readonly version: string;
}
