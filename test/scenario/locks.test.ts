import { describe, expect, it } from "vitest";
import type { LockKind } from "../../src/config/leader-election.ts";
import { LeaderWorld } from "../support/leader-world.ts";

const L = 15_000;
const V = 10_000;
const LEADER = "control-plane.alpha.kubernetes.io/leader";

function holderOf(world: LeaderWorld, plural: string): unknown {
  const stored = world.stored(plural);
  if (plural === "leases") return (stored?.spec as { holderIdentity?: string } | undefined)?.holderIdentity;
  return (JSON.parse(stored?.metadata.annotations?.[LEADER] ?? "{}") as { holderIdentity?: string }).holderIdentity;
}

async function leading(lock: LockKind, name = "r1") {
  const world = new LeaderWorld();
  const candidate = world.candidate(name, { lock }).start();
  await world.until("a leader", 3 * L, () => candidate.leads);
  return { world, candidate };
}

describe("locks of a leader election", () => {
  it("a lock on configmaps is renewed without a change, and the API server stores none", async () => {
    const { world, candidate } = await leading("configmaps");
    const standby = world.candidate("r2", { lock: "configmaps" }).start();
    await world.clock.advance(10 * L);
    expect(candidate.leads).toBe(true);
    expect(candidate.calls).toEqual(["started"]);
    candidate.stop();
    await world.clock.advance(50);
    expect(standby.leads).toBe(true);
    expect(world.overlaps).toEqual([]);
  });

  it("both objects name the holder of a lock on both, or it does not lead", async () => {
    const { world, candidate } = await leading("configmapsleases");
    const { identity } = candidate.elector;
    expect([holderOf(world, "configmaps"), holderOf(world, "leases")]).toEqual([identity, identity]);
    await world.clock.advance(10 * L);
    expect(candidate.calls).toEqual(["started"]);
    candidate.stop();
    await world.clock.advance(100);
    expect(candidate.outcome).toBe("clean");
    expect([holderOf(world, "configmaps"), holderOf(world, "leases")]).toEqual(["", ""]);
  });

  it("somebody who takes one of two locks leads beside us", async () => {
    const { world, candidate } = await leading("configmapsleases");
    const stored = world.stored("leases")!;
    world.put("leases", { ...stored, spec: { ...(stored.spec as object), holderIdentity: "thief" } });
    await world.clock.advance(50);
    expect(candidate.leads).toBe(false);
    expect(candidate.calls).toEqual(["started", "stopped"]);
  });

  it("holders that differ are reported as a leader", async () => {
    const world = new LeaderWorld();
    world.put("configmaps", {
      metadata: { name: "shop", annotations: { [LEADER]: '{"holderIdentity":"old","leaseDurationSeconds":15}' } },
    });
    world.put("leases", { metadata: { name: "shop" }, spec: { holderIdentity: "new", leaseDurationSeconds: 15 } });
    const candidate = world.candidate("r1", { lock: "configmapsleases" }).start();
    await world.clock.advance(V);
    expect(candidate.elector.leader).toBe("");
    expect(candidate.newLeaders).toEqual([]);
    await world.until("a leader that is known", 4 * L, () => candidate.leads);
    expect(candidate.elector.leader).toBe(candidate.elector.identity);
  });

  it("two candidates of two steps wait for each other, each with one lock of the other's", async () => {
    const world = new LeaderWorld();
    const both = [1, 2].map((n) => world.candidate(`both-${n}`, { lock: "configmapsleases" }).start());
    const single = [1, 2].map((n) => world.candidate(`lease-${n}`).start());
    await world.until("a leader", 4 * L, () => world.leading.size > 0);
    for (let turn = 0; turn < 3; turn += 1) {
      const leader = [...both, ...single].find(({ leads }) => leads)!;
      leader.stop();
      await world.until("another leader", 4 * L, () => [...both, ...single].some((one) => one !== leader && one.leads));
    }
    expect(world.overlaps).toEqual([]);
  });

  it.each([
    ["configmaps", "configmapsleases", "leases"],
    ["leases", "configmapsleases", "configmaps"],
    ["endpoints", "endpointsleases", "leases"],
  ] as const)("two lead while a fleet goes from %s over %s to %s, by rolling updates and crashes", async (...steps) => {
    const world = new LeaderWorld();
    let fleet = [1, 2, 3].map((n) => world.candidate(`${steps[0]}-${n}`, { lock: steps[0] }).start());
    await world.until("a first leader", 3 * L, () => world.leading.size === 1);
    for (const lock of steps.slice(1)) {
      const next = [1, 2, 3].map((n) => world.candidate(`${lock}-${n}`, { lock }));
      for (const [index, candidate] of next.entries()) {
        candidate.start();
        await world.clock.advance(3_000);
        // Two of the three are stopped, one is cut off for good.
        if (index === 1) fleet[index]!.cut();
        else fleet[index]!.stop();
        await world.clock.advance(3 * L);
      }
      await world.until(`a leader by ${lock}`, 3 * L, () => next.some(({ leads }) => leads));
      fleet = next;
    }
    expect(world.overlaps).toEqual([]);
  });
});
