/** The network between a client and the core, as a simulator sees it: one message at a time. */
import type { ApiRequest } from "../kube/transport.ts";

/** One message on its way. */
export interface Message {
  /** `end` tells the client that the server ended its watch. */
  readonly kind: "request" | "answer" | "event" | "end";
  /** The same number for all messages of one exchange of one transport, growing by one with each exchange. */
  readonly exchange: number;
  readonly request: ApiRequest;
}

/** What a network can do with a message. Doing nothing loses it; only the first of several calls counts. */
export interface Delivery {
  /** The message arrives now. */
  arrive(): void;
  /** The connection breaks now: the client's call fails with `unreachable`, and the server's watch ends. */
  cut(): void;
}

/** Where messages go; a simulator delays, loses or cuts them here. */
export interface Network {
  send(message: Message, delivery: Delivery): void;
}

/** Delivers everything, in order, each message in a microtask of its own. */
export const perfectNetwork: Network = {
  send: (_message, delivery) => queueMicrotask(() => delivery.arrive()),
};

/** A delivery of which only the first call counts. */
export function once(arrive: () => void, cut: () => void): Delivery {
  let done = false;
  const first = (action: () => void) => (): void => {
    if (done) return;
    done = true;
    action();
  };
  return { arrive: first(arrive), cut: first(cut) };
}

/**
 * The messages from the server to one client in the order in which they were sent, as on one TCP connection: a message that
 * is delayed or lost holds back those behind it.
 */
export class OrderedArrivals {
  readonly #slots: { arrived: boolean; readonly action: () => void }[] = [];

  /** A place in the line; call the result when the message arrives. */
  slot(action: () => void): () => void {
    const slot = { arrived: false, action };
    this.#slots.push(slot);
    return () => {
      slot.arrived = true;
      while (this.#slots[0]?.arrived === true) this.#slots.shift()?.action();
    };
  }

  /** Forgets whatever has not arrived. */
  clear(): void {
    this.#slots.length = 0;
  }
}
