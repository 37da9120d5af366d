import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryLeases } from "../../../src/lease/memory.ts";
import { MemoryLeaseStore } from "../../../src/lease/memory-store.ts";
import { createIdentity } from "../../../src/lease/names.ts";
import { parseLease } from "../../../src/lease/record.ts";
import type { LeaseStore } from "../../../src/lease/store.ts";
import { MemberKeeper } from "../../../src/membership/keeper.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { GateClock } from "../../../src/runtime/gate-clock.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { TroubleLog } from "../../../src/runtime/trouble.ts";
import { LeaseLink } from "../../support/lease-link.ts";
import { TIMINGS } from "../../support/scenario-replica.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const R = TIMINGS.retryPeriodMs;
let ended = new AbortController();
beforeEach(() => {
  ended = new AbortController();
});
afterEach(() => ended.abort());

function made(wrap: (store: LeaseStore) => LeaseStore = (store) => store) {
  const clock = new VirtualClock();
  const leases = new MemoryLeases();
  const acknowledged: { readonly resourceVersion: string; readonly sentMs: number }[] = [];
  const link = new LeaseLink(wrap(new MemoryLeaseStore(leases, "shop")), clock, R);
  const keeper = new MemberKeeper({
    coordinator: "shop",
    namespace: "default",
    identity: createIdentity("pod", "u1"),
    timings: TIMINGS,
    renewal: "per-shard",
    traits: { weight: 2, zone: "here", version: "7f9c" },
    address: "10.0.0.7:8080",
    store: link,
    clock,
    telemetry: silentTelemetry,
    trouble: new TroubleLog(silentTelemetry.log),
    gateClock: new GateClock(clock),
    acknowledged: (resourceVersion, sentMs) => void acknowledged.push({ resourceVersion, sentMs }),
    extended: () => {},
    relist: () => {},
    died: () => {},
  });
  const stored = () => {
    const object = leases.get("shop-member-u1");
    return object === undefined ? undefined : parseLease(object);
  };
  const run = (): Promise<void> => keeper.run(ended.signal);
  return { clock, leases, link, keeper, stored, run, acknowledged };
}

describe("our member Lease", () => {
  it("says who we are, what we speak and what we serve, so that others need not ask", async () => {
    const { clock, keeper, stored, run } = made();
    keeper.announce("configmaps", "ring-1/8");
    void run();
    await clock.advance(1);
    expect(stored()).toMatchObject({
      record: { holder: "pod_u1", durationMs: 15_000, transitions: 0 },
      labels: { "electorate.dev/coordinator": "shop", "electorate.dev/role": "member" },
      annotations: {
        "electorate.dev/identity": "pod_u1",
        "electorate.dev/protocol": "1",
        "electorate.dev/state": "ready",
        "electorate.dev/weight": "2",
        "electorate.dev/zone": "here",
        "electorate.dev/version": "7f9c",
        "electorate.dev/address": "10.0.0.7:8080",
        "electorate.dev/resources": '{"configmaps":"ring-1/8"}',
      },
    });
  });

  it("is renewed every period, no more often", async () => {
    const { clock, link, run } = made();
    void run();
    await clock.advance(1);
    const before = link.requests;
    await clock.advance(10 * R);
    expect(link.requests - before).toBe(10);
  });

  it("does not wait for the next renewal to say something new", async () => {
    const { clock, keeper, stored, run } = made();
    void run();
    await clock.advance(500);
    keeper.drain();
    await clock.advance(20);
    expect(stored()?.annotations["electorate.dev/state"]).toBe("draining");
    keeper.claim("uid/manager/containerd://1");
    await clock.advance(20);
    expect(stored()?.annotations["electorate.dev/container"]).toBe("uid/manager/containerd://1");
    keeper.announce("secrets", "ring-1/1");
    await clock.advance(20);
    expect(stored()?.annotations["electorate.dev/resources"]).toBe('{"secrets":"ring-1/1"}');
  });

  it("does not forget what changed while a write was on its way", async () => {
    const { clock, link, keeper, stored, run } = made();
    void run();
    await clock.advance(100);
    link.state = "mute";
    await clock.advance(R);
    keeper.drain();
    link.state = "up";
    await clock.advance(R + 50);
    expect(stored()?.annotations["electorate.dev/state"]).toBe("draining");
  });

  it("goes on after an answer was lost, a foreign edit or a deletion", async () => {
    const { clock, leases, link, keeper, stored, run } = made();
    void run();
    await clock.advance(100);
    link.state = "mute";
    await clock.advance(R);
    link.state = "up";
    await clock.advance(2 * R);
    const afterLoss = stored()?.record.renewTime ?? "";
    const object = leases.get("shop-member-u1");
    if (object === undefined) throw new Error("gone");
    leases.update({ ...object, metadata: { ...object.metadata, labels: {} }, spec: { holderIdentity: "" } });
    await clock.advance(R + 50);
    expect(stored()).toMatchObject({ record: { holder: "pod_u1" }, labels: { "electorate.dev/role": "member" } });
    expect((stored()?.record.renewTime ?? "") > afterLoss).toBe(true);
    leases.remove("shop-member-u1");
    keeper.missed("999");
    await clock.advance(50);
    expect(stored()?.record.holder).toBe("pod_u1");
  });

  it("wipes what somebody asked of this member: every later write keeps it", async () => {
    const { clock, leases, keeper, stored, run } = made();
    void run();
    await clock.advance(100);
    const object = leases.get("shop-member-u1");
    if (object === undefined) throw new Error("gone");
    const annotations = { ...object.metadata.annotations, "electorate.dev/intent": "drain" };
    leases.update({ ...object, metadata: { ...object.metadata, annotations } });
    await clock.advance(3 * R);
    keeper.announce("configmaps", "ring-1/8");
    await clock.advance(R);
    expect(stored()?.annotations).toMatchObject({
      "electorate.dev/intent": "drain",
      "electorate.dev/resources": '{"configmaps":"ring-1/8"}',
    });
  });

  it("is not written in a tight loop when somebody fights over it or every write is refused", async () => {
    const refusing = (store: LeaseStore): LeaseStore =>
      Object.assign(store, { create: () => Promise.reject(new ElectorateError("not-found", "no such namespace")) });
    const { clock, link, run } = made(refusing);
    void run();
    await clock.advance(10 * R);
    expect(link.requests).toBeLessThan(25);
  });

  it("is deleted at a clean end, and only then", async () => {
    const { clock, keeper, stored, run } = made();
    const running = run();
    await clock.advance(100);
    ended.abort();
    await running;
    expect(stored()).toBeDefined();
    await keeper.remove();
    expect(stored()).toBeUndefined();
    await keeper.remove();
  });

  it("is kept with a growing renewTime although the wall clock is set back", async () => {
    const { clock, stored, run } = made();
    void run();
    await clock.advance(100);
    const before = stored()?.record.renewTime ?? "";
    clock.jumpWall(-3_600_000);
    await clock.advance(R);
    expect((stored()?.record.renewTime ?? "") > before).toBe(true);
  });
});
