import { createIdentity, type Identity, type Shard } from "../lease/names.ts";
import { firstAborted } from "../runtime/abort.ts";
import { Condition } from "../runtime/condition.ts";
import type { Randomness } from "../runtime/randomness.ts";
import { Scope } from "../runtime/scope.ts";
import type { LifeOf, LifeOwner, ShardLife } from "./contender.ts";
import type { Regime } from "./regime.ts";
import { Tenure, type TenureOptions } from "./tenure.ts";
import type { Term } from "./term.ts";

/**
 * One replica through all its identities. An identity whose member Lease was fenced, deleted or edited is dead for ever: every gate
 * closes, and when the last work of it has ended the replica goes on under a new identity, without shards, as if it had just started.
 * With per-shard renewal that does not happen.
 */
export class Lives implements Regime {
  readonly #options: Omit<TenureOptions, "died">;
  readonly #randomness: Randomness;
  readonly #homes = new Map<string, Home>();
  readonly #warm = new Map<string, string>();
  readonly #condition = new Condition();
  readonly #scope = new Scope();
  #tenure: Tenure;
  #identity: Identity;
  #ending = false;

  constructor(options: Omit<TenureOptions, "died">) {
    this.#options = options;
    this.#randomness = options.randomness;
    this.#identity = options.identity;
    this.#tenure = this.#live();
  }

  get identity(): string {
    return this.#identity.text;
  }

  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  get terms(): readonly Term[] {
    return this.#tenure.terms;
  }

  start(): void {
    this.#begin();
  }

  sample(): void {
    this.#tenure.sample();
  }

  requireKnown(): void {
    this.#tenure.requireKnown();
  }

  prepare(resource: string, keyMap: string): void {
    this.#warm.set(resource, keyMap);
    this.#tenure.prepare(resource, keyMap);
  }

  async leave(patience: AbortSignal): Promise<boolean> {
    this.#ending = true;
    const left = await this.#tenure.leave(patience);
    if (left || !this.#tenure.isDead) return left;
    // It died on the way: its Leases are the others' business, its work is still ours.
    return this.#vacated(patience).then(
      () => true,
      () => false,
    );
  }

  async end(reason: string): Promise<void> {
    this.#ending = true;
    await this.#tenure.end(reason);
    await this.#scope.close();
  }

  #live(): Tenure {
    return new Tenure({
      ...this.#options,
      identity: this.#identity,
      lifeOf: (shard, owner) => this.#homeOf(shard).inhabit(owner),
      died: (cause) => this.#die(cause),
    });
  }

  #begin(): void {
    const tenure = this.#tenure;
    tenure.start();
    for (const [resource, keyMap] of this.#warm) tenure.prepare(resource, keyMap);
    this.#scope.run(async (signal) => {
      await firstAborted(signal, tenure.signal);
      // What a tenure cannot go on from, a replica cannot: `end` says why.
      if (!signal.aborted && !tenure.isDead && !this.#ending) throw tenure.signal.reason;
    });
  }

  #die(cause: string): void {
    const { telemetry } = this.#options;
    telemetry.log.error({ identity: this.identity, cause }, "this identity has ended; every shard of it is closed");
    telemetry.meter.increment("electorate_identities_lost_total", {});
    this.#scope.run(async (signal) => {
      await this.#tenure.end("identity-lost");
      await this.#vacated(signal);
      if (this.#ending || signal.aborted) return;
      this.#identity = createIdentity(this.#identity.name, this.#randomness.uuid());
      telemetry.log.info({ identity: this.identity }, "going on under a new identity");
      this.#tenure = this.#live();
      this.#begin();
    });
  }

  #vacated(signal: AbortSignal): Promise<void> {
    return this.#condition.until(() => [...this.#homes.values()].every(({ isEmpty }) => isEmpty), signal);
  }

  #homeOf(shard: Shard): Home {
    const known = this.#homes.get(shard.id);
    if (known !== undefined) return known;
    const home = new Home(shard, this.#options.lifeOf, () => this.#condition.changed());
    this.#homes.set(shard.id, home);
    return home;
  }
}

/** The one life of a shard on this replica, whichever identity leads it: what was forsaken under an old one is known under the next. */
class Home implements ShardLife, LifeOwner {
  readonly #life: ShardLife;
  readonly #changed: () => void;
  #owner: LifeOwner | undefined;
  #occupied = false;
  #forsaken = false;

  constructor(shard: Shard, lifeOf: LifeOf, changed: () => void) {
    this.#changed = changed;
    this.#life = lifeOf(shard, this);
  }

  get isEmpty(): boolean {
    return !this.#occupied && !this.#forsaken;
  }

  inhabit(owner: LifeOwner): ShardLife {
    this.#owner = owner;
    return this;
  }

  open(term: Term): void {
    this.#occupied = true;
    this.#life.open(term);
  }

  drain(term: Term): void {
    this.#life.drain(term);
  }

  lose(term: Term): void {
    this.#life.lose(term);
  }

  forsake(term: Term): void {
    this.#occupied = false;
    this.#forsaken = true;
    this.#life.forsake(term);
  }

  look(): void {
    this.#owner?.look();
  }

  stuck(): void {
    this.#owner?.stuck();
  }

  vacated(): void {
    this.#occupied = false;
    // Who says so has waited for whatever ran, of whichever term.
    this.#forsaken = false;
    this.#owner?.vacated();
    this.#changed();
  }

  relieved(): void {
    this.#forsaken = false;
    this.#owner?.relieved();
    this.#changed();
  }
}
