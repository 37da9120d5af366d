/** Replicas of one coordinator of ConfigMaps in 8 buckets, under virtual time, with what else makes their keys fresh. */
import type { ResourceOptions } from "../../src/config/options.ts";
import { type Coordinator, createCoordinator } from "../../src/coordinator.ts";
import { createKeyMap } from "../../src/placement/key-map.ts";
import { messageOf } from "../../src/runtime/errors.ts";
import { silentTelemetry } from "../../src/runtime/telemetry.ts";
import { LeaderWorld, Line } from "./leader-world.ts";

export class Replica {
  readonly name: string;
  readonly coordinator: Coordinator;
  readonly line: Line;
  /** Keys whose handler was called, in order. */
  readonly reconciled: string[] = [];
  outcome: string | undefined;
  readonly #stop = new AbortController();

  constructor(world: LeaderWorld, name: string, options: Partial<ResourceOptions>) {
    this.name = name;
    this.line = new Line(world);
    this.coordinator = createCoordinator({
      coordinator: "shop",
      identity: name,
      connection: this.line.connection,
      clock: world.clock,
      randomness: world.randomness,
      telemetry: silentTelemetry,
      terminate: () => {},
      resources: [
        {
          resource: "configmaps",
          buckets: 8,
          ...options,
          reconcile: async (request, context) => {
            this.reconciled.push(request.key);
            return options.reconcile?.(request, context);
          },
        },
      ],
    });
    this.coordinator.run(this.#stop.signal).then(
      ({ clean }) => {
        this.outcome = clean ? "clean" : "unclean";
      },
      (error: unknown) => {
        this.outcome = messageOf(error);
      },
    );
  }

  get shards(): string[] {
    return this.coordinator.terms().map(({ shard }) => shard);
  }

  stop(): void {
    this.#stop.abort();
  }

  /** What was reconciled since this was last asked. */
  news(): string[] {
    return this.reconciled.splice(0).sort();
  }
}

export const OWNERS = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] as const;

/** A Secret that the ConfigMap `owner` controls. */
export function child(name: string, owner: string, more: Record<string, unknown> = {}) {
  const reference = { apiVersion: "v1", kind: "ConfigMap", name: owner, uid: `uid-of-${owner}`, controller: true };
  return { metadata: { name, ownerReferences: [reference], ...more } };
}

export class RelatedWorld extends LeaderWorld {
  readonly replicas: Replica[] = [];

  constructor() {
    super();
    for (const name of OWNERS) this.put("configmaps", { metadata: { name } });
  }

  /** Starts replicas and lets them share the shards; what they did at that is forgotten. */
  async start(names: readonly string[], options: Partial<ResourceOptions>): Promise<Replica[]> {
    const started = names.map((name) => new Replica(this, name, options));
    this.replicas.push(...started);
    await this.clock.advance(60_000);
    for (const replica of this.replicas) replica.news();
    return started;
  }

  /** What was reconciled since this was last asked, by all: `<replica> <key>`. */
  news(): string[] {
    return this.replicas.flatMap((replica) => replica.news().map((key) => `${replica.name} ${key}`)).sort();
  }

  /** The replica that leads the shard of a key, as `news` says it. */
  leaderOf(key: string): string {
    const leaders = this.replicas.filter(({ shards }) => shards.includes(shardOf(key)));
    return leaders.map(({ name }) => `${name} ${key}`).join(" and ");
  }
}

function shardOf(key: string): string {
  return `configmaps-${String(createKeyMap(8).bucketOf(key)).padStart(2, "0")}`;
}
