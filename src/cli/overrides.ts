import { parseListenAddress } from "../config/address.ts";
import type { Configuration } from "../config/load.ts";
import { NO_ADDRESS } from "../config/schema.ts";
import { ElectorateError } from "../runtime/errors.ts";

/** What the command line may say otherwise than the configuration. */
export interface Overrides {
  readonly leaderElect?: boolean | undefined;
  readonly httpAddress?: string | undefined;
}

/** Command line before configuration. Throws `invalid-configuration`. */
export function overridden(configuration: Configuration, settings: Overrides): Configuration {
  const { leaderElect, httpAddress } = settings;
  if (httpAddress !== undefined && httpAddress !== NO_ADDRESS) {
    const parsed = parseListenAddress(httpAddress);
    if ("problem" in parsed)
      throw new ElectorateError(
        "invalid-configuration",
        `--http-address ${parsed.problem}, or "${NO_ADDRESS}" to serve nothing`,
      );
  }
  return {
    ...configuration,
    ...(leaderElect === undefined ? {} : { leaderElection: leaderElect ? "shards" : "none" }),
    ...(httpAddress === undefined ? {} : { httpAddress: httpAddress === NO_ADDRESS ? undefined : httpAddress }),
  };
}
