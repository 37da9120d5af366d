/**
 * A TCP proxy in front of an API server, for faults of the network. TLS passes through it unchanged: the certificate names
 * the address and not the port, so a client needs nothing but the other URL.
 *
 * Promises: what is held back is held like lost packets that TCP sends again: it arrives after `heal`, in order, unless the
 * connection was cut. While a direction is held, nothing of it passes, not even the end of the connection. A connection
 * made during a hold is accepted, as by a load balancer, and nothing of it passes before `heal`.
 */
import { createServer, connect as dial, type Socket } from "node:net";

export interface TcpProxy {
  /** The target's URL with the host and port of this proxy. */
  readonly url: string;
  /** Connections of clients that are open now. */
  readonly connections: number;
  /** Connections of clients since the start. */
  readonly accepted: number;
  /** Holds both directions of every connection, old and new, without closing any. */
  blackhole(): void;
  /** Holds what the server sends: requests on connections that exist are carried out, unanswered. */
  dropAnswers(): void;
  /** Holds what clients send; answers and watch events still arrive. */
  dropRequests(): void;
  /** Ends every hold. */
  heal(): void;
  /** Resets (RST) every open connection on both sides. New ones are treated as before. */
  cutAll(): void;
  /** Delays everything by `delayMs` in each direction, so that a round trip takes twice as much longer; 0 ends it. */
  latency(delayMs: number): void;
  /** Ends everything. */
  close(): Promise<void>;
}

interface Held {
  readonly dueMs: number;
  /** Undefined stands for the end of the stream. */
  readonly chunk: Buffer | undefined;
}

/** One direction of one connection: bytes of `source` go to `sink` in order, when they are due and the direction is open. */
class Flow {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #queue: Held[] = [];
  #open: boolean;
  #delayMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Socket, sink: Socket, open: boolean, delayMs: number) {
    this.#source = source;
    this.#sink = sink;
    this.#open = open;
    this.#delayMs = delayMs;
    source.on("data", (chunk: Buffer) => this.#take(chunk));
    source.on("end", () => this.#take(undefined));
    sink.on("drain", () => this.#pump());
    if (!open) source.pause();
  }

  set(open: boolean, delayMs: number): void {
    this.#open = open;
    this.#delayMs = delayMs;
    this.#pump();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  #take(chunk: Buffer | undefined): void {
    this.#queue.push({ dueMs: performance.now() + this.#delayMs, chunk });
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    for (let next = this.#queue[0]; this.#open && next !== undefined; next = this.#queue[0]) {
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), waitMs);
        break;
      }
      if (this.#sink.writableNeedDrain) break;
      this.#queue.shift();
      if (next.chunk === undefined) this.#sink.end();
      else this.#sink.write(next.chunk);
    }
    // Reading stops during a hold, so that not even a reset of this side is noticed and passed on.
    if (!this.#open || this.#sink.writableNeedDrain) this.#source.pause();
    else this.#source.resume();
  }
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly requests: Flow;
  readonly answers: Flow;
}

/** Starts a proxy on a free port of 127.0.0.1 in front of `target`, a URL such as `https://127.0.0.1:6443`. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port, protocol } = new URL(target);
  const targetPort = Number(port === "" ? (protocol === "https:" ? 443 : 80) : port);
  const connections = new Set<Connection>();
  const rules = { requestsOpen: true, answersOpen: true, delayMs: 0 };
  let accepted = 0;

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    accepted += 1;
    const server = dial({ host: hostname, port: targetPort, allowHalfOpen: true, noDelay: true });
    const requests = new Flow(client, server, rules.requestsOpen, rules.delayMs);
    const answers = new Flow(server, client, rules.answersOpen, rules.delayMs);
    const connection = { client, server, requests, answers };
    connections.add(connection);
    for (const [socket, other] of [[client, server] as const, [server, client] as const]) {
      socket.on("error", () => other.resetAndDestroy());
      socket.on("close", () => {
        if (!client.destroyed || !server.destroyed) return;
        requests.stop();
        answers.stop();
        connections.delete(connection);
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(0, "127.0.0.1", resolve);
  });
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");

  const obey = (change: Partial<typeof rules>): void => {
    Object.assign(rules, change);
    for (const { requests, answers } of connections) {
      requests.set(rules.requestsOpen, rules.delayMs);
      answers.set(rules.answersOpen, rules.delayMs);
    }
  };
  const cutAll = (): void => {
    for (const { client, server } of connections) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  };
  return {
    url: `${protocol}//127.0.0.1:${address.port}`,
    get connections() {
      return connections.size;
    },
    get accepted() {
      return accepted;
    },
    blackhole: () => obey({ requestsOpen: false, answersOpen: false }),
    dropAnswers: () => obey({ requestsOpen: true, answersOpen: false }),
    dropRequests: () => obey({ requestsOpen: false, answersOpen: true }),
    heal: () => obey({ requestsOpen: true, answersOpen: true }),
    cutAll,
    latency: (delayMs) => obey({ delayMs }),
    close: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        cutAll();
      }),
  };
}
