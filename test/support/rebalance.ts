/** What a change of a large fleet costs: what the Leases say moved, what the gates say was without an owner, and what the handlers did meanwhile. */
import { setTimeout as delay } from "node:timers/promises";
import { compare, type GateTerm, gateTerms } from "../../src/cli/demo/history.ts";
import type { Renewal } from "../../src/lease/renewal.ts";
import { sumOfCounter } from "./control-plane-access.ts";
import type { Scene } from "./integration.ts";
import { type Move, movesOf } from "./moves.ts";
import type { ReplicaOptions, ReplicaProcess } from "./replica-process.ts";
import { gapsSince, spreadText } from "./transitions.ts";
import { msBetween, until } from "./waiting.ts";

/** Several kinds, because the ring of a thousand buckets takes seconds to build. All of them are empty but the first. */
const KINDS = [
  "configmaps",
  "secrets",
  "services",
  "serviceaccounts",
  "endpoints",
  "limitranges",
  "podtemplates",
  "resourcequotas",
];

/** The defaults. */
export const LEASE = { duration: "15s", renewDeadline: "10s", retryPeriod: "2s" } as const;
export const LEASE_MS = 15_000;
/** For more replicas than a small machine has time for: none of them is to lose a Lease for that. */
export const LONG_LEASE = { duration: "60s", renewDeadline: "40s", retryPeriod: "4s" } as const;
const LONGEST_RETRY_PERIOD_MS = 4_000;

/** For whatever takes a few seconds on a machine of its own. */
export const BOUND_MS = 90_000;

export interface Size {
  readonly shards: number;
  readonly renewal: Renewal;
  readonly lease: typeof LEASE | typeof LONG_LEASE;
}

export function optionsOf({ shards, renewal, lease }: Size, more: object = {}): Partial<ReplicaOptions> {
  return {
    resources: KINDS.map((resource) => ({ resource, buckets: shards / KINDS.length, workers: 1 })),
    configuration: { lease: { ...lease, renewal }, shutdownTimeout: "30s", drainTimeout: "10s", ...more },
  };
}

/** Starts the first and, once it has everything, the others; answers when all is spread and may be moved again. */
export async function startAll(
  on: Scene,
  [first = "", ...others]: readonly string[],
  size: Size,
  more: object = {},
): Promise<Partial<ReplicaOptions>> {
  const options = optionsOf(size, more);
  on.start(first, options);
  await on.allOwned(size.shards, BOUND_MS);
  // One rebalance when all are there, instead of one for each that comes.
  await on.ask("freeze");
  for (const name of others) on.start(name, options);
  await on.members(others.length + 1, BOUND_MS);
  await on.ask("unfreeze");
  await on.balanced(size.shards, BOUND_MS);
  // A shard that has just come is not moved on at once.
  await delay(LONGEST_RETRY_PERIOD_MS);
  return options;
}

/** Writes of Leases that the API server has answered, in each second of the next `forMs`. */
export async function writesPerSecond({ plane }: Scene, forMs: number): Promise<number> {
  const count = async (): Promise<number> => {
    const metrics = await plane.metrics();
    const sums = ["POST", "PUT", "PATCH", "DELETE"].map((verb) =>
      sumOfCounter(metrics, "apiserver_request_total", { resource: "leases", verb }),
    );
    return sums.reduce((sum, one) => sum + one, 0);
  };
  const fromMs = performance.now();
  const before = await count();
  await delay(forMs);
  return ((await count()) - before) / ((performance.now() - fromMs) / 1_000);
}

/** Everything that happens to shards from now on. */
export class Rebalance {
  readonly sinceNs = process.hrtime.bigint();
  readonly #on: Scene;

  constructor(on: Scene) {
    this.#on = on;
  }

