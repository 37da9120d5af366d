import { describe, expect, it } from "vitest";
import type { EventPlace, LeaseEvent } from "../../../src/lease/events.ts";
import {
  leaderNews,
  shardNews,
  TransitionEvents,
  type TransitionEventsOptions,
} from "../../../src/lease/transition-events.ts";
import { silentTelemetry, type Telemetry, type TransitionEvent } from "../../../src/runtime/telemetry.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

function world(options: Partial<TransitionEventsOptions> = {}) {
  const clock = new VirtualClock();
  const told: { readonly event: LeaseEvent; readonly at: EventPlace }[] = [];
  const events = new TransitionEvents({
    clock,
    identity: "r1_uuid",
    inPod: false,
    say: shardNews("shop"),
    tell: async (event, at) => void told.push({ event, at }),
    ...options,
  });
  const telemetry: Telemetry = events.heardBy(silentTelemetry);
  let epoch = 0;
  const happen = (event: TransitionEvent, shard: string, reason = "taken"): void => {
    epoch += 1;
    telemetry.transition({ event, shard, identity: "r1_uuid", epoch: String(epoch), reason });
  };
  /** What was told since this was last asked. */
  const news = () =>
    told.splice(0).map(({ event: { reason, lease, note }, at }) => [reason, at === "pod" ? "Pod" : lease, note]);
  return { clock, events, happen, news };
}

describe("Events of what happens to Leases", () => {
  it("people hear of what is no news, or not of what is", async () => {
    const { clock, happen, news } = world();
    happen("gate-opened", "pods-00");
    happen("queue-started", "pods-00");
    happen("lease-acquired", "pods-00");
    happen("lease-released", "pods-01", "drained");
    happen("lease-transferred", "pods-02", "planned");
    happen("lease-lost", "pods-03", "renew-deadline");
    happen("lease-lost", "pods-04", "foreign-holder");
    await clock.advance(1_000);
    expect(news()).toEqual([
      ["ShardAcquired", "shop-pods-00", "r1_uuid leads shard pods-00"],
      ["ShardReleased", "shop-pods-01", "r1_uuid has freed shard pods-01"],
      ["ShardMoved", "shop-pods-02", "r1_uuid has handed shard pods-02 over"],
      ["ShardLost", "shop-pods-03", "r1_uuid has lost shard pods-03: renew-deadline"],
      ["ForeignEdit", "shop-pods-04", "r1_uuid has lost shard pods-04: somebody else wrote its Lease (foreign-holder)"],
    ]);
  });

  it("a drain of a thousand shards is a thousand writes", async () => {
    const { clock, happen, news } = world({ inPod: true });
    for (let shard = 10; shard < 1_010; shard += 1) happen("lease-transferred", `pods-${shard}`, "planned");
    await clock.advance(60_000);
    const [only, ...others] = news();
    expect(others).toEqual([]);
    expect(only?.slice(0, 2)).toEqual(["ShardMoved", "Pod"]);
    expect(only?.[2]).toMatch(/^1000 times: shop-pods-10, .*, shop-pods-19 and 990 more$/);
  });

  it("outside of a Pod a thousand shards are told of at a Pod that is none, or not at all", async () => {
    const { clock, happen, news } = world();
    for (let shard = 10; shard < 1_010; shard += 1) happen("lease-transferred", `pods-${shard}`, "planned");
    await clock.advance(60_000);
    expect(news()).toEqual([["ShardMoved", "shop-pods-10", expect.stringMatching(/^1000 times: shop-pods-10, /)]]);
  });

  it("kubectl describe pod shows nothing of what its replica does, or each of its shards by itself", async () => {
    const { clock, happen, news } = world({ inPod: true });
    happen("lease-acquired", "pods-00");
    happen("lease-acquired", "pods-01");
    happen("lease-lost", "pods-02", "renew-deadline");
    await clock.advance(1_000);
    expect(news()).toEqual([
      ["ShardAcquired", "shop-pods-00", "r1_uuid leads shard pods-00"],
      ["ShardAcquired", "shop-pods-01", "r1_uuid leads shard pods-01"],
      ["ShardAcquired", "Pod", "2 times: shop-pods-00, shop-pods-01"],
      ["ShardLost", "shop-pods-02", "r1_uuid has lost shard pods-02: renew-deadline"],
      ["ShardLost", "Pod", "r1_uuid has lost shard pods-02: renew-deadline"],
    ]);
  });

  it("a leader is told of in words that no dashboard for client-go knows", async () => {
    const object = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "default", name: "shop" };
    const { clock, happen, news } = world({ inPod: true, say: leaderNews({ title: "shop", object }) });
    happen("gate-opened", "shop");
    await clock.advance(1_000);
    happen("lease-released", "shop");
    await clock.advance(1_000);
    expect(news()).toEqual([
      ["LeaderElection", "shop", "r1_uuid became leader"],
      ["LeaderElection", "Pod", "r1_uuid became leader"],
      ["LeaderElection", "shop", "r1_uuid stopped leading"],
      ["LeaderElection", "Pod", "r1_uuid stopped leading"],
    ]);
  });

  it("a Lease that flaps writes without end, or its last news is lost", async () => {
    const { clock, happen, news } = world();
    for (let second = 0; second < 100; second += 1) {
      happen("lease-lost", "pods-00", "foreign-edit");
      await clock.advance(1_000);
    }
    happen("lease-lost", "pods-00", "foreign-edit");
    const told = news().length;
    // Ten at once, and one for each ten seconds.
    expect(told).toBeGreaterThanOrEqual(15);
    expect(told).toBeLessThanOrEqual(21);
    await clock.advance(20_000);
    const rest = news();
    expect(rest.length).toBeGreaterThan(0);
    await clock.advance(60_000);
    expect(news()).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("what happens last before an end is not told, or a timer outlives it", async () => {
    const { clock, events, happen, news } = world();
    happen("lease-released", "pods-00", "drained");
    await events.close();
    expect(news()).toHaveLength(1);
    happen("lease-released", "pods-01", "drained");
    expect(clock.pendingTimers).toBe(0);
  });
});
