import type { Delivery, Message, Network } from "../../src/embedded/network.ts";
import type { Machine, World } from "./world.ts";

/** What the network does to one replica's messages. */
export interface LinkFaults {
  requestsLost: boolean;
  answersLost: boolean;
  eventsHeld: boolean;
  /** Part of the messages that is lost, and part that is late by up to `lateMs`. */
  lossRate: number;
  lateRate: number;
  lateMs: number;
}

const HEALTHY: LinkFaults = {
  requestsLost: false,
  answersLost: false,
  eventsHeld: false,
  lossRate: 0,
  lateRate: 0,
  lateMs: 0,
};

/** The line between one replica and the API server. A held message arrives when the line is healed, or dies with a cut. */
export class Link implements Network {
  readonly #world: World;
  readonly #machine: Machine;
  #faults: LinkFaults = HEALTHY;
  #held: { readonly delivery: Delivery; readonly toServer: boolean }[] = [];

  constructor(world: World, machine: Machine) {
    this.#world = world;
    this.#machine = machine;
  }

  break(faults: Partial<LinkFaults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  /** Everything works again; what was held arrives, or its connections are found dead. */
  heal(how: "deliver" | "cut"): void {
    this.#faults = HEALTHY;
    const held = this.#held;
    this.#held = [];
    for (const { delivery, toServer } of held) {
      const arrive = (): void => (how === "cut" ? delivery.cut() : delivery.arrive());
      // A request arrives whatever has become of its sender.
      const onServer = toServer && how === "deliver";
      this.#world.after(this.#latencyMs(), onServer ? arrive : () => this.#machine.deliver(arrive));
    }
  }

  send(message: Message, delivery: Delivery): void {
    const { randomness } = this.#world;
    const faults = this.#faults;
    const toServer = message.kind === "request";
    const isEvent = message.kind === "event" || message.kind === "end";
    if (isEvent && (faults.eventsHeld || faults.answersLost)) return void this.#held.push({ delivery, toServer });
    if (toServer ? faults.requestsLost : faults.answersLost) return void this.#held.push({ delivery, toServer });
    // A lost segment of a watch is repeated by TCP; a lost request or answer is one that outlives its deadline.
    if (!isEvent && randomness.chance(faults.lossRate)) return;
    let latencyMs = this.#latencyMs();
    if (randomness.chance(faults.lateRate)) latencyMs += randomness.between(0, faults.lateMs);
    const arrive = (): void => delivery.arrive();
    this.#world.after(latencyMs, toServer ? arrive : () => this.#machine.deliver(arrive));
  }

  #latencyMs(): number {
    return this.#world.randomness.between(0.3, 6);
  }
}
