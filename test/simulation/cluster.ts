import type { Term } from "../../src/election/term.ts";
import { ApiServerCore } from "../../src/embedded/core.ts";
import { LeaseJournal, type LeaseWrite } from "./lease-journal.ts";
import { Ownership } from "./ownership.ts";
import { type HandlerManners, Replica, type ReplicaOptions, type ResourceSetup, type Surroundings } from "./replica.ts";
import { Sink, textOf } from "./sink.ts";
import { Machine, SeededRandomness, type World } from "./world.ts";

export class Violation extends Error {
  override readonly name = "Violation";
}

const SECRETS = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };
const CONFIG_MAPS = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };
const USUAL_BUCKETS = 15;

const LEASE_PREFIX = "sim-";
const LOOK_FOR_GAPS_EVERY_MS = 100;

/** A shard that came to another member than the one that held it before. */
export interface Move {
  readonly atMs: number;
  readonly shard: string;
  /** Identities. */
  readonly from: string;
  readonly to: string;
  /** Handed over by its holder, or taken after it was freed or had expired. */
  readonly how: "transferred" | "taken";
}

/** Replicas, their API server, and what must never happen. */
export class Cluster implements Surroundings {
  readonly world: World;
  readonly core: ApiServerCore;
  readonly sink: Sink;
  readonly replicas: Replica[] = [];
  readonly moves: Move[] = [];
  /** How often replicas wrote shard Leases. */
  shardWrites = 0;
  readonly ownership = new Ownership();
  readonly #manners: HandlerManners;
  #resources: readonly ResourceSetup[] = [];
  /** There have been replicas with other buckets. */
  #isDivided = false;
  readonly #journal = new LeaseJournal((write) => this.#judge(write));
  /** By shard, the last member that held it. */
  readonly #lastHolders = new Map<string, string>();
  /** By shard, the replica that it was handed to and that has not opened it yet. */
  readonly #handed = new Map<string, Replica>();
  #expectsOpenings = false;
  #gapLimit = { sinceMs: 0, mostMs: Number.POSITIVE_INFINITY };
  #lookForGapsAtMs = 0;
  #violation: string | undefined;
  #born = 0;

