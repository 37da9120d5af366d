import type { LifeOf, ShardLife } from "../election/contender.ts";
import type { Regime } from "../election/regime.ts";
import { Gate, Term } from "../election/term.ts";
import type { Shard } from "../lease/names.ts";
import type { Clock } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { GateClock } from "../runtime/gate-clock.ts";

export interface UnelectedOptions {
  readonly shards: readonly Shard[];
  readonly lifeOf: LifeOf;
  readonly clock: Clock;
  readonly identity: string;
}

/** No election at all: this replica works on every shard, from a warm source to its stop, and no gate closes by itself. */
export class Unelected implements Regime {
  readonly identity: string;
  readonly #shards: readonly OpenShard[];
  readonly #ended = new AbortController();

  constructor({ shards, lifeOf, clock, identity }: UnelectedOptions) {
    this.identity = identity;
    this.#shards = shards.map((shard) => new OpenShard(shard, clock, lifeOf));
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  get terms(): readonly Term[] {
    return this.#shards.flatMap(({ term }) => term ?? []);
  }

  start(): void {}

  sample(): void {}

  requireKnown(): void {}

  prepare(resource: string): void {
    for (const open of this.#shards) if (open.shard.resource === resource) open.start();
  }

  async leave(patience: AbortSignal): Promise<boolean> {
    const drained = Promise.all(this.#shards.map((open) => open.drain())).then(() => true);
    const impatient = new Promise<boolean>((resolve) => {
      patience.addEventListener("abort", () => resolve(false), { once: true });
    });
    return Promise.race([drained, impatient]);
  }

  end(reason: string): Promise<void> {
    for (const open of this.#shards) open.lose(reason);
    this.#ended.abort();
    return Promise.resolve();
  }
}

class OpenShard {
  readonly shard: Shard;
  readonly #life: ShardLife;
  readonly #own: Term;
  readonly #vacated = Promise.withResolvers<void>();
  #started = false;
  #leaving = false;

  constructor(shard: Shard, clock: Clock, lifeOf: UnelectedOptions["lifeOf"]) {
    this.shard = shard;
    this.#life = lifeOf(shard, { vacated: () => this.#vacated.resolve(), look() {}, stuck() {}, relieved() {} });
    this.#own = new Term(shard.id, "0", new Gate(new GateClock(clock), Number.POSITIVE_INFINITY));
  }

  get term(): Term | undefined {
    return this.#started ? this.#own : undefined;
  }

  start(): void {
    if (this.#leaving) return;
    this.#started = true;
    this.#life.open(this.#own);
  }

  async drain(): Promise<void> {
    this.#leaving = true;
    if (!this.#started) return;
    this.#own.gate.drain();
    this.#life.drain(this.#own);
    await this.#vacated.promise;
  }

  lose(reason: string): void {
    if (!this.#started) return;
    this.#own.end(new ElectorateError("gate-closed", `shard ${this.shard.id} has ended: ${reason}`));
    this.#life.lose(this.#own);
  }
}
