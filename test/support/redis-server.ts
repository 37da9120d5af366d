import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis, type RedisOptions } from "ioredis";
import { until } from "./waiting.ts";

const BOUND_MS = 20_000;

/** Why no Redis can be started here; `undefined` when one can. */
export function missingRedis(): string | undefined {
  const { error, status } = spawnSync("redis-server", ["--version"], { stdio: "ignore" });
  return error === undefined && status === 0 ? undefined : "redis-server is not on PATH; apt-get install redis-server";
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
  readonly binary?: "redis-server" | "redis-sentinel";
  /** A configuration file that the server may write to; sentinels need one. */
  readonly configuration?: (directory: string) => string;
  /** How a client of this test reaches it, where it takes more than host and port. */
  readonly client?: RedisOptions;
}

/** A real Redis of a test, on a port of its own. It keeps nothing on disk, so a restart loses everything. */
export class RedisServer {
  readonly port: number;
  readonly #options: RedisServerOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), "electorate-redis-"));
  #process: ChildProcess | undefined;
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
    const { settings = [], binary = "redis-server", configuration } = this.#options;
    const file = configuration?.(this.#directory);
    const common = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#directory];
    const memory = binary === "redis-server" ? ["--save", "", "--appendonly", "no"] : [];
    this.#process = spawn(binary, [...(file === undefined ? [] : [file]), ...common, ...memory, ...settings], {
      stdio: "ignore",
    });
    const probe = this.client();
    await until(`redis-server on port ${this.port}`, BOUND_MS, async () => {
      const answer = await probe.ping().catch((error: unknown) => String(error));
      return answer === "PONG" || answer.includes("NOAUTH");
    });
    probe.disconnect();
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
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
