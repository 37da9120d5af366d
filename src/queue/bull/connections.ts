import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";
import { ElectorateError, messageOf } from "../../runtime/errors.ts";
import { hostAndPort, type RedisSettings, type RedisTls } from "./settings.ts";

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
    this.#subscriber ??= quietSubscriber(this.#make(patient));
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
    const hosts = this.#hosts();
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
    return new Cluster(this.#hosts(), options);
  }

  #hosts(): { readonly host: string; readonly port: number }[] {
    return this.#settings.addresses.flatMap((address) => hostAndPort(address) ?? []);
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

/** ioredis subscribes again after each reconnect and leaves the rejection of that (a password that has changed) unhandled. */
function quietSubscriber(connection: Redis | Cluster): Redis | Cluster {
  const subscribe = connection.subscribe.bind(connection);
  return Object.assign(connection, {
    subscribe: (...channels: string[]) => {
      const subscribed = subscribe(...channels);
      subscribed.catch(() => {});
      return subscribed;
    },
  });
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
