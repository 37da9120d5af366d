/**
 * The API server over real HTTP.
 *
 * Promises of this file: watch lines are sent as they come; `close` ends every watch and every connection; no keep-alive hint is
 * sent, so that a client keeps its connections as it would with a real API server.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { systemClock } from "../runtime/clock.ts";
import { ElectorateError, messageOf } from "../runtime/errors.ts";
import { systemRandomness } from "../runtime/randomness.ts";
import { ApiServerCore, type ApiServerCoreOptions, type Outcome } from "./core.ts";
import { type Kubeconfig, kubeconfigFor } from "./kubeconfig.ts";
import { bodyTooLarge, LARGEST_BODY_BYTES, Refusal } from "./refusal.ts";
import type { CoreRequest } from "./routes.ts";
import { refusalAnswer } from "./verbs.ts";
import type { Watch } from "./watch.ts";

/** Where to listen, and the options of the core behind it. */
export interface ApiServerOptions extends Partial<ApiServerCoreOptions> {
  /** A core that exists already; the options of a core are then not looked at. */
  readonly core?: ApiServerCore;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
}

/** A running server. */
export interface EmbeddedApiServer {
  /** Such as `http://127.0.0.1:41234`. */
  readonly url: string;
  readonly core: ApiServerCore;
  /** A kubeconfig for this server; with the token given, or the first one configured. */
  kubeconfig(token?: string): Kubeconfig;
  /** Connections that are open now. */
  openConnections(): number;
  /** Breaks every connection, as a crash of the server does; it goes on listening. */
  cutConnections(): void;
  /** Ends every watch and connection, and stops listening. Idempotent. */
  close(): Promise<void>;
}

/** Watch lines that wait for a slow reader. */
const LARGEST_BACKLOG_BYTES = 32 * 1024 * 1024;

/** Starts an API server on a local port. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<EmbeddedApiServer> {
  const core =
    options.core ??
    new ApiServerCore({
      ...options,
      clock: options.clock ?? systemClock,
      randomness: options.randomness ?? systemRandomness,
    });
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    serve(core, request, response).catch((error: unknown) => fail(response, error));
  });
  const host = options.host ?? "127.0.0.1";
  const port = await listen(server, host, options.port ?? 0);
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return {
    url,
    core,
    kubeconfig: (token = core.tokens.keys().next().value) => kubeconfigFor(url, token),
    openConnections: () => connectionsOf(server).size,
    cutConnections: () => {
      for (const socket of connectionsOf(server)) socket.destroy();
    },
    close: () => close(core, server),
  };
}

const connections = new WeakMap<Server, Set<Socket>>();

function connectionsOf(server: Server): Set<Socket> {
  let open = connections.get(server);
  if (open === undefined) {
    open = new Set();
    connections.set(server, open);
  }
  return open;
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on("connection", (socket) => {
      const open = connectionsOf(server);
      open.add(socket);
      socket.setNoDelay(true);
      socket.once("close", () => open.delete(socket));
    });
    server.once("error", (error) => {
      const message = `the embedded API server cannot listen on ${host}:${port}: ${error.message}; choose another port`;
      reject(new ElectorateError("invalid-configuration", message, { cause: error }));
    });
    server.listen(port, host, () => {
      const address: AddressInfo | string | null = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function close(core: ApiServerCore, server: Server): Promise<void> {
  core.close();
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function serve(core: ApiServerCore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  if (request.destroyed && !request.complete) return;
  response.setHeader("connection", "keep-alive");
  if (body === undefined) {
    answer(response, refusalAnswer(bodyTooLarge()));
    return;
  }
  core.exchange(coreRequest(request, body), (outcome) => answer(response, outcome));
}

/** A fault of this server itself. */
function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else answer(response, refusalAnswer(new Refusal(500, "InternalError", messageOf(error))));
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    const incoming: AsyncIterable<Buffer> = request;
    for await (const chunk of incoming) {
      bytes += chunk.length;
      if (bytes <= LARGEST_BODY_BYTES) chunks.push(chunk);
    }
  } catch {
    // The client broke off; there is nobody to answer.
    return "";
  }
  return bytes > LARGEST_BODY_BYTES ? undefined : Buffer.concat(chunks).toString();
}

function coreRequest(request: IncomingMessage, body: string): CoreRequest {
  const [path = "/", search = ""] = (request.url ?? "/").split("?", 2);
  const { accept, authorization } = request.headers;
  return {
    method: request.method ?? "GET",
    path,
    query: search === "" ? {} : Object.fromEntries(new URLSearchParams(search)),
    ...(accept === undefined ? {} : { accept }),
    ...(authorization === undefined ? {} : { authorization }),
    ...(request.headers["content-type"] === undefined ? {} : { contentType: request.headers["content-type"] }),
    ...(request.headers["user-agent"] === undefined ? {} : { userAgent: request.headers["user-agent"] }),
    body,
  };
}

function answer(response: ServerResponse, outcome: Outcome): void {
  if (response.destroyed) {
    if (outcome.kind === "stream") outcome.watch.close();
    return;
  }
  switch (outcome.kind) {
    case "dropped":
      response.destroy();
      return;
    case "body":
      response.writeHead(outcome.status, { ...outcome.headers, "content-length": Buffer.byteLength(outcome.body) });
      response.end(outcome.body);
      return;
    case "stream":
      response.writeHead(outcome.status, outcome.headers);
      response.flushHeaders();
      follow(response, outcome.watch);
  }
}

function follow(response: ServerResponse, watch: Watch): void {
  response.once("close", () => watch.close());
  watch.subscribe({
    line: (line) => {
      response.write(`${line}\n`);
      // A reader that does not read is let go, or its backlog would grow without bound.
      if (response.writableLength > LARGEST_BACKLOG_BYTES) watch.end("cut");
    },
    end: (how) => {
      if (how === "cut") response.destroy();
      else response.end();
    },
  });
}
