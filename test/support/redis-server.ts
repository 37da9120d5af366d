import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis, type RedisOptions } from "ioredis";
import { until } from "./waiting.ts";

const BOUND_MS = 20_000;

/** Why no Redis can be started here; `undefined` when one can. */
export const missingRedis: string | undefined = whyMissing();

function whyMissing(): string | undefined {
  const { error, status } = spawnSync("redis-server", ["--version"], { stdio: "ignore" });
  return error === undefined && status === 0 ? undefined : "no redis-server on the PATH: apt-get install redis-server";
}

/** Skips a test that has no Redis, with the reason. */
export function requireRedis(context: { skip(reason: string): void }): void {
  if (missingRedis !== undefined) context.skip(missingRedis);
}

/** A port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export interface RedisServerOptions {
  /** Arguments of redis-server, `--maxmemory 10mb` as two. */
  readonly settings?: readonly string[];
  /** Lines of a sentinel's configuration; the server is a sentinel then. */
  readonly sentinel?: readonly string[];
  /** It speaks nothing but TLS then, and asks for a certificate of that authority. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
  /** How a client of this test reaches it, where it takes more than host and port. */
  readonly client?: RedisOptions;
}

/** A real Redis of a test, on a port of its own. It keeps nothing on disk, so a restart loses everything. */
export class RedisServer {
  readonly port: number;
  readonly #options: RedisServerOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), "electorate-redis-"));
  #process: ChildProcess | undefined;
  /** A small shell that kills the server when this process is gone, whatever ended it. */
  #leash: ChildProcess | undefined;
  readonly #clients: Redis[] = [];

  private constructor(port: number, options: RedisServerOptions) {
    this.port = port;
    this.#options = options;
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = await RedisServer.planned(options);
    await server.restart();
    return server;
  }

  /** One that does not run yet. */
  static async planned(options: RedisServerOptions = {}): Promise<RedisServer> {
    return new RedisServer(await freePort(), options);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** A client of the test's own. */
  client(): Redis {
    const client = new Redis({ port: this.port, host: "127.0.0.1", retryStrategy: () => 50, ...this.#options.client });
    client.on("error", () => {});
    this.#clients.push(client);
    return client;
  }

  async restart(): Promise<void> {
    await this.kill();
    this.#process = spawn("redis-server", this.#arguments(), { stdio: "ignore" });
    const pid = String(this.#process.pid);
    const script = 'trap "" INT TERM HUP; read -r _; kill -9 "$1"';
    this.#leash = spawn("/bin/sh", ["-c", script, "leash", pid], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#leash.unref();
    const probe = this.client();
    await until(`redis-server on port ${this.port}`, BOUND_MS, async () => {
      const answer = await probe.ping().catch((error: unknown) => String(error));
      return answer === "PONG" || answer.includes("NOAUTH");
    });
    probe.disconnect();
  }

  #arguments(): string[] {
    const { settings = [], sentinel, tls } = this.#options;
    const port = String(this.port);
    const common = ["--bind", "127.0.0.1", "--dir", this.#directory];
    if (sentinel !== undefined) {
      // A sentinel writes what it learns into its configuration.
      const file = join(this.#directory, "sentinel.conf");
      writeFileSync(file, sentinel.join("\n"));
      return [file, "--sentinel", "--port", port, ...common];
    }
    const ports =
      tls === undefined
        ? ["--port", port]
        : ["--port", "0", "--tls-port", port, "--tls-cert-file", tls.certFile, "--tls-key-file", tls.keyFile];
    const authority = tls === undefined ? [] : ["--tls-ca-cert-file", tls.caFile];
    return [...ports, ...authority, ...common, "--save", "", "--appendonly", "no", ...settings];
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    // Only while the id is still of this child may the shell be there: afterwards it could be anybody's.
    this.#leash?.kill("SIGKILL");
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  /** `SIGSTOP` and `SIGCONT`: alive, and silent meanwhile. */
  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(name);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    this.signal("SIGCONT");
    await this.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
