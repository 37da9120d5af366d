import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiServerCore, coreTransport } from "../../../src/embedded/index.ts";
import { LEASES } from "../../../src/kube/api.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import { ListWatch } from "../../../src/kube/list-watch.ts";
import { KubernetesLeaseStore } from "../../../src/lease/kubernetes.ts";
import { MemoryLeases } from "../../../src/lease/memory.ts";
import { MemoryLeaseStore } from "../../../src/lease/memory-store.ts";
import { leaseSelector } from "../../../src/lease/names.ts";
import {
  changedLease,
  type LeaseRecord,
  type LeaseVersion,
  newLease,
  nextRenewTime,
} from "../../../src/lease/record.ts";
import type { LeaseFeedEvent, LeaseStore, WriteAnswer } from "../../../src/lease/store.ts";
import { SeededRandomness } from "../../simulation/world.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

/** One store of coordinator `shop` in namespace `default`, and a way to let its watch run. */
interface World {
  readonly store: LeaseStore;
  readonly settle: () => Promise<void>;
}

function inMemory(): World {
  return { store: new MemoryLeaseStore(new MemoryLeases(), "shop"), settle: () => settled(new VirtualClock()) };
}

function onTheEmbeddedServer(): World {
  const clock = new VirtualClock();
  const randomness = new SeededRandomness(1);
  const transport = coreTransport(new ApiServerCore({ clock, randomness }), { clock });
  const selection = { namespace: "default", labelSelector: leaseSelector("shop") };
  const feed = new ListWatch({ transport, resource: LEASES, selection, clock, randomness });
  const api = new KubeClient(transport, { clock, randomness });
  return {
    store: new KubernetesLeaseStore({ api, namespace: "default", deadlineMs: 2_000, feed }),
    settle: () => settled(clock),
  };
}

async function settled(clock: VirtualClock): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) {
    await clock.advance(1);
    await setImmediate();
  }
}

const LABELS = { "electorate.dev/coordinator": "shop", "electorate.dev/role": "shard" };
let times = 0;

function record(changes: Partial<LeaseRecord> = {}): LeaseRecord {
  times += 1;
  const renewTime = nextRenewTime(Date.UTC(2026, 0, 1) + times, "");
  return { holder: "r1", durationMs: 15_000, acquireTime: renewTime, renewTime, transitions: 0, ...changes };
}

function body(
  name = "shop-configmaps-00",
  changes: Partial<LeaseRecord> = {},
  labels: Record<string, string> = LABELS,
) {
  return newLease(name, "default", { record: record(changes), labels });
}

async function stored(answer: Promise<WriteAnswer>): Promise<LeaseVersion> {
  const outcome = await answer;
  if (outcome.type !== "ok") throw new Error(`not stored: ${outcome.type}`);
  return outcome.version;
}

let ended = new AbortController();
beforeEach(() => {
  ended = new AbortController();
});
afterEach(() => ended.abort());

/** What a watch has shown so far, one line each. */
function follow(store: LeaseStore, signal: AbortSignal): { readonly seen: string[]; relist(): void } {
  const watch = store.watch();
  const seen: string[] = [];
  void (async () => {
    for await (const event of watch.events(signal)) if (event.type !== "bookmark") seen.push(lineOf(event));
  })();
  return { seen, relist: () => watch.relist() };
}

function lineOf(event: Exclude<LeaseFeedEvent, { type: "bookmark" }>): string {
  if (event.type === "snapshot") return `snapshot ${event.versions.map(({ name }) => name).join(" ")}`.trim();
  return `${event.type} ${event.version.name} ${event.version.record.holder}`.trim();
}

