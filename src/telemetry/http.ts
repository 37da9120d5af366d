import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { parseListenAddress, reachableAddress } from "../config/address.ts";
import type { HttpSettings } from "../config/options.ts";
import type { ReviewAccess } from "../kube/reviews.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { ElectorateError, messageOf } from "../runtime/errors.ts";
import type { Scope } from "../runtime/scope.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import type { CheckKind, CheckResult, HealthChecks } from "./checks.ts";
import { type Admission, MetricsGuard } from "./metrics-guard.ts";

/**
 * `/livez`, `/readyz` and `/metrics` over HTTP; `/healthz` is the older name of `/livez`. Up before any election and until after the
 * last release.
 *
 * As on a kube-apiserver: 200 `ok`, or 500 with every check; `?verbose` lists them in both cases, `?exclude=<name>` leaves
 * one out, `/readyz/<name>` asks one alone. The kubelet asks without a token, so that nobody needs one for these; `/metrics` may be
 * for those alone whom the API server lets read it.
 */

export interface HttpOptions {
  /** `host:port`, `:port` or `[IPv6]:port`; port 0 takes a free one. */
  readonly address: string;
  readonly checks: HealthChecks;
  readonly metricsText: () => Promise<string>;
  /** Who may read metrics. Default: everybody. */
  readonly guard?: Pick<MetricsGuard, "judge"> | undefined;
  readonly clock?: Clock;
}

