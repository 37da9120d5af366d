import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";

/** A real HTTP server on a free port of this machine, whose answers a test writes. */
export class LocalServer {
  /** Connections that were opened over the server's life. */
  opened = 0;
  readonly sockets = new Set<Socket>();
  readonly requests: {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage["headers"];
    body: string;
  }[] = [];
  handle: (request: IncomingMessage, response: ServerResponse, body: string) => void = (_, response) =>
    void response.end("{}");
  readonly #server: Server;

  constructor() {
    const listener: RequestListener = (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => void chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        this.requests.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
        // Named, so that Node's own server does not hint at a keep-alive time.
        response.setHeader("connection", "keep-alive");
        this.handle(request, response, body);
      });
    };
    this.#server = createServer(listener);
    this.#server.on("connection", (socket) => {
      this.opened++;
      this.sockets.add(socket);
      socket.on("close", () => void this.sockets.delete(socket));
    });
  }

  async listen(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** A TCP proxy that can stop forwarding on the connections it has, while it keeps them open. New ones work. */
export class BlackHole {
  readonly #targetPort: number;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #server = createTcpServer((client) => {
    const server = connect(this.#targetPort, "127.0.0.1");
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    client.pipe(server).pipe(client);
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
  });

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  async listen(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  swallow(): void {
    for (const [client, server] of this.#pairs) {
      client.unpipe();
      server.unpipe();
      client.pause();
      server.pause();
    }
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