describe.each([
  ["in memory", inMemory],
  ["in an API server", onTheEmbeddedServer],
])("Leases %s", (_, open) => {
  it("two replicas that create one Lease do not both believe that they made it", async () => {
    const { store } = open();
    await stored(store.create(body()));
    expect(await store.create(body("shop-configmaps-00", { holder: "r2" }))).toEqual({ type: "conflict" });
  });

  it("a write over another version than the newest is a conflict, not a lost update", async () => {
    const { store } = open();
    const first = await stored(store.create(body()));
    await stored(store.update(changedLease(first, { record: record({ holder: "r2", transitions: 1 }) })));
    expect(await store.update(changedLease(first, { record: record({ holder: "r3", transitions: 1 }) }))).toEqual({
      type: "conflict",
    });
  });

  it("a write to a deleted Lease does not make it again", async () => {
    const { store } = open();
    const first = await stored(store.create(body()));
    expect(await store.remove(first.name, first)).toEqual({ type: "ok" });
    expect((await store.update(changedLease(first, { record: record() }))).type).not.toBe("ok");
    expect(await store.get(first.name)).toEqual({ type: "missing" });
  });

  it("a Lease that was made again has another uid and a higher resourceVersion: epochs go on growing", async () => {
    const { store } = open();
    const first = await stored(store.create(body()));
    await store.remove(first.name, first);
    const second = await stored(store.create(body()));
    expect(second.uid).not.toBe(first.uid);
    expect(BigInt(second.resourceVersion)).toBeGreaterThan(BigInt(first.resourceVersion));
  });

  it("resourceVersions grow over all Leases, not over each alone", async () => {
    const { store } = open();
    const one = await stored(store.create(body("shop-a-00")));
    const two = await stored(store.create(body("shop-b-00")));
    const three = await stored(store.update(changedLease(one, { record: record() })));
    expect(BigInt(two.resourceVersion)).toBeGreaterThan(BigInt(one.resourceVersion));
    expect(BigInt(three.resourceVersion)).toBeGreaterThan(BigInt(two.resourceVersion));
  });

  it("a PUT that changes nothing stores nothing and shows nothing: its answer proves no renewal", async () => {
    const { store, settle } = open();
    const first = await stored(store.create(body()));
    const { seen } = follow(store, ended.signal);
    await settle();
    const same = await stored(store.update(changedLease(first, { record: first.record })));
    await settle();
    expect(same.resourceVersion).toBe(first.resourceVersion);
    expect(seen).toHaveLength(1);
  });

  it("a delete of another version than the newest deletes nothing", async () => {
    const { store } = open();
    const first = await stored(store.create(body()));
    await stored(store.update(changedLease(first, { record: record() })));
    expect(await store.remove(first.name, first)).toEqual({ type: "conflict" });
    expect(await store.remove("shop-nothing-00", first)).toEqual({ type: "missing" });
    expect((await store.get(first.name)).type).toBe("ok");
  });

  it.each([
    ["three fraction digits", { renewTime: "2026-01-01T00:00:00.000Z" }],
    ["a duration of 0", { durationMs: 0 }],
    ["a duration in fractions of a second", { durationMs: 1_500 }],
    ["negative transitions", { transitions: -1 }],
    ["transitions beyond the field's end", { transitions: 2 ** 31 }],
  ])("%s is refused: what the tests let pass, the real server would not", async (_what, changes) => {
    await expect(open().store.create(body("shop-configmaps-00", changes))).rejects.toMatchObject({
      code: "invalid-request",
    });
  });

  it("a label is added without touching the record, so that nobody's wait starts anew", async () => {
    const { store } = open();
    const first = await stored(store.create(body("shop-configmaps-00", {}, { team: "a" })));
    const labelled = await stored(store.label(first.name, { labels: LABELS, annotations: { note: "x" } }));
    expect(labelled.record).toEqual(first.record);
    expect(labelled.labels).toEqual({ team: "a", ...LABELS });
    expect((await store.label("shop-nothing-00", { labels: LABELS })).type).toBe("missing");
    const less = await stored(store.label(first.name, { annotations: { note: null } }));
    expect(less.annotations).toEqual({});
  });

  it("Leases of other coordinators are named with their owners, ours and unlabelled ones are not", async () => {
    const { store } = open();
    await store.create(body("shop-a-00"));
    await store.create(body("shop-b-00", {}, { ...LABELS, "electorate.dev/coordinator": "other" }));
    await store.create(body("shop-c-00", {}, {}));
    expect(await store.foreignCoordinators("shop")).toEqual(new Map([["shop-b-00", "other"]]));
  });

  it("the watch begins with everything that is there, then shows each change once and in order", async () => {
    const { store, settle } = open();
    const first = await stored(store.create(body("shop-a-00")));
    const { seen } = follow(store, ended.signal);
    await settle();
    await store.create(body("shop-b-00", { holder: "r2" }));
    const next = await stored(store.update(changedLease(first, { record: record({ holder: "r3", transitions: 1 }) })));
    await store.remove(next.name, next);
    await settle();
    expect(seen).toEqual([
      "snapshot shop-a-00",
      "changed shop-b-00 r2",
      "changed shop-a-00 r3",
      "deleted shop-a-00 r3",
    ]);
  });

  it("the watch does not show Leases of others, and a Lease that loses our label is gone for it", async () => {
    const { store, settle } = open();
    const { seen } = follow(store, ended.signal);
    await settle();
    await store.create(body("shop-x-00", {}, { ...LABELS, "electorate.dev/coordinator": "other" }));
    await store.create(body("shop-y-00", {}, { ...LABELS, "electorate.dev/role": "other" }));
    await store.create(body("shop-control", { holder: "" }, { ...LABELS, "electorate.dev/role": "control" }));
    const ours = await stored(store.create(body("shop-a-00")));
    await store.update(changedLease(ours, { record: ours.record, labels: { "electorate.dev/coordinator": "other" } }));
    await settle();
    expect(seen).toEqual(["snapshot", "changed shop-control", "changed shop-a-00 r1", "deleted shop-a-00 r1"]);
  });

  it("a deletion carries the resourceVersion of the deletion, not that of the last state", async () => {
    const { store, settle } = open();
    const first = await stored(store.create(body()));
    const versions: string[] = [];
    void (async () => {
      for await (const event of store.watch().events(ended.signal)) {
        if (event.type === "deleted") versions.push(event.version.resourceVersion);
      }
    })();
    await settle();
    await store.remove(first.name, first);
    await settle();
    expect(BigInt(versions[0] ?? "0")).toBeGreaterThan(BigInt(first.resourceVersion));
  });

  it("a demanded relist brings a fresh snapshot", async () => {
    const { store, settle } = open();
    const followed = follow(store, ended.signal);
    await settle();
    await store.create(body("shop-a-00"));
    await settle();
    followed.relist();
    await settle();
    expect(followed.seen.at(-1)).toBe("snapshot shop-a-00");
  });
});

describe("Leases in an API server", () => {
  it("a namespace that does not exist is an error that says so, not a missing Lease to be made again and again", async () => {
    const clock = new VirtualClock();
    const randomness = new SeededRandomness(1);
    const transport = coreTransport(new ApiServerCore({ clock, randomness }), { clock });
    const api = new KubeClient(transport, { clock, randomness });
    const feed = new ListWatch({ transport, resource: LEASES, clock, randomness });
    const store = new KubernetesLeaseStore({ api, namespace: "nowhere", deadlineMs: 2_000, feed });
    const lease = newLease("shop-a-00", "nowhere", { record: record(), labels: LABELS });
    await expect(store.create(lease)).rejects.toMatchObject({ code: "not-found" });
  });
});
