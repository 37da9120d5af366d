/** Settings of the queues in Redis. */
export interface BullOptions {
  readonly redis: RedisSettings;
  /**
   * Names the cluster where the uid of the namespace `kube-system` may not be read. Every replica must be given the same one, and no
   * other cluster that uses this Redis.
   */
  readonly clusterId?: string;
}

/** How to reach Redis. */
export interface RedisSettings {
  /** `host:port` of the server; with `sentinelMaster` of the sentinels, with `cluster` of some nodes. The port is 6379 when left out. */
  readonly addresses: readonly string[];
  /** Name of the master that the sentinels watch. Default: there are no sentinels. */
  readonly sentinelMaster?: string;
  /** True for a Redis Cluster. Default false. */
  readonly cluster?: boolean;
  /** Default 0; a cluster has no other. */
  readonly database?: number;
  /** ACL user. Default: Redis's own, `default`. */
  readonly username?: string;
  /** File that holds the password alone; read again at every connect. Default: no password. */
  readonly passwordFile?: string;
  /** The same for the sentinels, where they ask for one. */
  readonly sentinelPasswordFile?: string;
  /** Default: no TLS. `{}` is TLS as Node does it by default. */
  readonly tls?: RedisTls;
}

/** TLS to Redis and to its sentinels. Files are PEM, and read again at every connect. */
export interface RedisTls {
  /** Authorities to trust. Default: Node's own. */
  readonly caFile?: string;
  /** Client certificate. Default: none. */
  readonly certFile?: string;
  /** Key of the client certificate. */
  readonly keyFile?: string;
  /** Name that the server's certificate must be for. Default: the host of the address. */
  readonly serverName?: string;
}

export interface SettingsProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What cannot be, or cannot be together; paths begin at the options. */
export function settingsProblems({ redis }: BullOptions): SettingsProblem[] {
  const { addresses, sentinelMaster, cluster = false, database = 0, sentinelPasswordFile, tls } = redis;
  const problems: SettingsProblem[] = [];
  const refuse = (message: string, ...path: (string | number)[]): void => {
    problems.push({ path: ["redis", ...path], message });
  };
  if (addresses.length === 0) refuse('is an empty list; name at least one "host:port"', "addresses");
  for (const [index, address] of addresses.entries()) {
    if (hostAndPort(address) === undefined)
      refuse(`must be "host:port" or "[IPv6 address]:port", but is "${address}"`, "addresses", index);
  }
  if (addresses.length > 1 && sentinelMaster === undefined && !cluster)
    refuse("has several addresses, of which one server has one; name sentinelMaster, or set cluster", "addresses");
  if (sentinelMaster !== undefined && cluster)
    refuse(
      "is for a master with sentinels, and cluster is set too: a Redis Cluster has none; remove one",
      "sentinelMaster",
    );
  if (!Number.isInteger(database) || database < 0)
    refuse(`must be a whole number of at least 0, but is ${database}`, "database");
  if (database !== 0 && cluster)
    refuse(`is ${database}, but a Redis Cluster has no database but 0; remove it`, "database");
  if (sentinelPasswordFile !== undefined && sentinelMaster === undefined)
    refuse("is for sentinels, and no sentinelMaster is named; remove it", "sentinelPasswordFile");
  if (tls !== undefined && (tls.certFile === undefined) !== (tls.keyFile === undefined))
    refuse("has one of certFile and keyFile; a client certificate needs both", "tls");
  return problems;
}

/** `undefined` for what is no address. */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 6379);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}
