import type { Clock, Timer } from "../runtime/clock.ts";
import type { Telemetry, Transition } from "../runtime/telemetry.ts";
import type { EventPlace, LeaseEvent } from "./events.ts";

export interface TransitionEventsOptions {
  readonly clock: Clock;
  readonly identity: string;
  /** Whether there is a Pod at which things can be told. */
  readonly inPod: boolean;
  /** What is told of a transition; `undefined` for one that is no news to people. */
  readonly say: (transition: Transition) => Said | undefined;
  readonly tell: (event: LeaseEvent, at: EventPlace) => Promise<void>;
}

/** What one transition says to people. */
export interface Said extends Pick<LeaseEvent, "regarding"> {
  readonly lease: string;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

/** What comes together is told together. */
const GATHER_MS = 1_000;
/** Up to so many of one reason are told each at its own Lease; more in one Event, at the Pod where there is one. */
const MOST_APART = 3;
const SHOWN = 10;
/** So many Events at once, and one more each so often: an Event is a write of the API server, and a fleet has many shards. */
const BURST = 10;
const REFILL_MS = 10_000;

/**
 * Events of what happens to Leases here, at each Lease and, one for each reason, at the Pod of this replica. A drain of a thousand shards is one
 * Event, a Lease that flaps a few of them, and nobody waits for any: what there is no allowance for is gathered until there is.
 */
export class TransitionEvents {
  readonly #options: TransitionEventsOptions;
  readonly #gathered = new Map<string, Gathered>();
  #timer: Timer | undefined;
  #allowance = BURST;
  #refilledMs: number;
  #isClosed = false;

  constructor(options: TransitionEventsOptions) {
    this.#options = options;
    this.#refilledMs = options.clock.monotonicMs();
  }

  /** `telemetry`, whose transitions are told as Events too. */
  heardBy(telemetry: Telemetry): Telemetry {
    return {
      log: telemetry.log,
      meter: telemetry.meter,
      transition: (transition) => {
        telemetry.transition(transition);
        this.#note(transition);
      },
    };
  }

  /** Tells what has been gathered, as far as the allowance goes, and nothing any more; for the end of a replica. */
  async close(): Promise<void> {
    const told = this.#flush();
    this.stop();
    await told;
  }

  /** Tells nothing any more. */
  stop(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #note(transition: Transition): void {
    const said = this.#isClosed ? undefined : this.#options.say(transition);
    if (said === undefined) return;
    const one = { said, epoch: transition.epoch };
    const gathered = this.#gathered.get(said.reason);
    if (gathered === undefined) this.#gathered.set(said.reason, [one]);
    else gathered.push(one);
    this.#timer ??= this.#options.clock.timer(GATHER_MS, () => void this.#flush());
  }

  async #flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { clock, tell } = this.#options;
    const nowMs = clock.monotonicMs();
    const refills = Math.floor((nowMs - this.#refilledMs) / REFILL_MS);
    this.#refilledMs += refills * REFILL_MS;
    this.#allowance = Math.min(BURST, this.#allowance + refills);
    const told: Promise<void>[] = [];
    for (const [reason, gathered] of [...this.#gathered]) {
      if (this.#allowance === 0) break;
      this.#gathered.delete(reason);
      told.push(...this.#eventsOf(gathered).map(({ event, at }) => tell(event, at)));
    }
    if (this.#gathered.size > 0) this.#timer = clock.timer(REFILL_MS, () => void this.#flush());
    await Promise.all(told);
  }

  /** What is told of one reason, within the allowance. */
  #eventsOf(gathered: Gathered): { readonly event: LeaseEvent; readonly at: EventPlace }[] {
    const { identity, inPod } = this.#options;
    const events: { event: LeaseEvent; at: EventPlace }[] = [];
    const areApart = gathered.length <= Math.min(MOST_APART, this.#allowance - (inPod ? 1 : 0));
    if (areApart) events.push(...gathered.map((one) => ({ event: apart(one), at: "lease" as const })));
    if (inPod) events.push({ event: together(gathered, identity), at: "pod" });
    else if (!areApart) events.push({ event: together(gathered, identity), at: "lease" });
    this.#allowance -= events.length;
    return events;
  }
}

interface Happened {
  readonly said: Said;
  readonly epoch: string;
}

/** Of one reason. */
type Gathered = [Happened, ...Happened[]];

/** All of one reason in one Event; it is found at the first Lease of them, or at the Pod. */
function together(gathered: Gathered, identity: string): LeaseEvent {
  const [first, ...others] = gathered;
  if (others.length === 0) return apart(first);
  const leases = [...new Set(gathered.map(({ said }) => said.lease))];
  const more = leases.length > SHOWN ? ` and ${leases.length - SHOWN} more` : "";
  return {
    ...first.said,
    uid: undefined,
    note: `${gathered.length} times: ${leases.slice(0, SHOWN).join(", ")}${more}`,
    once: `${identity} ${gathered.map(({ epoch }) => epoch).join(" ")}`,
  };
}

function apart({ said, epoch }: Happened): LeaseEvent {
  return { ...said, uid: undefined, once: `${said.note} ${epoch}` };
}

/** What client-go tells of one leader, in its words. Of several locks, the one that is taken last speaks for all. */
export function leaderNews(lock: {
  readonly title: string;
  readonly object: NonNullable<LeaseEvent["regarding"]>;
}): (transition: Transition) => Said | undefined {
  const { name } = lock.object;
  return ({ event, shard, identity, reason }) => {
    if (shard !== lock.title) return undefined;
    const about = { lease: name, regarding: lock.object, reason: "LeaderElection", type: "Normal" } as const;
    if (event === "gate-opened") return { ...about, action: "Lead", note: `${identity} became leader` };
    if (event === "lease-released") return { ...about, action: "Release", note: `${identity} stopped leading` };
    if (event !== "lease-lost") return undefined;
    if (reason === "foreign-edit" || reason === "foreign-holder") {
      const edit = { ...foreignEdit(name), regarding: lock.object };
      return { ...edit, note: `${identity} stopped leading: somebody else wrote the Lease (${reason})` };
    }
    return { ...about, type: "Warning", action: "Lead", note: `${identity} stopped leading: ${reason}` };
  };
}

/** What is told of the shards of a coordinator. */
export function shardNews(coordinator: string): (transition: Transition) => Said | undefined {
  return ({ event, shard, identity, reason }) => {
    const lease = `${coordinator}-${shard}`.toLowerCase();
    const about = { lease, type: "Normal", action: "Elect" } as const;
    switch (event) {
      case "lease-acquired":
        return { ...about, reason: "ShardAcquired", note: `${identity} leads shard ${shard}` };
      case "lease-released":
        return { ...about, reason: "ShardReleased", note: `${identity} has freed shard ${shard}` };
      case "lease-transferred":
        return { ...about, reason: "ShardMoved", note: `${identity} has handed shard ${shard} over` };
      case "lease-lost":
        if (reason === "foreign-edit" || reason === "foreign-holder") {
          return {
            ...foreignEdit(lease),
            note: `${identity} has lost shard ${shard}: somebody else wrote its Lease (${reason})`,
          };
        }
        return {
          ...about,
          type: "Warning",
          reason: "ShardLost",
          note: `${identity} has lost shard ${shard}: ${reason}`,
        };
      default:
        return undefined;
    }
  };
}

function foreignEdit(lease: string) {
  return { lease, type: "Warning", reason: "ForeignEdit", action: "Elect" } as const;
}
