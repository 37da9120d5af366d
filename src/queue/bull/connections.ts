import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";
import { ElectorateError, messageOf } from "../../runtime/errors.ts";

/** How to reach Redis. */
export interface RedisSettings {
  /** `host:port` of the server; with `sentinel` of the sentinels, with `cluster` of some nodes. */
  readonly addresses: readonly string[];
  /** Name of the master that the sentinels watch. */
  readonly sentinelMaster?: string;
  /** True for a Redis Cluster. Default false. */
  readonly cluster?: boolean;
  /** Default 0; a cluster has no other. */
  readonly database?: number;
  /** ACL user. Default: Redis's own, `default`. */
  readonly username?: string;
  /** File that holds the password alone; read again at every connect. */
  readonly passwordFile?: string;
  /** The same for the sentinels, where they ask for one. */
  readonly sentinelPasswordFile?: string;
  /** Default: no TLS. */
  readonly tls?: RedisTls;
}

export interface RedisTls {
  /** PEM file of the authorities to trust. Default: Node's own. */
  readonly caFile?: string;
  /** PEM files of a client certificate and its key. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Name that the server's certificate must be for. Default: the host of the address. */
  readonly serverName?: string;
}

/** A command that Redis has not answered by then has failed; it may still be performed later. */
const COMMAND_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** Longer than Bull's blocking pop, so that silence means a dead connection. */
const SILENCE_MS = 15_000;
const KEEP_ALIVE_MS = 10_000;
const LONGEST_PAUSE_MS = 2_000;

type BullClient = "client" | "subscriber" | "bclient";

/**
 * The connections of a replica: one for commands, one for subscriptions, and for each shard that was led here one that Bull blocks on.
 * Secrets and certificates are read again whenever a connection is made.
 */
export class Connections {
  readonly #settings: RedisSettings;
  readonly #onError: (error: Error) => void;
  readonly #made: (Redis | Cluster)[] = [];
  readonly client: Redis | Cluster;
  #subscriber: Redis | Cluster | undefined;

  /** @throws ElectorateError `invalid-configuration` for a file that cannot be read. */
  constructor(settings: RedisSettings, onError: (error: Error) => void) {
    this.#settings = settings;
    this.#onError = onError;
    this.client = this.#make({
      commandTimeout: COMMAND_TIMEOUT_MS,
      // What is not answered by the second connection fails; whoever sent it tries again and knows more by then.
      maxRetriesPerRequest: 1,
    });
  }

  /** `name` is shown by Redis for a connection that blocks. */
  forBull(type: BullClient, name: string): Redis | Cluster {
    if (type === "client") return this.client;
    // As Bull demands of connections that block or listen.
    const patient: RedisOptions = { maxRetriesPerRequest: null, enableReadyCheck: false };
    if (type === "bclient") return this.#make({ ...patient, connectionName: name, socketTimeout: SILENCE_MS });
    this.#subscriber ??= this.#make(patient);
    return this.#subscriber;
  }

  close(): void {
    for (const connection of this.#made) connection.disconnect();
  }

  #make(options: RedisOptions): Redis | Cluster {
    const connection = this.#settings.cluster === true ? this.#cluster(options) : this.#single(options);
    // Every queue of Bull listens on the shared ones.
    connection.setMaxListeners(0);
    connection.on("error", this.#onError);
    this.#made.push(connection);
    return connection;
  }

  #single(own: RedisOptions): Redis {
    const { sentinelMaster, database = 0 } = this.#settings;
    const hosts = this.#settings.addresses.map(hostAndPort);
    const where: RedisOptions =
      sentinelMaster === undefined ? { ...hosts[0] } : { name: sentinelMaster, sentinels: hosts, role: "master" };
    const redis = new Redis({
      ...where,
      ...own,
      ...this.#secrets(),
      db: database,
      connectTimeout: CONNECT_TIMEOUT_MS,
      keepAlive: KEEP_ALIVE_MS,
      // A master that was demoted answers so until it is left. The command fails: sent again at once, it would loop.
      reconnectOnError: (error) => error.message.startsWith("READONLY"),
      retryStrategy: (times) => {
        this.#readAgain(redis.options);
        return pauseOf(times);
      },
    });
    return redis;
  }

  #cluster(own: RedisOptions): Cluster {
    const redisOptions: RedisOptions = {
      ...own,
      ...this.#secrets(),
      connectTimeout: CONNECT_TIMEOUT_MS,
      keepAlive: KEEP_ALIVE_MS,
    };
    const options: ClusterOptions = {
      redisOptions,
      clusterRetryStrategy: (times) => {
        this.#readAgain(redisOptions);
        return pauseOf(times);
      },
    };
    return new Cluster(this.#settings.addresses.map(hostAndPort), options);
  }

  /** What stands in files; a file that cannot be read now leaves what was read before. */
  #readAgain(options: RedisOptions): void {
    try {
      Object.assign(options, this.#secrets());
    } catch (error) {
      this.#onError(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }

  #secrets(): RedisOptions {
    const { username, passwordFile, sentinelPasswordFile, tls } = this.#settings;
    return {
      ...(username === undefined ? {} : { username }),
      ...(passwordFile === undefined ? {} : { password: contentOf("passwordFile", passwordFile).trim() }),
      ...(sentinelPasswordFile === undefined
        ? {}
        : { sentinelPassword: contentOf("sentinelPasswordFile", sentinelPasswordFile).trim() }),
      ...(tls === undefined ? {} : { tls: tlsOf(tls), enableTLSForSentinelMode: true }),
    };
  }
}

function tlsOf({ caFile, certFile, keyFile, serverName }: RedisTls): ConnectionOptions {
  return {
    ...(caFile === undefined ? {} : { ca: contentOf("tls.caFile", caFile) }),
    ...(certFile === undefined ? {} : { cert: contentOf("tls.certFile", certFile) }),
    ...(keyFile === undefined ? {} : { key: contentOf("tls.keyFile", keyFile) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

function contentOf(setting: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ElectorateError(
      "invalid-configuration",
      `queue.redis.${setting}: cannot read ${file}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

function pauseOf(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 10), LONGEST_PAUSE_MS);
}

/** `host:port` or `[IPv6]:port`; 6379 when the port is left out. */
function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 6379);
  if (host === undefined || port < 1 || port > 65_535)
    throw new ElectorateError(
      "invalid-configuration",
      `queue.redis.addresses must hold "host:port", but has "${address}"`,
    );
  return { host, port };
}
