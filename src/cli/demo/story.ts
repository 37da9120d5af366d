import { milliseconds, type OwnerGap, ownerGaps } from "./history.ts";
import type { LeaseReading } from "./leases.ts";
import type { ReplicaProcess } from "./replica-process.ts";
import { CHANGES_PER_SECOND, DEMO_LEASE, type DemoSettings } from "./settings.ts";
import { type Stage, StoryFailure, type StoryStep } from "./stage.ts";
import { percentile, type RequestWindow } from "./summary.ts";
import { count, duration, seconds } from "./view.ts";
import { lostKeys } from "./work.ts";
import type { Workload } from "./workload.ts";

/**
 * The story, step by step. A step ends when its condition holds, never when a time is over; a time only bounds how long
 * the condition is waited for.
 */

export interface StoryProps {
  readonly stage: Stage;
  readonly settings: DemoSettings;
  readonly workload: Workload;
  readonly readLeases: () => Promise<LeaseReading>;
  /** Requests to Leases that the API server has counted so far. */
  readonly leaseRequests: () => number;
}

/** Generous: a busy machine with two cores must not spoil the story. */
const BOUND_MS = 60_000;
/** What costs the API server something is asked less often than what the demo knows itself. */
const ASK_EVERY_MS = 250;
const MEMBERS_EVERY_MS = 100;
/** Fresh changes that a calm step lasts. */
const CALM_CHANGES = 200;
/** Fresh changes after an owner was lost, until the next step begins. */
const SETTLE_CHANGES = 100;
/**
 * Changes that come at once just before a replica leaves, so that it leaves in the middle of work. No more, because the API
 * server of the demo shares its process with the demo: flooded, it would measure itself.
 */
const BURST_CHANGES = 30;

interface Steps {
  readonly start: StoryStep;
  readonly reconcile: StoryStep;
  readonly calm: StoryStep;
  readonly join: StoryStep;
  readonly stop: StoryStep;
  readonly kill: StoryStep;
  readonly settle: StoryStep;
}

export class Story {
  readonly #props: StoryProps;
  readonly #stage: Stage;
  readonly #steps: Steps;
  #calm: RequestWindow | undefined;

