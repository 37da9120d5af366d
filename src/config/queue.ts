import type { BullOptions, RedisSettings, RedisTls } from "../queue/bull/settings.ts";
import type { ConfigurationInput } from "./schema.ts";

type QueueInput = ConfigurationInput["queue"];

/** What the driver in Redis is given; `undefined` when the queues are in memory. `fileOf` says which file a name means. */
export function bullOptionsOf(
  { driver, clusterId, redis }: QueueInput,
  fileOf: (name: string) => string,
): BullOptions | undefined {
  if (driver !== "bull" || redis === undefined) return undefined;
  const { addresses, cluster, database, sentinelMaster, username, passwordFile, sentinelPasswordFile, tls } = redis;
  const settings: RedisSettings = {
    addresses,
    cluster,
    database,
    ...given({ sentinelMaster, username }),
    ...given({ passwordFile, sentinelPasswordFile }, fileOf),
    ...(tls === undefined ? {} : { tls: tlsOf(tls, fileOf) }),
  };
  return { redis: settings, ...given({ clusterId }) };
}

function tlsOf(tls: NonNullable<NonNullable<QueueInput["redis"]>["tls"]>, fileOf: (name: string) => string): RedisTls {
  const { caFile, certFile, keyFile, serverName } = tls;
  return { ...given({ caFile, certFile, keyFile }, fileOf), ...given({ serverName }) };
}

/** The fields that have a value. */
function given<Fields extends Record<string, string | undefined>>(
  fields: Fields,
  mapped: (value: string) => string = (value) => value,
): { [Name in keyof Fields]?: string } {
  const present: { [Name in keyof Fields]?: string } = {};
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) present[name] = mapped(value);
  }
  return present;
}
