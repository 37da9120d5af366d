import type { ApiResource, KubeApi, KubernetesObject } from "../../kube/api.ts";
import { resourceName } from "../../kube/api.ts";
import { type Clock, sleep } from "../../runtime/clock.ts";
import { OBSERVED, valueIn } from "./handler.ts";
import { NAMESPACE } from "./settings.ts";
import type { ObservedObject } from "./work.ts";

/**
 * The objects of the demo and the changes that keep coming to them, through the API server's door like anybody's.
 *
 * A change counts once the API server has acknowledged it: from then on its value is wanted. No object is changed twice
 * at once, so that the last acknowledged value is the newest one.
 */

export const CONFIG_MAPS: ApiResource = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};

export const WIDGETS: ApiResource = {
  group: "demo.electorate.dev",
  version: "v1",
  plural: "widgets",
  kind: "Widget",
  namespaced: true,
};

/** Every fifth object is a widget. */
const WIDGET_EVERY = 5;
/** Requests in flight while the objects are made. */
const CREATE_PARALLEL = 8;
const BURST_PARALLEL = 2;

interface Item {
  readonly resource: ApiResource;
  readonly name: string;
  readonly key: string;
}

export class Workload {
  readonly #api: KubeApi;
  readonly #clock: Clock;
  readonly #items: readonly Item[];
  readonly #wanted = new Map<string, string>();
  readonly #changing = new Set<string>();
  #next = 0;
  #changes = 0;

  constructor(api: KubeApi, clock: Clock, objects: number) {
    this.#api = api;
    this.#clock = clock;
    const digits = String(objects).length;
    this.#items = Array.from({ length: objects }, (_, index) => {
      const resource = index % WIDGET_EVERY === WIDGET_EVERY - 1 ? WIDGETS : CONFIG_MAPS;
      const name = `object-${String(index + 1).padStart(digits, "0")}`;
      return { resource, name, key: `${resourceName(resource)}/${NAMESPACE}/${name}` };
    });
  }

  /** The newest acknowledged value of each object, by key. */
  get wanted(): ReadonlyMap<string, string> {
    return this.#wanted;
  }

  /** Acknowledged changes, the making of an object not counted. */
  get changes(): number {
    return this.#changes;
  }

  /** Makes every object; rejects with the signal's reason when that aborts before the last one. */
  async create(signal: AbortSignal): Promise<void> {
    await inParallel(CREATE_PARALLEL, this.#items, async (item) => {
      signal.throwIfAborted();
      await this.#api.create(item.resource, newObject(item));
      this.#wanted.set(item.key, "0");
    });
  }

  /** Changes one object after the other, `perSecond` a second, until the signal aborts. */
  async trickle(perSecond: number, signal: AbortSignal): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    for (let made = 1; !signal.aborted; made += 1) {
      const item = this.#take();
      if (item !== undefined) await this.#change(item);
      const waitMs = startMs + (made * 1000) / perSecond - this.#clock.monotonicMs();
      await sleep(this.#clock, Math.max(0, waitMs), signal).catch(() => {});
    }
  }

  /** Changes the next `number` objects, two at a time, as fast as the API server takes it. */
  async burst(number: number): Promise<void> {
    await inParallel(BURST_PARALLEL, Array.from({ length: number }), async () => {
      const item = this.#take();
      if (item !== undefined) await this.#change(item);
    });
  }

  /** Every object as the API server has it now. */
  async observe(): Promise<ObservedObject[]> {
    const lists = await Promise.all(
      [CONFIG_MAPS, WIDGETS].map(async (resource) => {
        const { objects } = await this.#api.list(resource, { namespace: NAMESPACE, labelSelector: "app=demo" });
        return objects.map((object) => observed(resource, object));
      }),
    );
    return lists.flat();
  }

  /** The next object that nobody is changing right now. */
  #take(): Item | undefined {
    for (const _ of this.#items) {
      const item = this.#items[this.#next % this.#items.length];
      this.#next += 1;
      if (item === undefined || this.#changing.has(item.key)) continue;
      this.#changing.add(item.key);
      return item;
    }
    return undefined;
  }

  async #change({ resource, name, key }: Item): Promise<void> {
    const value = String(this.#next);
    try {
      await this.#api.patch(resource, NAMESPACE, name, content(resource, value));
      this.#wanted.set(key, value);
      this.#changes += 1;
    } finally {
      this.#changing.delete(key);
    }
  }
}

function newObject({ resource, name }: Item): KubernetesObject {
  const { group, version, kind } = resource;
  return {
    apiVersion: group === "" ? version : `${group}/${version}`,
    kind,
    metadata: { name, namespace: NAMESPACE, labels: { app: "demo" } },
    ...content(resource, "0"),
  };
}

function content(resource: ApiResource, value: string): Record<string, unknown> {
  return resource === WIDGETS ? { spec: { value } } : { data: { value } };
}

function observed(resource: ApiResource, object: KubernetesObject): ObservedObject {
  const { name, annotations } = object.metadata;
  return {
    key: `${resourceName(resource)}/${NAMESPACE}/${name}`,
    wanted: valueIn(resource === WIDGETS ? object.spec : object.data) ?? "",
    observed: annotations?.[OBSERVED],
  };
}

/** Runs `work` for every item, `parallel` at a time; the first failure ends it. */
async function inParallel<Item>(
  parallel: number,
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, worker));
}