  constructor(props: StoryProps) {
    this.#props = props;
    this.#stage = props.stage;
    const { replicas, objects } = props.settings;
    const announce = (title: string): StoryStep => this.#stage.announce(title);
    this.#steps = {
      start: announce(`${replicas} replicas start`),
      reconcile: announce(`${count(objects, "object")} are reconciled`),
      calm: announce(`changes keep coming, ${CHANGES_PER_SECOND} a second`),
      join: announce(`replica-${replicas + 1} joins`),
      stop: announce("a replica is stopped gently (SIGTERM)"),
      kill: announce("a replica is killed (SIGKILL)"),
      settle: announce("the last changes settle"),
    };
  }

  /** Requests to Leases while nothing but changes happened. */
  get calm(): RequestWindow | undefined {
    return this.#calm;
  }

  /** @throws StoryFailure when a step does not reach its condition; the reason of the stage's signal when that aborts. */
  async tell(): Promise<void> {
    const quiet = new AbortController();
    const { start, reconcile, calm, join, stop, kill, settle } = this.#steps;
    await this.#stage.play(start, () => this.#replicasStart());
    await this.#stage.play(reconcile, () => this.#objectsAreReconciled());
    const changes = this.#stage.beside((signal) =>
      this.#props.workload.trickle(CHANGES_PER_SECOND, AbortSignal.any([signal, quiet.signal])),
    );
    try {
      await this.#stage.play(calm, () => this.#changesKeepComing());
      await this.#stage.play(join, () => this.#oneJoins(join));
      await this.#stage.play(stop, () => this.#oneIsStopped(stop));
      await this.#stage.play(kill, () => this.#oneIsKilled(kill));
    } finally {
      quiet.abort();
      await changes;
    }
    await this.#stage.play(settle, () => this.#lastChangesSettle());
  }

  async #replicasStart(): Promise<string> {
    const stage = this.#stage;
    const begin = stage.clock.monotonicNs();
    for (let number = 0; number < this.#props.settings.replicas; number += 1) await stage.launch();
    await this.#members(stage.replicas);
    await stage.until("every shard has an owner", BOUND_MS, () => stage.allOwned());
    return `all ${count(stage.shards.length, "shard")} owned after ${seconds(this.#since(begin))}`;
  }

  async #objectsAreReconciled(): Promise<string> {
    const begin = this.#stage.clock.monotonicNs();
    await this.#everythingReconciled("every object is reconciled once");
    return `after ${seconds(this.#since(begin))} more`;
  }

  async #changesKeepComing(): Promise<string> {
    const { leaseRequests } = this.#props;
    const begin = this.#stage.clock.monotonicNs();
    const before = leaseRequests();
    await this.#moreChanges(CALM_CHANGES);
    const durationMs = this.#since(begin);
    this.#calm = { requests: leaseRequests() - before, durationMs };
    const rate = this.#calm.requests / this.#stage.shards.length / (durationMs / 1000);
    return `${rate.toFixed(1)} requests to Leases per shard per second`;
  }

  async #oneJoins(step: StoryStep): Promise<string> {
    const begin = this.#stage.clock.monotonicNs();
    const replica = await this.#stage.launch();
    await this.#members([replica]);
    const joinedMs = this.#since(begin);
    await this.#stage.until("the shards are spread evenly", BOUND_MS, () => this.#stage.balanced());
    const balancedMs = this.#since(begin);
    await this.#moreChanges(SETTLE_CHANGES);
    const gaps = this.#gapsSince(step);
    const least = this.#stage.owned(replica);
    const moves = `${count(gaps.length, "move")} (${least} at least)`;
    return `a member after ${seconds(joinedMs)}, balanced after ${seconds(balancedMs)}: ${moves}, ${gapsText(gaps)}`;
  }

  async #oneIsStopped(step: StoryStep): Promise<string> {
    const victim = this.#stage.busiest(this.#stage.replicas);
    step.title = `${victim.name} is stopped gently (SIGTERM)`;
    const held = this.#stage.owned(victim);
    await this.#inTheMiddleOfWork(victim, () => victim.stop());
    await this.#stage.until(`${victim.name} exits`, BOUND_MS, () => victim.exit !== undefined);
    if (victim.exit?.code !== 0) {
      throw new StoryFailure(`${victim.name} was stopped and ended with ${victim.exit?.signal ?? victim.exit?.code}`);
    }
    return this.#ownersChanged(step, held);
  }

  async #oneIsKilled(step: StoryStep): Promise<string> {
    const victim = this.#stage.busiest(this.#stage.replicas);
    step.title = `${victim.name} is killed (SIGKILL)`;
    const held = this.#stage.owned(victim);
    await this.#inTheMiddleOfWork(victim, () => victim.kill());
    const note = await this.#ownersChanged(step, held);
    return `${note}; a Lease lasts ${DEMO_LEASE.durationMs / 1000} s`;
  }

  async #lastChangesSettle(): Promise<string> {
    const begin = this.#stage.clock.monotonicNs();
    await this.#everythingReconciled("the newest change of every object is reconciled");
    return `after ${seconds(this.#since(begin))}`;
  }

  /** Waits until the replicas are members that say of themselves that they are ready. */
  async #members(replicas: readonly ReplicaProcess[]): Promise<void> {
    const names = replicas.map((replica) => replica.name).join(", ");
    const allReady = async (): Promise<boolean> => {
      const { ready } = await this.#props.readLeases();
      for (const replica of replicas) if (ready.has(replica.name)) replica.running();
      return replicas.every((replica) => ready.has(replica.name));
    };
    await this.#stage.until(`${names} ready as members`, BOUND_MS, allReady, MEMBERS_EVERY_MS);
  }

  /** Lets many changes come at once and acts as soon as the replica is working on some of them. */
  async #inTheMiddleOfWork(victim: ReplicaProcess, act: () => void): Promise<void> {
    let burstOver = false;
    const burst = this.#stage.beside(() =>
      this.#props.workload.burst(BURST_CHANGES).finally(() => {
        burstOver = true;
      }),
    );
    await this.#stage.until(`${victim.name} is in the middle of work`, BOUND_MS, () => {
      return burstOver || this.#stage.journal.inWork(victim.name) > 0;
    });
    act();
    await burst;
  }

  async #ownersChanged(step: StoryStep, held: number): Promise<string> {
    const stage = this.#stage;
    await stage.until("every shard has an owner again", BOUND_MS, () => stage.allOwned());
    await this.#moreChanges(SETTLE_CHANGES);
    return `${count(held, "shard")}: ${gapsText(this.#gapsSince(step))}`;
  }

  #gapsSince(step: StoryStep): OwnerGap[] {
    return ownerGaps(this.#stage.terms()).filter((gap) => gap.openedNs >= step.startedNs);
  }

  async #moreChanges(number: number): Promise<void> {
    const { workload } = this.#props;
    const target = workload.changes + number;
    await this.#stage.until(`${count(number, "more change")}`, BOUND_MS, () => workload.changes >= target);
  }

  async #everythingReconciled(what: string): Promise<void> {
    const { workload } = this.#props;
    const holds = async (): Promise<boolean> => lostKeys(workload.wanted, await workload.observe()).length === 0;
    await this.#stage.until(what, BOUND_MS, holds, ASK_EVERY_MS);
  }

  #since(beginNs: bigint): number {
    return milliseconds(this.#stage.clock.monotonicNs() - beginNs);
  }
}

function gapsText(gaps: readonly OwnerGap[]): string {
  const all = gaps.map((gap) => gap.gapMs);
  const [p50, max] = [percentile(all, 0.5), percentile(all, 1)];
  return p50 === undefined || max === undefined ? "no gap" : `gaps p50 ${duration(p50)}, max ${duration(max)}`;
}
