import type { Settings } from "../config/settings.ts";
import type { LifeOf } from "../election/contender.ts";
import { Lives } from "../election/lives.ts";
import type { Regime } from "../election/regime.ts";
import type { TenureOptions } from "../election/tenure.ts";
import { openLocks } from "../lease/locks.ts";
import type { Shard } from "../lease/names.ts";
import { systemClock } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { GateClock } from "../runtime/gate-clock.ts";
import type { Scope } from "../runtime/scope.ts";
import { noWatchdog, startWatchdog, type Watchdog } from "../runtime/watchdog.ts";
import { OneLeader } from "./one-leader.ts";
import type { ShardSet } from "./shard-set.ts";
import { Unelected } from "./unelected.ts";

export interface ChooseRegimeOptions extends Omit<TenureOptions, "shards" | "lifeOf" | "died"> {
  readonly settings: Settings;
  readonly sets: readonly ShardSet[];
}

/** Elected or not, as the settings say; `scope` ends what is started for it. */
export async function chooseRegime(options: ChooseRegimeOptions, scope: Scope): Promise<Regime> {
  const { sets, settings, clock } = options;
  const shards = sets.flatMap((set) => set.shards);
  const { leaderElection } = settings;
  const elected = leaderElection !== "none";
  // Under another clock than the system's no handler can block it.
  const watchdog = elected && clock === systemClock ? await watch(shards, settings, scope) : noWatchdog;
  const setOf = new Map(sets.map((set) => [set.resource, set]));
  const lifeOf: LifeOf = (shard, owner) => {
    const set = setOf.get(shard.resource);
    if (set === undefined) throw new ElectorateError("misuse", `nobody works for shard ${shard.id}`);
    return set.lifeOf(shard, watchdog, owner);
  };
  if (!elected) return new Unelected({ shards, lifeOf, clock, identity: options.identity.text });
  if (leaderElection === "shards") return new Lives({ ...options, shards, lifeOf });
  const { name, namespace = options.namespace, lock: kind } = leaderElection;
  const place = { ...options, ...options.timings, name, namespace };
  return new OneLeader({
    ...options,
    namespace,
    election: leaderElection,
    identity: options.identity.text,
    gateClock: new GateClock(clock),
    locks: openLocks({ ...place, kind }),
    shards,
    lifeOf,
  });
}

async function watch(shards: readonly Shard[], { onOverrun }: Settings, scope: Scope): Promise<Watchdog> {
  const names = shards.map(({ id }) => id);
  const watchdog = await startWatchdog(names, { clock: systemClock, onOverrun });
  scope.defer(() => watchdog.close());
  return watchdog;
}
