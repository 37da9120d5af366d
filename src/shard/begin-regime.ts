import type { Settings } from "../config/settings.ts";
import type { LifeOf, LifeOwner, ShardLife } from "../election/contender.ts";
import { Lives } from "../election/lives.ts";
import type { Regime } from "../election/regime.ts";
import type { TenureOptions } from "../election/tenure.ts";
import { openLocks } from "../lease/locks.ts";
import type { Shard } from "../lease/names.ts";
import { systemClock } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { GateClock } from "../runtime/gate-clock.ts";
import type { Scope } from "../runtime/scope.ts";
import { containStrayErrors } from "../runtime/stray-errors.ts";
import { noWatchdog, startWatchdog, type Watchdog } from "../runtime/watchdog.ts";
import { JointLife } from "./joint-life.ts";
import { OneLeader } from "./one-leader.ts";
import { PartLife } from "./part-life.ts";
import type { Parts } from "./parts.ts";
import type { RunnerContext } from "./runner.ts";
import type { ShardSet } from "./shard-set.ts";
import { Unelected } from "./unelected.ts";

export interface BeginRegimeOptions extends Omit<TenureOptions, "shards" | "lifeOf" | "died"> {
  readonly settings: Settings;
  readonly sets: readonly ShardSet[];
  readonly parts: Parts;
  readonly overrun: RunnerContext["overrun"];
}

/** Elected or not, as the settings say. From here on shards may be taken, each as soon as its source is warm; `scope` ends what is started. */
export async function beginRegime(options: BeginRegimeOptions, scope: Scope): Promise<Regime> {
  const { sets, parts } = options;
  scope.defer(containStrayErrors());
  const leaderShards = parts.leaderShards(options.coordinator);
  const shards = [...sets.flatMap((set) => set.shards), ...leaderShards];
  parts.requireShards(shards.map(({ id }) => id));
  const regime = await choose(options, shards, scope);
  regime.start();
  for (const set of sets) {
    scope.run((ended) => set.run(ended, (error) => parts.failed(error)));
    scope.run(async () => {
      await set.whenSynced();
      regime.prepare(set.resource, set.keyMap);
    });
  }
  for (const { resource, keyMap } of leaderShards) regime.prepare(resource, keyMap);
  return regime;
}

async function choose(options: BeginRegimeOptions, shards: readonly Shard[], scope: Scope): Promise<Regime> {
  const { settings, clock } = options;
  const { leaderElection } = settings;
  const elected = leaderElection !== "none";
  // Under another clock than the system's no handler can block it.
  const watchdog = elected && clock === systemClock ? await watch(shards, settings, scope) : noWatchdog;
  const lifeOf: LifeOf = (shard, owner) => {
    const [first, ...others] = worksOf(shard, options, watchdog);
    if (first === undefined) throw new ElectorateError("misuse", `nobody works for shard ${shard.id}`);
    return others.length === 0 ? first(owner) : new JointLife(owner, [first, ...others]);
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

/** What is done under the Lease of a shard: its objects are reconciled, and parts that are bound to it run. */
function worksOf(
  shard: Shard,
  options: BeginRegimeOptions,
  watchdog: Watchdog,
): readonly ((owner: LifeOwner) => ShardLife)[] {
  const { sets, parts, settings, timings, clock, overrun } = options;
  const set = sets.find(({ resource }) => resource === shard.resource);
  const bound = parts.ofShard(shard.id);
  const reconciles = set === undefined ? [] : [(owner: LifeOwner) => set.lifeOf(shard, watchdog, owner)];
  if (bound.length === 0) return reconciles;
  const partLife = (owner: LifeOwner): ShardLife =>
    new PartLife({
      parts: bound,
      owner,
      clock,
      slot: watchdog.slot(partsOf(shard.id)),
      quiesceMs: timings.quiesceMs,
      drainTimeoutMs: settings.drainTimeoutMs,
      overrun: (running) => overrun(shard.id, running),
      failed: (error) => parts.failed(error),
    });
  return [...reconciles, partLife];
}

/** What the watchdog calls them. */
function partsOf(shard: string): string {
  return `parts of ${shard}`;
}

async function watch(shards: readonly Shard[], { onOverrun }: Settings, scope: Scope): Promise<Watchdog> {
  const names = shards.flatMap(({ id }) => [id, partsOf(id)]);
  const watchdog = await startWatchdog(names, { clock: systemClock, onOverrun });
  scope.defer(() => watchdog.close());
  return watchdog;
}