  constructor(world: World, manners: HandlerManners) {
    this.world = world;
    this.#manners = manners;
    this.sink = new Sink((what) => this.#violate(what));
    this.core = new ApiServerCore({
      clock: new Machine(world, 1, Date.UTC(2026, 0, 1)),
      randomness: new SeededRandomness(world.randomness.next() * 1e9),
      onRequest: ({ userAgent }) => this.#journal.attribute(userAgent),
    });
    this.#journal.follow(this.core);
    this.divide(USUAL_BUCKETS);
  }

  /** From now on replicas join with so many buckets of config maps, beside secrets, which have one Lease. */
  divide(buckets: number): void {
    this.#isDivided = this.#resources.length > 0;
    this.#resources = [
      { resource: SECRETS, buckets: 1 },
      { resource: CONFIG_MAPS, buckets },
    ];
    this.ownership.shards = this.#resources.flatMap((one) =>
      Array.from({ length: one.buckets }, (_, bucket) => `${one.resource.plural}-${String(bucket).padStart(2, "0")}`),
    );
  }

  get shards(): readonly string[] {
    return this.ownership.shards;
  }

  get running(): readonly Replica[] {
    return this.replicas.filter((replica) => replica.isRunning);
  }

  join(options: Pick<ReplicaOptions, "clockRate"> & Partial<ReplicaOptions>): Replica {
    this.#born += 1;
    const replica = new Replica(this, {
      name: `r${this.#born}`,
      resources: this.#resources,
      manners: this.#manners,
      seed: this.world.randomness.next() * 1e9,
      ...options,
    });
    this.replicas.push(replica);
    return replica;
  }

  opened(replica: Replica, term: Term): void {
    this.#handed.delete(term.shard);
    this.ownership.opened(replica, term);
  }

  newestOf(replica: Replica, shard: string): Term | undefined {
    return this.ownership.newestOf(replica, shard);
  }

  /** Identity in the Lease of a shard; empty when nobody is named. */
  readonly holderOf = (shard: string): string => this.#journal.of(`${LEASE_PREFIX}${shard}`)?.holder ?? "";

  /** From now on no shard may be without an owner for longer. */
  limitGaps(mostMs: number, sinceMs = this.world.nowMs): void {
    this.#gapLimit = { sinceMs, mostMs };
  }

  /** From now on whoever is handed a shard opens it, unless it leaves. */
  expectOpenings(): void {
    this.#expectsOpenings = true;
  }

  /** After every event. */
  check(): void {
    const shared = this.ownership.shared();
    if (shared !== undefined) this.#violate(shared);
    const divided = this.#isDivided ? this.ownership.divided() : undefined;
    if (divided !== undefined) this.#violate(divided);
    if (this.world.nowMs >= this.#lookForGapsAtMs) this.#lookForGaps();
    if (this.#violation !== undefined) throw new Violation(this.#violation);
  }

  /** Open gates of each running replica. */
  loads(): ReadonlyMap<string, number> {
    const loads = new Map(this.running.map(({ name }) => [name, 0]));
    for (const shard of this.shards) {
      for (const name of this.ownership.ownersOf(shard)) loads.set(name, (loads.get(name) ?? 0) + 1);
    }
    return loads;
  }

  #lookForGaps(): void {
    const { nowMs } = this.world;
    this.#lookForGapsAtMs = nowMs + LOOK_FOR_GAPS_EVERY_MS;
    const { sinceMs, mostMs } = this.#gapLimit;
    const { shard, gapMs } = this.ownership.longestGap(nowMs, sinceMs);
    if (gapMs > mostMs) this.#violate(`shard ${shard} has had no owner for more than ${Math.round(mostMs)} ms`);
  }

  #violate(what: string): void {
    if (this.#violation === undefined) this.world.note(`VIOLATION: ${what}`);
    this.#violation ??= what;
  }

  /** A Lease of ours was written: what an outsider does to it breaks nothing but itself. */
  #judge({ name, writer, before, after }: LeaseWrite): void {
    const by = this.replicas.find((replica) => replica.name === writer);
    if (by !== undefined && after?.role === "shard") this.shardWrites += 1;
    if (after?.holder === before?.holder) return;
    const shard = name.slice(LEASE_PREFIX.length);
    this.world.note(`stored ${shard}: ${before?.holder ?? "nothing"} > ${after?.holder ?? "nothing"} (${writer})`);
    if (before?.role === "member") this.#judgeFence(before.holder, by);
    if (before?.role !== "shard" && after?.role !== "shard") return;
    const running = this.sink.actingFor(shard)[0];
    if (by !== undefined && running !== undefined) {
      this.#violate(`the Lease of ${shard} is ${verb(before, after, by)} while ${textOf(running)} works for it`);
    }
    this.#noteMove(shard, before?.holder ?? "", after?.holder ?? "", by);
  }

  /** Whoever is fenced by somebody else, or ends its own identity, has ended the work that stands by it. */
  #judgeFence(identity: string, by: Replica | undefined): void {
    if (by === undefined || identity === "") return;
    for (const shard of this.shards) {
      const lease = this.#journal.of(`${LEASE_PREFIX}${shard}`);
      if (lease?.holder !== identity || lease.renewal !== "per-member") continue;
      const running = this.sink.actingFor(shard)[0];
      if (running !== undefined)
        this.#violate(
          `member ${identity} is ended by ${by.name} while ${textOf(running)} works for ${shard}, which stands by it`,
        );
    }
  }

  #noteMove(shard: string, before: string, holder: string, by: Replica | undefined): void {
    const handed = this.#handed.get(shard);
    this.#handed.delete(shard);
    if (this.#expectsOpenings && handed !== undefined && handed === by && !handed.isLeaving)
      this.#violate(`${handed.name} was handed ${shard} and lets it go without having opened it`);
    if (holder === "" || by === undefined) return;
    const from = this.#lastHolders.get(shard);
    this.#lastHolders.set(shard, holder);
    if (from === undefined || from === holder) return;
    const how = before === by.coordinator.identity ? "transferred" : "taken";
    if (how === "transferred") this.#noteHandover(shard, holder);
    this.moves.push({ atMs: this.world.nowMs, shard, from, to: holder, how });
  }

  #noteHandover(shard: string, identity: string): void {
    const target = this.running.find(({ coordinator }) => coordinator.identity === identity);
    if (target !== undefined) this.#handed.set(shard, target);
  }
}

function verb(before: LeaseWrite["before"], after: LeaseWrite["after"], by: Replica): string {
  if (after === undefined) return `deleted by ${by.name}`;
  if (after.holder === "") return `released by ${by.name}`;
  return `${before?.holder === by.coordinator.identity ? "transferred" : "taken"} by ${by.name}`;
}
