import type { ProcessElection } from "../config/settings.ts";
import type { LifeOf, LifeOwner, ShardLife } from "../election/contender.ts";
import { Leadership, type LeadershipOptions } from "../election/leadership.ts";
import type { Regime } from "../election/regime.ts";
import { Gate, Term } from "../election/term.ts";
import type { Shard } from "../lease/names.ts";
import { firstAborted, withPatience } from "../runtime/abort.ts";
import { ElectorateError } from "../runtime/errors.ts";
import type { GateClock } from "../runtime/gate-clock.ts";
import { Scope } from "../runtime/scope.ts";

export interface OneLeaderOptions
  extends Omit<LeadershipOptions, "name" | "labels" | "releaseOnCancel" | "lifeOf" | "leaderSeen" | "lost"> {
  readonly election: ProcessElection;
  readonly shards: readonly Shard[];
  readonly lifeOf: LifeOf;
}

/** One Lease for the whole replica: its leader works on every shard, the others keep their sources warm. */
export class OneLeader implements Regime {
  readonly identity: string;
  readonly #options: OneLeaderOptions;
  readonly #leadership: Leadership;
  readonly #cold: Set<string>;
  readonly #scope = new Scope();
  readonly #lost = new AbortController();
  #lives: EveryShard | undefined;

  constructor(options: OneLeaderOptions) {
    const { election, shards, telemetry } = options;
    this.identity = options.identity;
    this.#options = options;
    this.#cold = new Set(shards.map(({ resource }) => resource));
    this.#leadership = new Leadership({
      ...options,
      name: election.name,
      labels: election.labels,
      releaseOnCancel: election.releaseOnCancel,
      lifeOf: (owner) => {
        this.#lives = new EveryShard(options, owner);
        return this.#lives;
      },
      leaderSeen: (leader) => telemetry.log.info({ leader }, `new leader: ${leader || "nobody is known to lead"}`),
      lost: () => this.#lose(),
    });
  }

  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  get terms(): readonly Term[] {
    return this.#leadership.term === undefined ? [] : (this.#lives?.terms ?? []);
  }

  start(): void {
    this.#scope.run(async (signal) => {
      await firstAborted(signal, this.#leadership.signal);
      // What an election cannot go on from, a replica cannot: `end` says why.
      if (!signal.aborted) await this.#leadership.end("failure");
    });
  }

  sample(): void {}

  /** Nothing is given to anybody: whoever is there contends. */
  requireKnown(): void {}

  /** Who leads works at once: nobody contends before all sources are warm. */
  prepare(resource: string): void {
    if (this.#cold.delete(resource) && this.#cold.size === 0) this.#leadership.start();
  }

  leave(patience: AbortSignal): Promise<boolean> {
    return this.#leadership.leave(patience);
  }

  async end(reason: string): Promise<void> {
    const { clock, election, timings } = this.#options;
    // Its work has ended, so that what can still be freed is freed; the API server may be out of reach.
    const leave = (patience: AbortSignal) => this.#leadership.leave(patience);
    const lost = this.#lost.signal.aborted;
    const left = lost && (await withPatience(clock, timings.retryPeriodMs, this.#leadership.signal, leave));
    if (!left) await this.#leadership.end(reason);
    await this.#scope.close();
    if (lost) throw new ElectorateError("leadership-lost", `leadership of ${election.name} was lost`);
  }

  #lose(): void {
    if (this.#options.election.onLost === "continue") return;
    this.#lost.abort();
    this.#scope.run(() => {
      throw new ElectorateError(
        "leadership-lost",
        `leadership of ${this.#options.election.name} was lost, and every handler has ended; end the process and start anew`,
      );
    });
  }
}

/** All shards as the work of one leader: they open, drain and end together. */
class EveryShard implements ShardLife {
  readonly #gateClock: GateClock;
  readonly #owner: LifeOwner;
  readonly #shards: readonly { readonly shard: Shard; readonly life: ShardLife }[];
  #terms: readonly Term[] = [];
  #working = 0;

  constructor({ shards, lifeOf, gateClock }: OneLeaderOptions, owner: LifeOwner) {
    this.#gateClock = gateClock;
    this.#owner = owner;
    this.#shards = shards.map((shard) => ({
      shard,
      life: lifeOf(shard, {
        look: () => owner.look(),
        stuck: () => owner.stuck(),
        relieved: () => owner.relieved(),
        vacated: () => this.#vacated(),
      }),
    }));
  }

  get terms(): readonly Term[] {
    return this.#terms;
  }

  open(term: Term): void {
    this.#working = this.#shards.length;
    this.#terms = this.#shards.map(({ shard }) => {
      return new Term(shard.id, term.epoch, new Gate(this.#gateClock, term.gate.deadlineMs));
    });
    term.gate.whenMoved(() => {
      for (const { gate } of this.#terms) gate.moveTo(term.gate.deadlineMs);
    });
    this.#each((life, own) => life.open(own));
  }

  drain(): void {
    this.#each((life, own) => {
      own.gate.drain();
      life.drain(own);
    });
  }

  lose(term: Term): void {
    const reason: unknown = term.signal.reason;
    // All of them first: whatever one of them does at its end must find the others closed.
    for (const own of this.#terms) own.end(reason instanceof Error ? reason : new Error(String(reason)));
    this.#each((life, own) => life.lose(own));
  }

  /** Shards are never moved from under one leader. */
  forsake(): void {}

  #each(act: (life: ShardLife, term: Term) => void): void {
    this.#shards.forEach(({ life }, index) => {
      const own = this.#terms[index];
      if (own !== undefined) act(life, own);
    });
  }

  #vacated(): void {
    this.#working -= 1;
    if (this.#working > 0) return;
    for (const own of this.#terms)
      own.end(new ElectorateError("gate-closed", `term ${own.epoch} of ${own.shard} has ended`));
    this.#terms = [];
    this.#owner.vacated();
  }
}