export interface HttpServer {
  /** `host:port` as it was bound, with the port that was taken. */
  readonly address: string;
  /** Takes no new connection, lets answers under way end for half a second, and cuts what is left. Idempotent. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const PLAIN_TEXT = "text/plain; charset=utf-8";
const METRICS_TEXT = "text/plain; version=0.0.4; charset=utf-8";
const CLOSE_GRACE_MS = 500;

/** @throws ElectorateError `invalid-configuration` when the address is malformed, taken, or not one of this machine. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const server = createServer((request, response) => {
    answer(request, options).then(
      (content) => send(request, response, content),
      (error: unknown) => send(request, response, { status: 500, body: `internal error: ${messageOf(error)}\n` }),
    );
  });
  // A probe needs no more, and a client that never finishes its request must not hold a connection for minutes.
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  await listen(server, options.address);
  let closing: Promise<void> | undefined;
  return {
    address: boundAddress(server),
    close() {
      closing ??= close(server, options.clock ?? systemClock);
      return closing;
    },
  };
}

function listen(server: Server, address: string): Promise<void> {
  const parsed = parseListenAddress(address);
  if ("problem" in parsed) {
    return Promise.reject(new ElectorateError("invalid-configuration", `the HTTP address ${parsed.problem}`));
  }
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(address, error)));
    server.listen(parsed, () => {
      server.removeAllListeners("error");
      // A failed accept (too many open files) is no reason to end a process that leads shards; the client sees a refused connection.
      server.on("error", () => {});
      resolve();
    });
  });
}

function listenError(address: string, error: NodeJS.ErrnoException): ElectorateError {
  const remedies: Readonly<Record<string, string>> = {
    EADDRINUSE: "another process listens there; stop it, or choose another port (port 0 takes a free one)",
    EACCES: "this user may not listen there; choose a port of 1024 or more",
    EADDRNOTAVAIL: "it is not an address of this machine; use 0.0.0.0 for all of them",
    ENOTFOUND: "that host name is not known; use an address of this machine, or 0.0.0.0 for all of them",
  };
  const remedy = remedies[error.code ?? ""] ?? error.message;
  return new ElectorateError("invalid-configuration", `cannot serve health and metrics at ${address}: ${remedy}`, {
    cause: error,
  });
}

function boundAddress(server: Server): string {
  const bound = server.address();
  if (bound === null || typeof bound === "string")
    throw new ElectorateError("misuse", "the HTTP server is not bound to a port");
  return bound.family === "IPv6" ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`;
}

function close(server: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cut = clock.timer(CLOSE_GRACE_MS, () => server.closeAllConnections());
    server.close(() => {
      cut.cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}

async function answer(request: IncomingMessage, options: HttpOptions): Promise<Answer> {
  const url = request.url ?? "/";
  if (!URL.canParse(url, "http://localhost")) return { status: 400, body: "the request's URL is malformed\n" };
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const [, root = "", name, ...rest] = pathname.split("/");
  const kind = kindOf(root);
  const known = kind === undefined ? pathname === "/metrics" : rest.length === 0;
  if (!known) return { status: 404, body: "not found: there are /livez, /readyz and /metrics\n" };
  if (request.method !== "GET" && request.method !== "HEAD")
    return { status: 405, body: "only GET and HEAD are allowed\n", headers: { allow: "GET, HEAD" } };
  if (kind === undefined) return answerMetrics(request, options);
  if (name !== undefined && name !== "") return answerOne(options.checks, kind, name);
  return answerAll(options.checks, kind, root, searchParams);
}

async function answerMetrics(request: IncomingMessage, { guard, metricsText }: HttpOptions): Promise<Answer> {
  const admission = (await guard?.judge(request.headers.authorization)) ?? "granted";
  if (admission === "granted") return { status: 200, body: await metricsText(), contentType: METRICS_TEXT };
  return REFUSALS[admission];
}

const CHALLENGE = { "www-authenticate": "Bearer" };

const REFUSALS: Readonly<Record<Exclude<Admission, "granted">, Answer>> = {
  anonymous: {
    status: 401,
    body: "metrics are for those with a token: send the header Authorization: Bearer <token of a service account>\n",
    headers: CHALLENGE,
  },
  unknown: { status: 401, body: "the API server does not know this token\n", headers: CHALLENGE },
  forbidden: { status: 403, body: "the bearer of this token may not get the nonResourceURL /metrics\n" },
  unanswered: { status: 503, body: "the API server could not be asked who may read metrics; try again\n" },
};

function kindOf(root: string): CheckKind | undefined {
  if (root === "readyz") return "ready";
  return root === "livez" || root === "healthz" ? "live" : undefined;
}

async function answerOne(checks: HealthChecks, kind: CheckKind, name: string): Promise<Answer> {
  const [result] = await checks.run(kind, [name]);
  if (result === undefined) {
    return { status: 404, body: `there is no ${kind} check "${name}"; there are ${checks.names(kind).join(", ")}\n` };
  }
  return result.problem === undefined ? { status: 200, body: "ok" } : { status: 500, body: `${lineOf(result)}\n` };
}

async function answerAll(checks: HealthChecks, kind: CheckKind, root: string, query: URLSearchParams): Promise<Answer> {
  const excluded = query.getAll("exclude");
  const results = await checks.run(
    kind,
    checks.names(kind).filter((name) => !excluded.includes(name)),
  );
  const failed = results.some(({ problem }) => problem !== undefined);
  if (!failed && !query.has("verbose")) return { status: 200, body: "ok" };
  const lines = [...results.map(lineOf), `${root} check ${failed ? "failed" : "passed"}`];
  return { status: failed ? 500 : 200, body: `${lines.join("\n")}\n` };
}

function lineOf({ name, problem }: CheckResult): string {
  return problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`;
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, body, contentType = PLAIN_TEXT, headers = {} }: Answer,
): void {
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-cache, private",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

export interface ServeOptions {
  readonly http: HttpSettings | undefined;
  readonly checks: HealthChecks;
  readonly telemetry: Telemetry;
  readonly trouble: TroubleLog;
  readonly clock: Clock;
  /** Asked about whoever reads metrics, where that is not for everybody. */
  readonly review: ReviewAccess;
  /** Brings gauges up to date, just before they are read. */
  readonly sample: () => void;
}

/** Serves health and metrics until `scope` closes, if an address is configured; answers where others find them, else nothing. */
export async function serve({ http, sample, ...options }: ServeOptions, scope: Scope): Promise<string> {
  if (http === undefined) return "";
  const { telemetry } = options;
  const metricsText = async (): Promise<string> => {
    sample();
    return (await telemetry.metricsText?.()) ?? "";
  };
  const guard = http.authorizeMetrics === true ? new MetricsGuard(options) : undefined;
  const server = await startHttp({ ...options, address: http.address, metricsText, guard });
  scope.defer(() => server.close());
  telemetry.log.info({ address: server.address }, "serving /livez, /readyz and /metrics");
  return reachableAddress(server.address, process.env.POD_IP);
}