  /** Waits until `count` shards are owned and nothing has happened for longer than the time after which a move too many would follow. */
  async isOver(count: number): Promise<void> {
    const calledNs = process.hrtime.bigint();
    await until(`${count} shards that nothing happens to`, BOUND_MS, () => {
      const last = latest([calledNs, ...this.#on.fleet.transitions().map(({ ns }) => ns)]);
      return (
        msBetween(last, process.hrtime.bigint()) > 1.1 * LONGEST_RETRY_PERIOD_MS && this.#on.owners().size === count
      );
    });
  }

  get moves(): readonly Move[] {
    return movesOf(this.#on.history.moments, this.sinceNs);
  }

  /** When the test saw the member Lease of a replica for the first time: just before its own acknowledgement. */
  joinedNs({ identity }: ReplicaProcess): bigint {
    const [first] = this.#on.history.of(`test-member-${identity?.split("_")[1]}`);
    if (first === undefined) throw new Error(`${identity} has no member Lease`);
    return first.ns;
  }

  /** Its member Lease says that it serves every kind. */
  isReady({ identity }: ReplicaProcess): boolean {
    const newest = this.#on.history.of(`test-member-${identity?.split("_")[1]}`).at(-1);
    const resources = newest?.lease.metadata.annotations?.["electorate.dev/resources"] ?? "";
    return KINDS.every((kind) => resources.includes(`"${kind}"`));
  }

  /** When the test saw what somebody asks of a replica. */
  intentNs({ identity }: ReplicaProcess): bigint {
    const versions = this.#on.history.of(`test-member-${identity?.split("_")[1]}`);
    const asked = versions.find(
      ({ ns, lease }) => ns > this.sinceNs && lease.metadata.annotations?.["electorate.dev/intent"] !== undefined,
    );
    if (asked === undefined) throw new Error(`nothing is asked of ${identity}`);
    return asked.ns;
  }

  /** From a moment until the last gate opened. */
  doneAfterMs(fromNs: bigint): number {
    return msBetween(fromNs, latest([fromNs, ...this.#terms().map(({ openedNs }) => openedNs)]));
  }

  /** How long after a moment each of `shards` was owned again, in milliseconds; infinite for one that is not. */
  ownedAgainMs(shards: readonly string[], fromNs: bigint): number[] {
    const terms = this.#terms();
    return shards.map((shard) => {
      const next = terms.find((term) => term.shard === shard && term.openedNs > fromNs);
      return next === undefined ? Number.POSITIVE_INFINITY : msBetween(fromNs, next.openedNs);
    });
  }

  /** Shards that stayed where they are and were closed all the same, as their holders say. */
  pausesOfOthers(): string[] {
    const moved = this.#moved();
    return this.#on.fleet
      .transitions()
      .filter(({ ns, shard, event }) => ns > this.sinceNs && !moved.has(shard) && event !== "queue-started")
      .map(({ shard, event, replica, reason }) => `${shard} at ${replica}: ${event} (${reason})`);
  }

  /** The longest time between two runs for one key of a shard that stayed, in milliseconds. */
  longestRestOfOthersMs(): number {
    const moved = this.#moved();
    const lines = this.#on.fleet.sink().filter(({ phase, shard }) => phase === "begin" && !moved.has(shard));
    const rests = [...Map.groupBy(lines, ({ key }) => key).values()].map((begins) => {
      const moments = [...begins.map(({ ns }) => ns).filter((ns) => ns > this.sinceNs), process.hrtime.bigint()];
      return Math.max(...moments.map((ns, index) => msBetween(moments[index - 1] ?? this.sinceNs, ns)));
    });
    return Math.max(...rests);
  }

  figures(least: number): string {
    const { fleet } = this.#on;
    const gaps = gapsSince(fleet.transitions(), fleet.deaths(), this.sinceNs);
    return `${this.moves.length} moves of at least ${least}, without owner ${spreadText(gaps)}`;
  }

  #terms(): GateTerm[] {
    const { fleet } = this.#on;
    return gateTerms(fleet.transitions(), fleet.deaths());
  }

  #moved(): ReadonlySet<string> {
    return new Set(this.moves.map(({ lease }) => lease.slice("test-".length)));
  }
}

function latest(moments: readonly bigint[]): bigint {
  return moments.toSorted(compare).at(-1) ?? 0n;
}
