import { afterEach, expect } from "vitest";
import type { ApiResource, FeedEvent } from "../../../src/kube/api.ts";
import { type FeedTrouble, ListWatch, type ListWatchOptions } from "../../../src/kube/list-watch.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { ScriptedTransport } from "./scripted-transport.ts";

export const CONFIG_MAPS: ApiResource = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};

/** A feed under virtual time whose events are collected as they come. */
export class Feed {
  readonly clock = new VirtualClock();
  readonly transport = new ScriptedTransport();
  readonly troubles: FeedTrouble[] = [];
  readonly said: string[] = [];
  readonly events: FeedEvent[] = [];
  readonly stop = new AbortController();
  healthy = 0;
  readonly listWatch: ListWatch;
  ended: Promise<void> = Promise.resolve();
  hasEnded = false;

  constructor(options: Partial<ListWatchOptions> = {}) {
    this.listWatch = new ListWatch({
      transport: this.transport,
      resource: CONFIG_MAPS,
      selection: { namespace: "default", labelSelector: "app in (a,b)" },
      clock: this.clock,
      randomness: { next: () => 0, uuid: () => "" },
      onTrouble: (trouble) => void this.troubles.push(trouble),
      onHealthy: () => void this.healthy++,
      ...options,
    });
  }

  async start(): Promise<this> {
    this.ended = this.#consume();
    await this.clock.advance(0);
    return this;
  }

  async #consume(): Promise<void> {
    for await (const event of this.listWatch.events(this.stop.signal)) {
      this.events.push(event);
      this.said.push(describeEvent(event));
    }
    this.hasEnded = true;
  }

  /** Lets a watch speak and everything that follows from it happen, without time passing. */
  async say(...events: readonly (object | string)[]): Promise<void> {
    this.transport.watch.say(...events);
    await this.clock.advance(0);
  }

  get resumedFrom(): (string | undefined)[] {
    return this.transport.watches.map((watch) => watch.request.query?.resourceVersion);
  }

  get codes(): string[] {
    return this.troubles.map(({ error }) => error.code);
  }
}

function describeEvent(event: FeedEvent): string {
  switch (event.type) {
    case "snapshot":
      return `snapshot@${event.resourceVersion}[${event.objects.map((object) => object.metadata.name).join(",")}]`;
    case "bookmark":
      return `bookmark@${event.resourceVersion}`;
    default:
      return `${event.type} ${event.object.metadata.name}@${event.object.metadata.resourceVersion}`;
  }
}

const feeds: Feed[] = [];

/** Starts a feed that ends with the test, and then must have left nothing behind. */
export async function feed(
  options: Partial<ListWatchOptions> = {},
  prepare?: (transport: ScriptedTransport) => void,
): Promise<Feed> {
  const made = new Feed(options);
  feeds.push(made);
  prepare?.(made.transport);
  return made.start();
}

afterEach(async () => {
  for (const made of feeds.splice(0)) {
    made.stop.abort();
    await made.ended;
    expect(made.transport.openWatches, "a watch was leaked").toBe(0);
    expect(made.clock.pendingTimers, "a timer was leaked").toBe(0);
  }
});
