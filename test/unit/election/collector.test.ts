import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Collector } from "../../../src/election/collector.ts";
import { MemoryLeases } from "../../../src/lease/memory.ts";
import { MemoryLeaseStore } from "../../../src/lease/memory-store.ts";
import { shardLabels, shardsOf } from "../../../src/lease/names.ts";
import { changedLease, formatMicroTime, newLease, parseLease } from "../../../src/lease/record.ts";
import type { LeaseStore } from "../../../src/lease/store.ts";
import { EMPTY_ROSTER, observeMember, type Roster } from "../../../src/membership/roster.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { TroubleLog } from "../../../src/runtime/trouble.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const [SHARD] = shardsOf("shop", { group: "", plural: "secrets" }, 1, "hashring-1/1");

let ended = new AbortController();
beforeEach(() => {
  ended = new AbortController();
});
afterEach(() => ended.abort());

/** One replica that is alone, serves config maps only, and sees everything at once. */
function world(wrap: (store: LeaseStore) => LeaseStore = (store) => store, isStatic = false) {
  const clock = new VirtualClock();
  const leases = new MemoryLeases();
  const warnings: string[] = [];
  const log = { ...silentTelemetry.log, warn: (_: object, message: string) => void warnings.push(message) };
  const view = { isFresh: true };
  const store = new MemoryLeaseStore(leases, "shop");
  const collector = new Collector({
    coordinator: "shop",
    identity: "me_1",
    leaseDurationMs: 15_000,
    isStatic,
    ownLeases: new Set(["shop-configmaps-00"]),
    store: wrap(new MemoryLeaseStore(leases, "shop")),
    clock,
    telemetry: silentTelemetry,
    trouble: new TroubleLog(log),
    roster: () => ownRoster(clock.monotonicMs()),
    holders: () => [],
    isFresh: () => view.isFresh,
  });
  const watch = store.watch();
  void (async () => {
    for await (const event of watch.events(ended.signal)) collector.apply(event);
  })();
  void collector.run(ended.signal).catch(() => {});
  const make = (holder = ""): void => {
    const renewTime = formatMicroTime(clock.wallMs() * 1000);
    const record = { holder, durationMs: 15_000, acquireTime: renewTime, renewTime, transitions: 1 };
    const annotations = {
      "electorate.dev/resource": "secrets",
      "electorate.dev/key-map": "hashring-1/1",
      "electorate.dev/renewal": "per-shard",
    };
    leases.create(newLease(SHARD!.leaseName, "default", { record, labels: shardLabels("shop", SHARD!), annotations }));
  };
  const isThere = (): boolean => leases.get(SHARD!.leaseName) !== undefined;
  return { clock, leases, view, watch, warnings, make, isThere };
}

function ownRoster(nowMs: number): Roster {
  const annotations = {
    "electorate.dev/identity": "me_1",
    "electorate.dev/protocol": "1",
    "electorate.dev/resources": '{"configmaps":"hashring-1/1"}',
  };
  const metadata = { name: "shop-member-1", uid: "u", resourceVersion: "1", annotations };
  const lease = parseLease({ metadata, spec: { holderIdentity: "me_1", leaseDurationSeconds: 15 } });
  return observeMember(EMPTY_ROSTER, lease, "watch", nowMs - 1, 15_000);
}

describe("clearing up", () => {
  it("a shard's Lease stays although nobody serves it any more", async () => {
    const { clock, make, isThere } = world();
    make("gone_1");
    await clock.advance(HOUR);
    expect(isThere()).toBe(true);
    await clock.advance(MINUTE);
    expect(isThere()).toBe(false);
  });

  it("a shard's Lease is deleted where somebody else makes and deletes them", async () => {
    const { clock, make, isThere } = world((store) => store, true);
    make("gone_1");
    await clock.advance(3 * HOUR);
    expect(isThere()).toBe(true);
  });

  it("a Lease that somebody goes on to write is deleted by the age of its first version", async () => {
    const { clock, leases, make, isThere } = world();
    make("client-go");
    for (let minutes = 0; minutes < 90; minutes += 30) {
      await clock.advance(30 * MINUTE);
      const stored = parseLease(leases.get(SHARD!.leaseName)!);
      const renewTime = formatMicroTime(clock.wallMs() * 1000);
      leases.update(changedLease(stored, { record: { ...stored.record, renewTime } }));
    }
    expect(isThere()).toBe(true);
  });

  it("a relist begins the hour anew, and nothing is ever cleared behind a watch that is often cut", async () => {
    const { clock, watch, make, isThere } = world();
    make();
    for (let minutes = 0; minutes < 62; minutes += 1) {
      await clock.advance(MINUTE);
      watch.relist();
    }
    await clock.advance(MINUTE);
    expect(isThere()).toBe(false);
  });

  it("a replica whose watch is behind deletes what it believes dead", async () => {
    const { clock, view, make, isThere } = world();
    make();
    view.isFresh = false;
    await clock.advance(2 * HOUR);
    expect(isThere()).toBe(true);
    view.isFresh = true;
    await clock.advance(MINUTE);
    expect(isThere()).toBe(false);
  });

  it("a Lease that was taken a moment ago, unseen, is deleted under its new holder", async () => {
    const wrap = (store: LeaseStore): LeaseStore => {
      const remove = store.remove.bind(store);
      return Object.assign(store, {
        remove: async (...about: Parameters<LeaseStore["remove"]>) => {
          const found = await store.get(about[0]);
          if (found.type === "ok") {
            const { version } = found;
            await store.update(changedLease(version, { record: { ...version.record, holder: "new_1" } }));
          }
          return remove(...about);
        },
      });
    };
    const { clock, leases, warnings, make } = world(wrap);
    make();
    await clock.advance(HOUR + MINUTE);
    expect(parseLease(leases.get(SHARD!.leaseName)!).record.holder).toBe("new_1");
    expect(warnings).toEqual([]);
  });

  it("a right that is missing fills the log, or ends the replica", async () => {
    const denied = new ElectorateError("forbidden", "may not delete leases");
    const { clock, warnings, make, isThere } = world((store) =>
      Object.assign(store, { remove: () => Promise.reject(denied) }),
    );
    make();
    await clock.advance(2 * HOUR);
    expect(isThere()).toBe(true);
    expect(warnings).toEqual(["deleting the unused Lease shop-secrets-00 failed: may not delete leases"]);
  });
});
